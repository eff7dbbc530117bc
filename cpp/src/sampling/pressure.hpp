/// Pressure stall information: the time in which some task waited for a resource.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sampling/kept_file.hpp"

namespace selfscale::sampling {

/// Seconds since boot, or since the control group was made, in which some task stood still: "some"
/// of a pressure file. (The kernel's averages over 10, 60 and 300 seconds are of no use for windows
/// of other lengths.)
std::optional<double> parse_stalled_seconds(std::string_view pressure) noexcept;

struct Stalled {
  std::optional<double> cpu_seconds;
  std::optional<double> memory_seconds;
  std::optional<double> io_seconds;
};

/// Of the control group of version 2, where the kernel tells it, else of the host. Kernels before
/// 4.20, and those started without `psi=1` where that is needed, tell nothing.
class Pressure {
 public:
  /// `group`: the folder of this process's control group of version 2; may be empty. `root` stands
  /// before "/proc", for tests.
  explicit Pressure(const std::string& group, const std::string& root = {});

  Stalled read(std::string& buffer);
  void close() noexcept;

 private:
  KeptFile cpu_;
  KeptFile memory_;
  KeptFile io_;
};

}  // namespace selfscale::sampling
