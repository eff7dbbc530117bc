/// The stages that decide() is made of, each for itself: the same functions, one at a time.
///
/// Pure as decide() is. Each looks at the replicas asked for (`snapshot.platform.desired_replicas`)
/// as those that a change is counted from, takes `snapshot.at` for now, or the time of the last
/// decision where that is later, and leaves in `state` what decide() would have left there at that
/// stage. A state that has never met the service meets it: what is there counts as the first
/// recommendation. Never throws for what a snapshot holds, but where it says so.
#pragma once

#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/policy.hpp>
#include <selfscale/snapshot.hpp>
#include <string_view>
#include <vector>

namespace selfscale {

/// How an instance counts for a metric, as Kubernetes' HPA classifies pods.
enum class Standing : std::uint8_t {
  ignored,  ///< being deleted, failed or ended: it is going
  unready,  ///< not serving yet: it will take load, and carries none
  missing,  ///< serving, without a reading
  ready,
};
SELFSCALE_API std::string_view name_of(Standing standing) noexcept;

/// What a stage makes of a number of replicas.
struct Staged {
  int replicas = 0;
  std::vector<Adjustment> adjustments;  ///< the changes that led there; empty: none
  bool operator==(const Staged&) const = default;
};

namespace stages {

/// How each instance of the snapshot counts for a metric of the policy, by Kubernetes'
/// classification (horizontal.go, groupPods): readiness and the time since the start matter for CPU
/// alone. Empty: the platform does not list the instance. Throws Error(invalid_argument) for a
/// metric that the policy does not have.
SELFSCALE_API std::vector<std::optional<Standing>> classify(const Policy& policy,
                                                            const Snapshot& snapshot,
                                                            std::string_view metric);

/// What every rule wants, in the order of the policy's rules.
SELFSCALE_API std::vector<Proposal> propose(const Policy& policy, const Snapshot& snapshot,
                                            DecisionState& state);

/// What the stabilization windows of `behavior` leave of a recommendation, which is remembered as
/// it came; then a deployment under way, and the bounds of schedules.
SELFSCALE_API Staged stabilize(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                               int wanted);

/// What the scaling policies of `behavior` leave of it, after the changes that `state` knows of. A
/// bound that is not tighter than the policy's own `minReplicas` or `maxReplicas` is left to
/// limit().
SELFSCALE_API Staged rate_limit(const Policy& policy, const Snapshot& snapshot,
                                DecisionState& state, int wanted);

/// What `minReplicas`, `maxReplicas` and the guardrails leave of it. Guardrails stop growth alone.
SELFSCALE_API Staged limit(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                           int wanted);

}  // namespace stages

}  // namespace selfscale
