/// A target rule: as many replicas as bring the load of one to the target. The arithmetic is that
/// of Kubernetes' HPA (replica_calculator.go), doubles in its order of operations
/// (docs/decisions/0007-target-is-kubernetes.md).
#pragma once

#include "decide/readings.hpp"
#include "decide/rules/rule.hpp"

namespace selfscale {

/// `target` and `targetPerReplica` on a metric of instances: desired = ceil(ratio × ready
/// instances), within tolerance the current count. Where an instance is missing, or one is unready
/// and the ratio above 1, the load is filled in and the number of samples takes the place of the
/// ready: missing ones count as loaded (max(100, target) percent of what they have, else the
/// target) on the way down, as idle on the way up; unready ones as idle on the way up alone. What
/// fills in may hold the count, never turn the direction round.
Proposal judge_instances(const TargetRule& rule, const Situation& seen,
                         std::size_t metric) noexcept;

/// `target` on a reading of the service (HPA's Value): ceil(value ÷ target × ready); from no
/// replicas ceil(value ÷ target), without tolerance.
Proposal judge_value(const TargetRule& rule, double value, int current, int ready) noexcept;

/// `targetPerReplica` on a reading of the service (HPA's AverageValue): ceil(value ÷ target);
/// within tolerance of what the `existing` replicas should carry, that count, asked for or not.
Proposal judge_total(const TargetRule& rule, double value, int current, int existing) noexcept;

Proposal propose_target(const TargetRule& rule, const Situation& seen, std::size_t metric) noexcept;

}  // namespace selfscale
