#include "sampling/host.hpp"

#include "sampling/network.hpp"

namespace selfscale::sampling {

Host::Host(const std::string& root)
    : stat_{root + "/proc/stat"},
      meminfo_{root + "/proc/meminfo"},
      loadavg_{root + "/proc/loadavg"},
      net_dev_{root + "/proc/self/net/dev"} {}

std::optional<CpuTimes> Host::read_cpu() {
  const auto text = stat_.read(buffer_);
  return text ? parse_cpu_times(*text) : std::nullopt;
}

std::optional<HostMemory> Host::read_memory() {
  const auto text = meminfo_.read(buffer_);
  return text ? parse_memory(*text) : std::nullopt;
}

std::optional<double> Host::read_load_average() {
  const auto text = loadavg_.read(buffer_);
  return text ? parse_load_average(*text) : std::nullopt;
}

std::optional<double> Host::read_network_bytes() {
  const auto text = net_dev_.read(buffer_);
  return text ? parse_network_bytes(*text) : std::nullopt;
}

void Host::close() noexcept {
  for (auto* file : {&stat_, &meminfo_, &loadavg_, &net_dev_}) file->close();
}

}  // namespace selfscale::sampling
