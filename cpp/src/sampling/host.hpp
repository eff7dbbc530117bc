/// What the host, or the container as a host, shows of itself; through files that are kept open.
#pragma once

#include <optional>
#include <string>

#include "sampling/cpu.hpp"
#include "sampling/kept_file.hpp"
#include "sampling/memory.hpp"

namespace selfscale::sampling {

/// What a kernel does not tell is empty, never zero. One thread at a time.
class Host {
 public:
  /// `root` stands before "/proc", for tests.
  explicit Host(const std::string& root = {});

  std::optional<CpuTimes> read_cpu();
  std::optional<HostMemory> read_memory();
  std::optional<double> read_load_average();
  std::optional<double> read_network_bytes();
  void close() noexcept;

 private:
  KeptFile stat_;
  KeptFile meminfo_;
  KeptFile loadavg_;
  KeptFile net_dev_;
  std::string buffer_;
};

}  // namespace selfscale::sampling
