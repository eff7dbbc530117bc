#include "decide/rules/ecs_target.hpp"

#include <algorithm>

#include "decide/rules/added_already.hpp"
#include "decide/rules/held.hpp"
#include "decide/rules/serving.hpp"

namespace selfscale {
namespace {

/// Too much for long enough: more, but for what the last steps up have added already. None count as
/// one, as in `due / max(workers, 1)`: any ratio of none is none.
Proposal scale_out(const EcsTargetRule& rule, double value, const Situation& seen) noexcept {
  const int added = added_already(rule.scale_out_cooldown, seen);
  const int counted = seen.current == 0 ? 1 : seen.current - added;
  const int wanted = whole_replicas(static_cast<double>(counted) * value / rule.target);
  if (added > 0 && wanted <= seen.current) {
    return wanting(seen.current, seen.current, Code::starting, Code::starting, Code::starting);
  }
  return wanting(wanted, seen.current, Code::above_target, Code::above_target, Code::above_target);
}

/// Rounded up, those that stay are not over the target.
Proposal scale_in(const EcsTargetRule& rule, double value, const Situation& seen) noexcept {
  const int wanted = std::min(
      seen.current, whole_replicas(static_cast<double>(seen.current) * value / rule.target));
  if (wanted < seen.current && has_lowered_within(rule.scale_in_cooldown, seen)) {
    return wanting(seen.current, seen.current, Code::scale_down_cooldown, Code::scale_down_cooldown,
                   Code::scale_down_cooldown);
  }
  return wanting(wanted, seen.current, Code::below_target, Code::below_target, Code::below_target);
}

/// How long the datapoints cover: the first of them a minute itself.
Duration covered(bool is_past, Instant at, std::optional<Instant>& since) noexcept {
  const Duration since_first = held(is_past, at, since);
  return is_past ? since_first + ecs_datapoint : Duration{0};
}

Proposal judge(const EcsTargetRule& rule, const ServingValue& load, const Situation& seen,
               DecisionState::Memory& memory) noexcept {
  const bool is_high = load.for_up > rule.target;
  const bool is_low = load.is_whole && load.value < ecs_low_share * rule.target;
  const Duration high_for = covered(is_high, seen.at, memory.above_since);
  const Duration low_for = covered(is_low, seen.at, memory.below_since);
  const int current = seen.current;
  Proposal proposal = wanting(current, current, Code::within_tolerance, Code::within_tolerance,
                              Code::within_tolerance);
  if (is_high) {
    proposal = high_for >= ecs_high_alarm ? scale_out(rule, load.for_up, seen)
                                          : wanting(current, current, Code::above_not_long,
                                                    Code::above_not_long, Code::above_not_long);
  } else if (is_low) {
    proposal = low_for >= ecs_low_alarm ? scale_in(rule, load.value, seen)
                                        : wanting(current, current, Code::below_not_long,
                                                  Code::below_not_long, Code::below_not_long);
  }
  proposal.held_for = std::max(high_for, low_for);
  proposal.value = load.value;
  if (!rule.scale_in && !is_high) {
    proposal.answer = Answer::abstain;
    proposal.replicas = current;
    proposal.code = Code::no_lowering;
  }
  return proposal;
}

}  // namespace

Proposal propose_ecs_target(const EcsTargetRule& rule, const Situation& seen, std::size_t metric,
                            DecisionState::Memory& memory) noexcept {
  const auto load = serving_value(seen, metric, seen.policy.metrics[metric].across);
  if (!load) memory = {};
  Proposal proposal = load ? judge(rule, *load, seen, memory) : without_data(seen.current);
  proposal.threshold = rule.target;
  return proposal;
}

}  // namespace selfscale
