#include "policy/write.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "policy/behavior.hpp"
#include "policy/duration.hpp"
#include "policy/metrics.hpp"
#include "policy/rules/rule.hpp"
#include "policy/schedules.hpp"

namespace selfscale {
namespace {

Json rule_to_json(const RuleSpec& rule, const CompiledPolicy& policy) {
  const RuleType& type = type_of(rule.kind);
  Json json{{"name", rule.name},
            {"type", type.name},
            {"metric", policy.metrics[static_cast<std::size_t>(rule.metric)].name}};
  if (rule.from_preset) json["fromPreset"] = true;
  if (rule.wakes) json["activation"] = json_number(rule.activation);
  type.write(rule.kind, json);
  return json;
}

Json guardrails_to_json(const CompiledPolicy& policy) {
  Json json = Json::object();
  if (policy.max_total_replicas) json["maxTotalReplicas"] = *policy.max_total_replicas;
  if (policy.min_available_memory_mb) {
    json["minAvailableMemoryMb"] = json_number(*policy.min_available_memory_mb);
  }
  if (policy.max_scale_events_per_hour) {
    json["maxScaleEventsPerHour"] = *policy.max_scale_events_per_hour;
  }
  for (const Budget& budget : policy.budgets) {
    json["budgets"][budget.name] = {{"limit", json_number(budget.limit)},
                                    {"reserve", json_number(budget.reserve)}};
  }
  return json;
}

Json alert_to_json(const AlertSpec& alert) {
  const bool low_is_bad = alert.comparison == Comparison::less_than;
  Json json{{"metric", alert.metric}, {"comparison", low_is_bad ? "less_than" : "greater_than"}};
  if (alert.warning) json["warning"] = json_number(*alert.warning);
  if (alert.critical) json["critical"] = json_number(*alert.critical);
  return json;
}

Json startup_to_json(const CompiledPolicy& policy) {
  const Readiness& readiness = policy.readiness;
  Json json{{"timeout", to_text(policy.startup_timeout)},
            {"rollback", policy.rollback},
            {"cpuInitializationPeriod", to_text(readiness.cpu_initialization_period)},
            {"initialReadinessDelay", to_text(readiness.initial_readiness_delay)}};
  if (policy.startup_expected) json["expected"] = to_text(*policy.startup_expected);
  return json;
}

void write_optional_parts(const CompiledPolicy& policy, Json& json) {
  if (!policy.description.empty()) json["description"] = policy.description;
  if (!policy.timezone.empty()) json["timezone"] = policy.timezone;
  if (policy.initial_replicas) json["initialReplicas"] = *policy.initial_replicas;
  if (!policy.platform_json.empty()) json["platform"] = Json::parse(policy.platform_json);
  if (policy.cooldown_period) json["cooldownPeriod"] = to_text(*policy.cooldown_period);
  if (policy.kubernetes) {  // an object of its own has its pauses inside
    json["cooldown"] = {{"up", to_text(policy.scale_up.cooldown)},
                        {"down", to_text(policy.scale_down.cooldown)}};
  }
  for (const Schedule& schedule : policy.schedules) {
    json["schedules"].push_back(schedule_to_json(schedule));
  }
  if (policy.never_scales_down) json["scaleDown"] = "never";
  if (policy.scale_to_zero) {
    json["scaleToZero"] = {{"cooldown", to_text(policy.scale_to_zero->cooldown)},
                           {"retention", to_text(policy.scale_to_zero->retention)}};
    if (const auto initial = policy.scale_to_zero->initial_cooldown) {
      json["scaleToZero"]["initialCooldown"] = to_text(*initial);
    }
  }
  if (Json guardrails = guardrails_to_json(policy); !guardrails.empty()) {
    json["guardrails"] = std::move(guardrails);
  }
  for (const BudgetUse& use : policy.uses) {
    json["uses"][use.budget.name] = json_number(use.per_replica);
  }
  for (const AlertSpec& alert : policy.alerts) json["alerts"].push_back(alert_to_json(alert));
}

Duration changes_kept(const CompiledPolicy& policy) {
  Duration kept = policy.startup_timeout;
  if (policy.max_scale_events_per_hour) kept = std::chrono::hours{1};
  for (const DirectionBehavior* behavior : {&policy.scale_up, &policy.scale_down}) {
    for (const ScalingPolicy& limit : behavior->policies) kept = std::max(kept, limit.period);
  }
  for (const RuleSpec& rule : policy.rules) {
    if (const auto* step = std::get_if<StepRule>(&rule.kind)) kept = std::max(kept, step->cooldown);
    if (const auto* target = std::get_if<EcsTargetRule>(&rule.kind)) {
      kept = std::max({kept, target->scale_out_cooldown, target->scale_in_cooldown});
    }
  }
  return kept;
}

/// What all rules remember for scaleDownDelay is bounded, so that a state stays under 8 KiB.
void share_memory(std::vector<RuleSpec>& rules) {
  constexpr int all_kept = 32;
  std::vector<ConcurrencyRule*> delaying;
  for (RuleSpec& rule : rules) {
    auto* concurrency = std::get_if<ConcurrencyRule>(&rule.kind);
    if (concurrency != nullptr && concurrency->scale_down_delay.count() > 0) {
      delaying.push_back(concurrency);
    }
  }
  for (ConcurrencyRule* rule : delaying) {
    rule->delayed_kept = std::max(2, all_kept / static_cast<int>(delaying.size()));
  }
}

std::string_view name_of(Direction direction) {
  return direction == Direction::any ? "any" : "all";
}

std::string hexadecimal(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

}  // namespace

Json json_number(double number) {
  constexpr double exact = 9007199254740992.0;  // 2^53
  if (number == std::floor(number) && std::abs(number) < exact) {
    return static_cast<std::int64_t>(number);
  }
  return number;
}

std::uint64_t fingerprint(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char letter : text) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  }
  return hash;
}

void finish(CompiledPolicy& policy) {
  policy.changes_kept = changes_kept(policy);
  share_memory(policy.rules);
  Json json{{"name", policy.name},
            {"service", policy.service},
            {"enabled", policy.enabled},
            {"minReplicas", policy.min_replicas},
            {"maxReplicas", policy.max_replicas},
            {"evaluationInterval", to_text(policy.evaluation_interval)},
            {"startup", startup_to_json(policy)},
            {"combine", {{"up", name_of(policy.up)}, {"down", name_of(policy.down)}}},
            {"behavior", behavior_to_json(policy)},
            {"metrics", Json::array()},
            {"rules", Json::array()}};
  for (const MetricSpec& metric : policy.metrics) {
    json["metrics"].push_back(metric_to_json(metric, policy));
  }
  for (RuleSpec& rule : policy.rules) {
    Json written = rule_to_json(rule, policy);
    // A rule's timer means the same only while its metric is read the same way.
    const Json& metric = json["metrics"][static_cast<std::size_t>(rule.metric)];
    rule.definition = fingerprint(written.dump() + metric.dump());
    json["rules"].push_back(std::move(written));
  }
  write_optional_parts(policy, json);
  policy.json = json.dump();
  policy.hash = hexadecimal(fingerprint(policy.json));
}

}  // namespace selfscale
