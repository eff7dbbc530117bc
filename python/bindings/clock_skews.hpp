/// What the clocks of proxies add to the waits that they report.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace selfscale::python {

/// A proxy whose clock is behind adds as much to every wait. The shortest wait that its host has
/// reported is taken for that, and does not count: not before the host has been known for a minute,
/// so that whoever starts into a queue sees it, and only for so long as it is at most an hour old.
/// Knows the 64 hosts that were last heard of.
class ClockSkews {
 public:
  ClockSkews() = default;
  ClockSkews(const ClockSkews&) = delete;
  ClockSkews& operator=(const ClockSkews&) = delete;

  static constexpr std::size_t most_hosts = 64;
  static constexpr double learning_seconds = 60.0;
  static constexpr double span_seconds = 1800.0;  ///< a minimum lives for one to two of them

  /// Of a wait that `host` reported the part that is one. `now`: seconds since the epoch.
  double waited(std::string_view host, double reported, double now) noexcept;

 private:
  struct Host {
    std::uint64_t key = 0;  ///< 0: nobody
    double known_since = 0.0;
    double span_began = 0.0;
    double lowest = 0.0;
    double lowest_before = 0.0;  ///< of the span before
    double last_heard = 0.0;
  };
  Host& find(std::uint64_t key) noexcept;
  static void take_note(Host& host, double reported, double now) noexcept;

  std::array<Host, most_hosts> hosts_{};
  Host* latest_ = hosts_.data();
};

}  // namespace selfscale::python
