/// How fast the count may move: Kubernetes' scaling policies over what was done lately.
#pragma once

#include <optional>

#include "decide/limits.hpp"

namespace selfscale {

/// The count that the policies of a direction allow at most (up) or at least (down), however far
/// that is from `current`; empty: no limit. Each policy counts from where its period began: current
/// less what was added and plus what was taken away within it; a change as old as the period is
/// out. Doubles in HPA's order of operations (horizontal.go,
/// calculateScale{Up,Down}LimitWithScalingRules): 100 replicas and 10 % are 111.
std::optional<int> rate_bound(const DirectionBehavior& behavior, bool up,
                              const DecisionState& state, int current, Instant at) noexcept;

/// The step to `wanted`, cut where the rate limits are tighter than the policy's own bound in that
/// direction. A limit never turns a step round.
Limited within_rate(const CompiledPolicy& policy, const Bounds& bounds, const DecisionState& state,
                    int wanted, int current, Instant at) noexcept;

/// Drops the changes that no period can still need.
void forget_old_changes(DecisionState& state, const CompiledPolicy& policy, Instant at);

}  // namespace selfscale
