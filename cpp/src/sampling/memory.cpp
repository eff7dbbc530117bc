#include "sampling/memory.hpp"

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<HostMemory> read_host_memory(const std::string& root) {
  const auto text = read_text(root + "/proc/meminfo");
  if (!text) return std::nullopt;
  const auto total = number_after(*text, "MemTotal");
  const auto available = number_after(*text, "MemAvailable");
  if (!total || !available) return std::nullopt;
  return HostMemory{static_cast<double>(*total) * 1024, static_cast<double>(*available) * 1024};
}

}  // namespace selfscale::sampling
