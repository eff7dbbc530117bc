#include "policy/presets.hpp"

#include <algorithm>
#include <array>

#include "policy/compiled.hpp"
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr std::array<std::string_view, 5> names{"conservative", "balanced", "aggressive", "backend",
                                                "ml"};

// "Scaling Policies" of the deployment guide: bounds, edges and times are its own. Its "Queue" is
// in_flight of one instance. Up is A OR B, down A AND B: combine's defaults. The pauses of all
// three are those of the same guide's platform settings: 60 s after a step up, 5 min before a step
// down (ScaleOutCooldown, ScaleInCooldown).
constexpr std::string_view conservative = R"({
  "minReplicas": 1, "maxReplicas": 5,
  "rules": [
    {"type": "threshold", "metric": "cpu_usage",
     "scaleUp": 80, "scaleUpFor": "5m", "scaleDown": 30, "scaleDownFor": "15m"}],
  "cooldown": {"up": "60s", "down": "5m"}
})";

constexpr std::string_view balanced = R"({
  "minReplicas": 2, "maxReplicas": 10,
  "rules": [
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 40, "scaleDownFor": "10m"},
    {"type": "threshold", "metric": "memory_usage", "scaleUp": 80, "scaleDown": 50, "scaleDownFor": "10m"},
    {"type": "threshold", "metric": "in_flight", "scaleUp": 100}],
  "cooldown": {"up": "60s", "down": "5m"}
})";

// Memory only lets it go down: the guide names no edge at which it asks for more. Without requests
// there are no response times, and their absence must not keep replicas: hence "ignore".
constexpr std::string_view aggressive = R"({
  "minReplicas": 3, "maxReplicas": 20,
  "metrics": [{"name": "response_time_p95", "missing": "ignore"}],
  "rules": [
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 60, "scaleDown": 50, "scaleDownFor": "20m"},
    {"type": "threshold", "metric": "memory_usage", "scaleDown": 60, "scaleDownFor": "20m"},
    {"type": "threshold", "metric": "response_time_p95", "scaleUp": 1}],
  "cooldown": {"up": "60s", "down": "5m"}
})";

// "Default Policies" of the self-hosted guide, number by number; its "Cooldown" lies between any
// two events. The request rate is per replica.
constexpr std::string_view backend = R"({
  "minReplicas": 1, "maxReplicas": 5,
  "rules": [
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 20},
    {"type": "threshold", "metric": "memory_usage", "scaleUp": 80, "scaleDown": 30},
    {"type": "threshold", "metric": "request_rate", "scaleUp": 100, "scaleDown": 20}],
  "cooldownPeriod": "5m", "evaluationInterval": "2m"
})";

// While no job finishes there is no failure rate, and its absence must not keep replicas.
constexpr std::string_view ml = R"({
  "minReplicas": 1, "maxReplicas": 3,
  "metrics": [{"name": "failure_rate", "missing": "ignore"}],
  "rules": [
    {"type": "threshold", "metric": "queue_length", "scaleUp": 10, "scaleDown": 2},
    {"type": "threshold", "metric": "failure_rate", "scaleUp": 5, "scaleDown": 1}],
  "cooldownPeriod": "10m", "evaluationInterval": "5m"
})";

constexpr std::array<std::string_view, names.size()> texts{conservative, balanced, aggressive,
                                                           backend, ml};

std::array<Json, names.size()> parsed() {
  std::array<Json, names.size()> presets;
  for (std::size_t i = 0; i < names.size(); ++i) {
    presets[i] = Json::parse(texts[i]);
    for (Json& rule : presets[i]["rules"]) rule["fromPreset"] = true;
  }
  return presets;
}

bool contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

/// Drops the metrics that are absent and that no rule reads any more; the rest is numbered anew.
void drop_unread(CompiledPolicy& policy, const std::vector<std::string>& absent) {
  std::vector<bool> read(policy.metrics.size(), false);
  for (const RuleSpec& rule : policy.rules) read[static_cast<std::size_t>(rule.metric)] = true;
  std::vector<int> number(policy.metrics.size(), -1);
  std::vector<MetricSpec> kept;
  for (std::size_t i = 0; i < policy.metrics.size(); ++i) {
    if (!read[i] && contains(absent, policy.metrics[i].metric)) continue;
    number[i] = static_cast<int>(kept.size());
    kept.push_back(policy.metrics[i]);
  }
  policy.metrics = std::move(kept);
  for (RuleSpec& rule : policy.rules) rule.metric = number[static_cast<std::size_t>(rule.metric)];
}

}  // namespace

std::span<const std::string_view> preset_names() noexcept { return names; }

const Json* preset_json(std::string_view name) {
  static const std::array<Json, names.size()> presets = parsed();
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? nullptr : &presets[static_cast<std::size_t>(found - names.begin())];
}

Json with_preset(const Json& policy, const Json& preset) {
  Json merged = preset;
  if (policy.contains("thresholds")) merged.erase("rules");  // two names of one key
  for (const auto& [key, value] : policy.items()) merged[key] = value;
  return merged;
}

Policy without_metrics(const Policy& policy, const std::vector<std::string>& absent) {
  CompiledPolicy changed = policy.compiled();
  std::vector<RuleSpec> kept;
  for (RuleSpec& rule : changed.rules) {
    const MetricSpec& metric = changed.metrics[static_cast<std::size_t>(rule.metric)];
    if (rule.from_preset && contains(absent, metric.metric)) {
      changed.left_out.push_back(rule.name);
    } else {
      kept.push_back(std::move(rule));
    }
  }
  if (kept.size() == changed.rules.size()) return policy;
  changed.rules = std::move(kept);
  drop_unread(changed, absent);
  // What is left must read back as a policy that says what it does.
  const bool can_lower =
      std::any_of(changed.rules.begin(), changed.rules.end(),
                  [](const RuleSpec& rule) { return type_of(rule.kind).can_lower(rule.kind); });
  if (!can_lower) changed.never_scales_down = true;
  finish(changed);
  return Policy{std::make_shared<const CompiledPolicy>(std::move(changed))};
}

}  // namespace selfscale
