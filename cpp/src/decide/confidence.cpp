#include "decide/confidence.hpp"

#include <algorithm>

#include "decide/readings.hpp"

namespace selfscale {
namespace {

Answer direction_of(const Recommendation& recommendation) noexcept {
  const int change = recommendation.recommended_replicas - recommendation.current_replicas;
  return change > 0 ? Answer::up : change < 0 ? Answer::down : Answer::hold;
}

/// Negative: nothing votes.
double agreement(const CompiledPolicy& policy, const Recommendation& recommendation) noexcept {
  const Answer direction = direction_of(recommendation);
  double voting = 0.0;
  double agreeing = 0.0;
  for (const Proposal& proposal : recommendation.proposals) {
    if (proposal.answer == Answer::abstain) continue;
    const double weight = policy.rules[static_cast<std::size_t>(proposal.rule)].weight;
    voting += weight;
    if (proposal.answer == direction) agreeing += weight;
  }
  return voting > 0.0 ? agreeing / voting : -1.0;
}

/// Whether the value is a total of the service, and the threshold what one replica should carry.
bool is_per_replica(const Situation& seen, const Proposal& proposal) noexcept {
  const auto& kind = seen.policy.rules[static_cast<std::size_t>(proposal.rule)].kind;
  if (const auto* target = std::get_if<TargetRule>(&kind)) {
    const auto metric = static_cast<std::size_t>(proposal.metric);
    return target->per_replica && service_reading(seen, metric) != nullptr;
  }
  return std::holds_alternative<ConcurrencyRule>(kind) || proposal.code == Code::backlog_due;
}

double margin(const Situation& seen, const Recommendation& recommendation) noexcept {
  if (direction_of(recommendation) == Answer::hold || recommendation.leading < 0) return 1.0;
  const Proposal& leading =
      recommendation.proposals[static_cast<std::size_t>(recommendation.leading)];
  const double replicas = is_per_replica(seen, leading) ? seen.current : 1;
  const double limit = std::abs(leading.threshold) * replicas;
  if (limit == 0.0) return 1.0;
  const double past = std::abs(leading.value - leading.threshold * replicas);
  return past / (past + 0.25 * limit);
}

double reporting(const Situation& seen) noexcept {
  int silent = 0;
  int reporting = 0;
  for (std::size_t i = 0; i < seen.policy.metrics.size(); ++i) {
    const MetricSpec& metric = seen.policy.metrics[i];
    if (const Reading* service = service_reading(seen, i)) {
      ++(is_usable(*service, metric) ? reporting : silent);
      continue;
    }
    for (const Instance& instance : seen.snapshot.instances) {
      const Standing standing = serving_standing(instance, metric, i);
      silent += standing == Standing::missing ? 1 : 0;
      reporting += standing == Standing::ready ? 1 : 0;
    }
  }
  if (reporting == 0) return 0.0;
  if (silent == 0) return 1.0;
  return static_cast<double>(reporting) / static_cast<double>(reporting + silent);
}

/// The bounds decided, and no rule was asked.
bool is_bounded(const Recommendation& recommendation) noexcept {
  const auto& adjustments = recommendation.adjustments;
  return !adjustments.empty() && adjustments.front().stage == Stage::bounds;
}

bool is_past(double value, Comparison comparison, std::optional<double> level) noexcept {
  if (!level) return false;
  return comparison == Comparison::less_than ? value < *level : value > *level;
}

bool has_value(const Proposal& proposal) noexcept {
  return proposal.answer != Answer::missing && proposal.code != Code::floor_for_missing &&
         proposal.code != Code::missing_ignored;
}

Priority alert_level(const AlertSpec& alert, const CompiledPolicy& policy,
                     const Recommendation& recommendation) noexcept {
  Priority level = Priority::low;
  for (const Proposal& proposal : recommendation.proposals) {
    if (!has_value(proposal)) continue;
    const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(proposal.metric)];
    if (metric.name != alert.metric && metric.metric != alert.metric) continue;
    if (is_past(proposal.value, alert.comparison, alert.critical)) return Priority::critical;
    if (is_past(proposal.value, alert.comparison, alert.warning)) level = Priority::high;
  }
  return level;
}

}  // namespace

double confidence_of(const Situation& seen, const Recommendation& recommendation,
                     DecisionState::Past past) noexcept {
  if (is_bounded(recommendation)) return 1.0;
  const double agreed = agreement(seen.policy, recommendation);
  if (agreed < 0.0 || recommendation.code == Code::platform_unknown) return 0.0;
  const double succeeded = static_cast<double>(past.succeeded) + 1.0;
  const double ended = succeeded + static_cast<double>(past.failed) + 1.0;
  return 0.4 * agreed + 0.2 * margin(seen, recommendation) + 0.2 * (succeeded / ended) +
         0.2 * reporting(seen);
}

Priority priority_of(const CompiledPolicy& policy, const Recommendation& recommendation) noexcept {
  Priority priority = direction_of(recommendation) == Answer::up ? Priority::medium : Priority::low;
  if (!recommendation.alerts.empty()) priority = Priority::high;
  for (const AlertSpec& alert : policy.alerts) {
    priority = std::max(priority, alert_level(alert, policy, recommendation));
  }
  return priority;
}

}  // namespace selfscale
