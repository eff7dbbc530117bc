#include "decide/rules/step.hpp"

#include <algorithm>

#include "decide/rules/added_already.hpp"
#include "decide/rules/serving.hpp"

namespace selfscale {
namespace {

/// The bound of the step that the value has passed.
double passed(const StepRule& rule, const Step& step) noexcept {
  const auto& bound = step.is_below ? step.to : step.from;
  return rule.threshold.value_or(0.0) + bound.value_or(0.0);
}

Proposal judge_up(const StepRule& rule, const Step& step, const Situation& seen) noexcept {
  const int before = seen.current - added_already(rule.cooldown, seen);
  const int wanted = rule.stepped(step, before);
  return wanted > seen.current
             ? wanting(wanted, seen.current, Code::step_up, Code::step_up, Code::step_up)
             : wanting(seen.current, seen.current, Code::starting, Code::starting, Code::starting);
}

/// No step: nothing is wanted; where no step ever asks for less, the rule has no say in that.
Proposal judge_rest(const StepRule& rule, int current) noexcept {
  Proposal proposal =
      wanting(current, current, Code::outside_steps, Code::outside_steps, Code::outside_steps);
  if (!rule.can_lower()) {
    proposal.answer = Answer::abstain;
    proposal.code = Code::no_lowering;
  }
  return proposal;
}

/// Of the steps for what is reported and for what silence may mean the one that gives fewer: on the
/// lower side an idle instance would ask for more.
const Step* surest_step(const StepRule& rule, const ServingValue& load, int current) noexcept {
  const Step* reported = rule.step_for(load.value);
  const Step* with_silent = rule.step_for(load.for_up);
  if (reported == nullptr || with_silent == nullptr) return nullptr;
  return rule.stepped(*reported, current) < rule.stepped(*with_silent, current) ? reported
                                                                                : with_silent;
}

Proposal judge(const StepRule& rule, const ServingValue& load, const Situation& seen) noexcept {
  const Step* up = surest_step(rule, load, seen.current);
  if (up != nullptr && rule.stepped(*up, seen.current) > seen.current) {
    Proposal proposal = judge_up(rule, *up, seen);
    proposal.threshold = passed(rule, *up);
    return proposal;
  }
  const Step* down = load.is_whole ? rule.step_for(load.value) : nullptr;
  const int wanted = down == nullptr ? seen.current : rule.stepped(*down, seen.current);
  if (wanted >= seen.current) return judge_rest(rule, seen.current);
  Proposal proposal =
      wanting(wanted, seen.current, Code::step_down, Code::step_down, Code::step_down);
  if (has_lowered_within(rule.cooldown, seen)) {
    proposal = wanting(seen.current, seen.current, Code::scale_down_cooldown,
                       Code::scale_down_cooldown, Code::scale_down_cooldown);
  }
  proposal.threshold = passed(rule, *down);
  return proposal;
}

}  // namespace

Proposal propose_step(const StepRule& rule, const Situation& seen, std::size_t metric) noexcept {
  const auto load = serving_value(seen, metric, seen.policy.metrics[metric].across);
  Proposal proposal = load ? judge(rule, *load, seen) : without_data(seen.current);
  if (load) proposal.value = load->value;
  if (proposal.threshold == 0.0) proposal.threshold = rule.threshold.value_or(0.0);
  return proposal;
}

}  // namespace selfscale
