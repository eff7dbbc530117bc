/// What this process uses, counted into its metrics: so it stays in the sums when the process ends,
/// and others see it where /proc hides it.
#pragma once

#include <cstdint>
#include <optional>
#include <selfscale/metric.hpp>
#include <string_view>

#include "metrics/registry.hpp"

namespace selfscale::agent {

inline constexpr std::string_view process_cpu_microseconds = "process_cpu_microseconds";
inline constexpr std::string_view process_context_switches = "process_context_switches";
inline constexpr std::string_view process_disk_bytes = "process_disk_bytes";

/// Counts what was added to a total; one that is smaller than before began anew.
void count_up(const Counter& counter, std::uint64_t& counted, std::uint64_t total) noexcept;

/// Control thread, or while that does not run.
class Usage {
 public:
  explicit Usage(metrics::Registry& registry);

  /// What came since the last time.
  void count() noexcept;
  /// In a fork's child, which has used nothing yet.
  void begin_anew() noexcept;

 private:
  Counter cpu_;
  Counter switches_;
  std::optional<Counter> disk_;  ///< empty where the kernel does not account for it
  std::uint64_t counted_cpu_ = 0;
  std::uint64_t counted_switches_ = 0;
  std::uint64_t counted_disk_ = 0;
};

}  // namespace selfscale::agent
