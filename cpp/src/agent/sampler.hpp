/// Looks at the processes of a service and at the host, once a tick.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/readings.hpp"
#include "drivers/driver.hpp"
#include "sampling/cgroup.hpp"
#include "sampling/cpu.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {

/// Control thread only.
class Sampler {
 public:
  Sampler();

  /// `segment` may be null: then this process is all that is known, `own` its metrics and
  /// `instance` its name. Of `replicas`, those that report nothing are looked at from
  /// outside, with all that they have started.
  Tick sample(Instant at, const segment::Segment* segment, std::span<const std::byte> own,
              const std::string& instance, const std::vector<drivers::Replica>& replicas);

  /// What new processes can have, within the cgroup's limit; empty where the host does not tell.
  [[nodiscard]] std::optional<double> available_memory_mb() const noexcept { return available_mb_; }
  /// Percent of the host's processors that were busy between the last two samples, with all that
  /// runs there; empty before the second, and where the host does not tell.
  [[nodiscard]] std::optional<double> host_cpu_percent() const noexcept {
    return host_cpu_percent_;
  }

 private:
  HostView look_at_host();
  void look_at_host_cpu();

  sampling::Cgroup cgroup_;
  std::optional<double> available_mb_;
  std::optional<sampling::CpuTimes> host_cpu_;
  std::optional<double> host_cpu_percent_;
};

}  // namespace selfscale::agent
