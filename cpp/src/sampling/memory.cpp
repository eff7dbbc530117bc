#include "sampling/memory.hpp"

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<HostMemory> parse_memory(std::string_view meminfo) noexcept {
  const auto total = number_after(meminfo, "MemTotal");
  const auto available = number_after(meminfo, "MemAvailable");
  if (!total || !available) return std::nullopt;
  return HostMemory{static_cast<double>(*total) * 1024, static_cast<double>(*available) * 1024};
}

}  // namespace selfscale::sampling
