/// Looks at the processes of a service and at the host, once a tick.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "agent/readings.hpp"
#include "drivers/driver.hpp"
#include "sampling/cgroup.hpp"
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

 private:
  HostView look_at_host();

  sampling::Cgroup cgroup_;
  std::optional<double> available_mb_;
};

}  // namespace selfscale::agent
