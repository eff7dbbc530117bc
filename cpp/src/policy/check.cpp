#include "policy/check.hpp"

#include <algorithm>

#include "policy/metrics.hpp"

namespace selfscale {
namespace {

/// Rules stand in `rules`, then in `thresholds`.
void hint_at_rule(Reader& reader, std::size_t number, std::string message) {
  std::string_view list = "rules";
  if (const Json* rules = reader.find("rules"); rules == nullptr || number >= rules->size()) {
    number -= rules == nullptr ? 0 : rules->size();
    list = "thresholds";
  }
  reader.findings().hints.push_back({reader.place(list) + '/' + std::to_string(number),
                                     shortened((*reader.find(list))[number]), std::move(message)});
}

/// After one step up from the fewest replicas, what was just over the upper edge is under the lower
/// one: the count would swing.
bool one_step_flips(const ThresholdRule& rule, const BuiltinMetric* metric, int replicas) {
  if (rule.comparison != Comparison::greater_than || !rule.scale_up || !rule.scale_down) {
    return false;
  }
  if (metric == nullptr || !metric->shared_by_replicas) return false;
  return *rule.scale_up * replicas / (replicas + rule.scale_up_by) <= *rule.scale_down;
}

void hint_at_threshold(Reader& reader, const CompiledPolicy& policy, std::size_t number,
                       const ThresholdRule& threshold) {
  const auto metric_number = static_cast<std::size_t>(policy.rules[number].metric);
  const MetricSpec& metric = policy.metrics[metric_number];
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  if (metric.across == Across::avg && one_step_flips(threshold, builtin, policy.min_replicas)) {
    hint_at_rule(reader, number,
                 "scaleUp and scaleDown are so near that one step up from minReplicas asks "
                 "for a step down again; lower scaleDown");
  }
  if (metric.metric == "memory_usage" && threshold.scale_down) {
    hint_at_rule(reader, number,
                 "memory seldom falls when load does, so this may never let the service "
                 "scale down");
  }
  if (builtin != nullptr && builtin->unit == "percent" &&
      threshold.comparison == Comparison::greater_than && threshold.scale_up &&
      *threshold.scale_up <= 1.0) {
    hint_at_rule(reader, number,
                 metric.metric + " is in percent, 0 to 100: scaleUp is at most one percent");
  }
}

void hint_at_startup(Reader& reader, const CompiledPolicy& policy) {
  const Duration pause =
      std::max(policy.scale_up.cooldown, policy.cooldown_period.value_or(Duration{0}));
  if (!policy.startup_expected || pause == Duration{0} || pause >= *policy.startup_expected) return;
  reader.hint(
      "startup",
      "the cooldown after a step up is shorter than the expected start-up: the next step is "
      "decided before this one can show");
}

void hint_at_no_replicas(Reader& reader, const CompiledPolicy& policy) {
  const bool can_wake =
      std::any_of(policy.metrics.begin(), policy.metrics.end(), can_be_read_without_replicas);
  if (can_wake) return;
  const std::string why =
      "everything that the rules read is measured on replicas: nothing could wake a service of "
      "none";
  if (policy.min_replicas == 0) reader.hint("minReplicas", why);
  const bool may_be_none =
      std::any_of(policy.schedules.begin(), policy.schedules.end(), [](const Schedule& schedule) {
        return schedule.min_replicas == 0 && schedule.max_replicas != 0;
      });
  if (may_be_none) reader.hint("schedules", why + " while one's minReplicas of 0 is in force");
}

void hint_at_budgets(Reader& reader, const CompiledPolicy& policy) {
  for (const BudgetUse& use : policy.uses) {
    const int paid = use.replicas_paid(0.0);
    if (paid >= policy.max_replicas) continue;
    reader.hint("uses", "the budget " + use.budget.name + " pays for " + std::to_string(paid) +
                            " replicas at most, even if nobody else uses it; maxReplicas is " +
                            std::to_string(policy.max_replicas));
  }
}

}  // namespace

void hint_at_oddities(Reader& reader, const CompiledPolicy& policy) {
  for (std::size_t number = 0; number < policy.rules.size(); ++number) {
    const RuleSpec& rule = policy.rules[number];
    const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
    if (threshold != nullptr && !rule.from_preset) {
      hint_at_threshold(reader, policy, number, *threshold);
    }
  }
  hint_at_startup(reader, policy);
  hint_at_no_replicas(reader, policy);
  hint_at_budgets(reader, policy);
}

}  // namespace selfscale
