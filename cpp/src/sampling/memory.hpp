/// The host's memory.
#pragma once

#include <optional>
#include <string>

namespace selfscale::sampling {

struct HostMemory {
  double total_bytes = 0.0;
  double available_bytes = 0.0;  ///< what new processes can have without swapping
};
std::optional<HostMemory> read_host_memory(const std::string& root = {});

}  // namespace selfscale::sampling
