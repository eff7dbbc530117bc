/// The host's processors.
#pragma once

#include <optional>
#include <string_view>

namespace selfscale::sampling {

struct CpuTimes {
  double busy_seconds = 0.0;  ///< of all processors, since boot; waiting for disks is idle
  double total_seconds = 0.0;
};
/// From the text of /proc/stat.
std::optional<CpuTimes> parse_cpu_times(std::string_view stat) noexcept;

/// Processes that run or wait for a disk, averaged over a minute: from the text of /proc/loadavg.
std::optional<double> parse_load_average(std::string_view loadavg) noexcept;

/// Processors that this process may run on; at least 1.
int count_cores() noexcept;

}  // namespace selfscale::sampling
