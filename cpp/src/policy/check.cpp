#include "policy/check.hpp"

#include <cmath>

#include "policy/metrics.hpp"

namespace selfscale {
namespace {

std::string rule_text(const RuleSpec& rule) { return "the rule \"" + rule.name + "\": "; }

std::string_view rules_key(const Reader& reader) {
  return reader.has("rules") ? "rules" : "thresholds";
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

void hint_at_threshold(Reader& reader, const CompiledPolicy& policy, const RuleSpec& rule,
                       const ThresholdRule& threshold) {
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  const std::string_view key = rules_key(reader);
  if (metric.across == Across::avg && one_step_flips(threshold, builtin, policy.min_replicas)) {
    reader.hint(key, rule_text(rule) +
                         "scaleUp and scaleDown are so near that one step up from minReplicas asks "
                         "for a step down again; lower scaleDown");
  }
  if (metric.metric == "memory_usage" && threshold.scale_down) {
    reader.hint(key, rule_text(rule) +
                         "memory seldom falls when load does, so this may never let the service "
                         "scale down");
  }
  if (builtin != nullptr && builtin->unit == "percent" &&
      threshold.comparison == Comparison::greater_than && threshold.scale_up &&
      *threshold.scale_up <= 1.0) {
    reader.hint(key, rule_text(rule) + metric.metric +
                         " is in percent, 0 to 100: scaleUp is at most one percent");
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

}  // namespace

void hint_at_oddities(Reader& reader, const CompiledPolicy& policy) {
  for (const RuleSpec& rule : policy.rules) {
    const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
    if (threshold != nullptr && !rule.from_preset) {
      hint_at_threshold(reader, policy, rule, *threshold);
    }
  }
  hint_at_startup(reader, policy);
}

}  // namespace selfscale
