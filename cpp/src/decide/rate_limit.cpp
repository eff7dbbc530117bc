#include "decide/rate_limit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace selfscale {
namespace {

/// Where the count stood when the period began.
std::int64_t period_start(Duration period, const DecisionState& state, int current,
                          Instant at) noexcept {
  std::int64_t start = current;
  for (const DecisionState::Change& change : state.changes) {
    if (at - change.at < period) start -= change.replicas;
  }
  return start;
}

/// Cut to a whole number, saturated at the ends of int.
int whole(double replicas) noexcept {
  constexpr double most = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp(replicas, -most, most));
}

/// Going up is rounded up: a small percentage of few would never add one.
int bound_of(const ScalingPolicy& policy, bool up, std::int64_t start) noexcept {
  const auto from = static_cast<double>(start);
  const auto value = static_cast<double>(policy.value);
  if (policy.type == ScalingPolicy::Type::pods) return whole(up ? from + value : from - value);
  return whole(up ? std::ceil(from * (1.0 + value / 100.0)) : from * (1.0 - value / 100.0));
}

/// An HPA without behavior looks at no change of the past.
int bound_without_periods(const KubernetesLimits& limits, int current) noexcept {
  return whole(std::max(limits.scale_up_limit_factor * static_cast<double>(current),
                        limits.scale_up_limit_minimum));
}

Limited held(const DirectionBehavior& behavior, bool up, int bound) noexcept {
  const bool is_disabled = behavior.select_policy == SelectPolicy::disabled;
  const Code code = up            ? is_disabled ? Code::scale_up_disabled : Code::scale_up_rate
                    : is_disabled ? Code::scale_down_disabled
                                  : Code::scale_down_rate;
  return {bound, code, static_cast<double>(bound)};
}

}  // namespace

std::optional<int> rate_bound(const DirectionBehavior& behavior, bool up,
                              const DecisionState& state, int current, Instant at) noexcept {
  if (behavior.select_policy == SelectPolicy::disabled) return current;
  if (behavior.policies.empty()) return std::nullopt;
  const bool wants_most = up == (behavior.select_policy == SelectPolicy::max);
  constexpr int most = std::numeric_limits<int>::max();
  int bound = wants_most ? -most : most;
  for (const ScalingPolicy& policy : behavior.policies) {
    const int one = bound_of(policy, up, period_start(policy.period, state, current, at));
    bound = wants_most ? std::max(bound, one) : std::min(bound, one);
  }
  return bound;
}

Limited within_rate(const CompiledPolicy& policy, const Bounds& bounds, const DecisionState& state,
                    int wanted, int current, Instant at) noexcept {
  if (policy.kubernetes) {
    const int bound = bound_without_periods(*policy.kubernetes, current);
    const bool is_tighter = wanted > bound && bound < bounds.max_replicas;
    return is_tighter ? held(policy.scale_up, true, bound) : Limited{wanted};
  }
  if (wanted == current) return {wanted};
  const bool up = wanted > current;
  const DirectionBehavior& behavior = up ? policy.scale_up : policy.scale_down;
  auto bound = rate_bound(behavior, up, state, current, at);
  if (!bound) return {wanted};
  *bound = up ? std::max(*bound, current) : std::min(*bound, current);
  const bool is_tighter = up ? wanted > *bound && *bound < bounds.max_replicas
                             : wanted<*bound&& * bound> bounds.min_replicas;
  return is_tighter ? held(behavior, up, *bound) : Limited{wanted};
}

void forget_old_changes(DecisionState& state, const CompiledPolicy& policy, Instant at) {
  const auto is_needed = [&](const DecisionState::Change& change) {
    return at - change.at < policy.changes_kept;
  };
  if (state.changes.empty() || is_needed(state.changes.front())) return;
  state.changes.erase(state.changes.begin(),
                      std::find_if(state.changes.begin(), state.changes.end(), is_needed));
}

}  // namespace selfscale
