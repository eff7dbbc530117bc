/// The host's processors.
#pragma once

#include <optional>
#include <string>

namespace selfscale::sampling {

struct CpuTimes {
  double busy_seconds = 0.0;  ///< of all processors, since boot; waiting for disks is idle
  double total_seconds = 0.0;
};
std::optional<CpuTimes> read_host_cpu(const std::string& root = {});

/// Processors that this process may run on; at least 1.
int count_cores() noexcept;

}  // namespace selfscale::sampling
