/// The host's memory.
#pragma once

#include <optional>
#include <string_view>

namespace selfscale::sampling {

struct HostMemory {
  double total_bytes = 0.0;
  double available_bytes = 0.0;  ///< what new processes can have without swapping
};
/// From the text of /proc/meminfo.
std::optional<HostMemory> parse_memory(std::string_view meminfo) noexcept;

}  // namespace selfscale::sampling
