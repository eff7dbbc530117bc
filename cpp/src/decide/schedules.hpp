/// The bounds at an instant: the policy's, moved by its schedules (docs/policy.md, Schedules).
#pragma once

#include <selfscale/snapshot.hpp>

#include "policy/compiled.hpp"

namespace selfscale {

struct Bounds {
  /// The policy's own, whatever the time.
  Bounds(const CompiledPolicy& policy) noexcept
      : min_replicas{policy.min_replicas}, max_replicas{policy.max_replicas} {}

  int min_replicas;
  int max_replicas;
  bool is_min_scheduled = false;  ///< a schedule gives it
  bool is_max_scheduled = false;
};

/// Wall time is in seconds since the epoch; from the estimates comes the start-up time where the
/// policy expects none.
Bounds scheduled_bounds(const CompiledPolicy& policy, double wall_time_seconds,
                        const Estimates& estimates);

/// The same; most policies have no schedules.
inline Bounds bounds_at(const CompiledPolicy& policy, double wall_time_seconds,
                        const Estimates& estimates) {
  return policy.schedules.empty() ? Bounds{policy}
                                  : scheduled_bounds(policy, wall_time_seconds, estimates);
}

}  // namespace selfscale
