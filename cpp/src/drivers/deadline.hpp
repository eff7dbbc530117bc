#pragma once

#include <algorithm>
#include <chrono>
#include <compare>
#include <selfscale/instant.hpp>

namespace selfscale::drivers {

/// When a chain of calls must be over.
struct Deadline {
  explicit Deadline(Duration from_now) : at{std::chrono::steady_clock::now() + from_now} {}
  /// Until then; nothing once it is over.
  [[nodiscard]] Duration left() const {
    const auto rest = std::chrono::ceil<Duration>(at - std::chrono::steady_clock::now());
    return std::max(rest, Duration{0});
  }
  /// Until then, and no longer than `most`; at least a millisecond, in which nothing comes about.
  [[nodiscard]] Duration left(Duration most) const {
    const auto rest = std::chrono::duration_cast<Duration>(at - std::chrono::steady_clock::now());
    return std::clamp(rest, Duration{1}, most);
  }
  [[nodiscard]] bool is_over() const { return std::chrono::steady_clock::now() >= at; }
  auto operator<=>(const Deadline&) const = default;
  std::chrono::steady_clock::time_point at;
};

/// When what was taken over must have been given back: an agent that stops waits for it.
inline Deadline release_deadline(Duration patience) {
  return Deadline{std::min(Duration{5'000}, patience)};
}

}  // namespace selfscale::drivers
