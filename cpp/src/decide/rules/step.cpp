#include "decide/rules/step.hpp"

#include <algorithm>

#include "decide/rules/added_already.hpp"
#include "decide/rules/serving.hpp"

namespace selfscale {
namespace {

bool is_in(const Step& step, double threshold, double value) noexcept {
  const bool from = !step.from || (step.is_below ? value > threshold + *step.from
                                                 : value >= threshold + *step.from);
  const bool to =
      !step.to || (step.is_below ? value <= threshold + *step.to : value < threshold + *step.to);
  return from && to;
}

std::int64_t percent_change(const StepRule& rule, int percent, int replicas) noexcept {
  if (percent == 0) return 0;
  const std::int64_t change = std::int64_t{replicas} * percent / 100;
  const std::int64_t least = rule.min_adjustment;
  return percent > 0 ? std::max(change, least) : std::min(change, -least);
}

/// The bound of the step that the value has passed.
double passed(const StepRule& rule, const Step& step) noexcept {
  const auto& bound = step.is_below ? step.to : step.from;
  return rule.threshold.value_or(0.0) + bound.value_or(0.0);
}

Proposal judge_up(const StepRule& rule, const Step& step, const Situation& seen) noexcept {
  const int before = seen.current - added_already(rule.cooldown, seen);
  const int wanted = stepped(rule, step, before);
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
  const Step* reported = step_for(rule, load.value);
  const Step* with_silent = step_for(rule, load.for_up);
  if (reported == nullptr || with_silent == nullptr) return nullptr;
  return stepped(rule, *reported, current) < stepped(rule, *with_silent, current) ? reported
                                                                                  : with_silent;
}

Proposal judge(const StepRule& rule, const ServingValue& load, const Situation& seen) noexcept {
  const Step* up = surest_step(rule, load, seen.current);
  if (up != nullptr && stepped(rule, *up, seen.current) > seen.current) {
    Proposal proposal = judge_up(rule, *up, seen);
    proposal.threshold = passed(rule, *up);
    return proposal;
  }
  const Step* down = load.is_whole ? step_for(rule, load.value) : nullptr;
  const int wanted = down == nullptr ? seen.current : stepped(rule, *down, seen.current);
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

const Step* step_for(const StepRule& rule, double value) noexcept {
  const double threshold = rule.threshold.value_or(0.0);
  const auto found = std::find_if(rule.steps.begin(), rule.steps.end(),
                                  [&](const Step& step) { return is_in(step, threshold, value); });
  return found == rule.steps.end() ? nullptr : &*found;
}

int stepped(const StepRule& rule, const Step& step, int replicas) noexcept {
  switch (rule.adjusts) {
    case Adjusts::exact:
      return step.by;
    case Adjusts::percent:
      return saturated(replicas + percent_change(rule, step.by, replicas));
    case Adjusts::change:
      break;
  }
  return saturated(std::int64_t{replicas} + step.by);
}

Proposal propose_step(const StepRule& rule, const Situation& seen, std::size_t metric) noexcept {
  const auto load = serving_value(seen, metric, seen.policy.metrics[metric].across);
  Proposal proposal = load ? judge(rule, *load, seen) : without_data(seen.current);
  if (load) proposal.value = load->value;
  if (proposal.threshold == 0.0) proposal.threshold = rule.threshold.value_or(0.0);
  return proposal;
}

}  // namespace selfscale
