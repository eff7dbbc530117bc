/// Looks at the processes of a service and at the host, once a tick.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/readings.hpp"
#include "drivers/driver.hpp"
#include "sampling/cgroup.hpp"
#include "sampling/host.hpp"
#include "sampling/pressure.hpp"
#include "sampling/process.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {

/// Control thread only.
class Sampler {
 public:
  Sampler();

  /// `segment` may be null: then this process is all that is known, `own` its metrics and
  /// `instance` its name; without `own` it is no replica, and nobody is known. Of `replicas`, those
  /// that report nothing are looked at from outside, with all that they have started.
  Tick sample(Instant at, const segment::Segment* segment,
              std::optional<std::span<const std::byte>> own, const std::string& instance,
              const std::vector<drivers::Replica>& replicas);

  /// In a fork's child, which has inherited the files that are kept open: lets go of them.
  void abandon_in_child() noexcept;

  /// What new processes can have, within the cgroup's limit; empty where the host does not tell.
  [[nodiscard]] std::optional<double> available_memory_mb() const noexcept { return available_mb_; }
  /// Percent of the host's processors that were busy between the last two samples, with all that
  /// runs there; empty before the second, and where the host does not tell.
  [[nodiscard]] std::optional<double> host_cpu_percent() const noexcept {
    return host_cpu_percent_;
  }

 private:
  ProcessView in_slot(segment::Contents::Process process, Instant now);
  ProcessView own_process(std::span<const std::byte> metrics, const std::string& instance,
                          Instant now);
  std::vector<ProcessView> from_outside(const drivers::Replica& replica, Instant now);
  void look_at_process(ProcessView& process, Instant now);
  HostView look_at_host(Instant now);
  void look_around();
  void look_at_host_cpu();

  sampling::Host host_;
  sampling::Cgroup cgroup_;
  sampling::Pressure pressure_;
  sampling::Processes processes_;
  std::string buffer_;
  HostView around_;  ///< what changes slowly, as last looked at
  std::optional<Instant> looked_around_;
  std::optional<double> available_mb_;
  std::optional<sampling::CpuTimes> host_cpu_;
  std::optional<double> host_cpu_percent_;
};

}  // namespace selfscale::agent
