#include "policy/compile.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "policy/behavior.hpp"
#include "policy/check.hpp"
#include "policy/duration.hpp"
#include "policy/expression.hpp"
#include "policy/metrics.hpp"
#include "policy/names.hpp"
#include "policy/platform.hpp"
#include "policy/presets.hpp"
#include "policy/rules/rule.hpp"
#include "policy/schedules.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;

constexpr std::pair<std::string_view, Direction> directions[] = {{"any", Direction::any},
                                                                 {"all", Direction::all}};

/// A preset of a wrong name gives nothing; what it would have given is not missed as well.
bool lacks_preset(Reader& reader) {
  const Json* preset = reader.find("preset");
  if (preset == nullptr) return false;
  return !preset->is_string() || preset_json(preset->get_ref<const std::string&>()) == nullptr;
}

void read_names(Reader& reader, CompiledPolicy& policy) {
  const auto service = reader.text("service");
  if (!reader.has("service")) reader.required("service", R"("backend")");
  if (service && !is_service_name(*service)) {
    reader.wrong("service",
                 "must be at most 128 letters, digits, dots, dashes and underscores, and not begin "
                 "with a dot");
  }
  policy.service = service.value_or("");
  policy.name = reader.text("name").value_or(policy.service);
  if (const Json* text = reader.find("description"); text != nullptr && text->is_string()) {
    policy.description = text->get<std::string>();
  }
  policy.enabled = reader.flag("enabled").value_or(false);
  const auto preset = reader.text("preset");
  if (preset && lacks_preset(reader)) {
    reader.wrong("preset", "is not a preset" + instead_of(*preset, preset_names()));
  }
}

void read_bounds(Reader& reader, CompiledPolicy& policy) {
  policy.min_replicas = reader.whole("minReplicas", 0, most_replicas).value_or(1);
  const auto most = reader.whole("maxReplicas", 1, most_replicas);
  if (!reader.has("maxReplicas") && !lacks_preset(reader)) reader.required("maxReplicas", "10");
  policy.max_replicas = most.value_or(most_replicas);
  if (policy.min_replicas > policy.max_replicas) {
    reader.wrong(reader.has("minReplicas") ? "minReplicas" : "maxReplicas",
                 "contradicts: minReplicas is " + std::to_string(policy.min_replicas) +
                     " and maxReplicas is " + std::to_string(policy.max_replicas));
  }
  policy.initial_replicas = reader.whole("initialReplicas", 1, most_replicas);
  if (policy.initial_replicas && policy.min_replicas <= policy.max_replicas &&
      *policy.initial_replicas !=
          std::clamp(*policy.initial_replicas, policy.min_replicas, policy.max_replicas)) {
    reader.wrong("initialReplicas", "must lie within minReplicas and maxReplicas");
  }
}

void read_scale_to_zero(Reader& reader, CompiledPolicy& policy) {
  reader.object("scaleToZero", [&policy](Reader& keys) {
    ScaleToZero& zero = policy.scale_to_zero.emplace();
    zero.cooldown = keys.duration("cooldown").value_or(zero.cooldown);
    zero.retention = keys.duration("retention").value_or(zero.retention);
    zero.initial_cooldown = keys.duration("initialCooldown");
  });
  if (!policy.scale_to_zero) return;
  if (policy.never_scales_down) {
    reader.wrong("scaleToZero", "contradicts \"scaleDown\": \"never\"");
  }
}

void read_startup(Reader& reader, CompiledPolicy& policy) {
  reader.object("startup", [&policy](Reader& startup) {
    policy.startup_expected = startup.duration("expected");
    policy.startup_timeout = startup.duration("timeout").value_or(policy.startup_timeout);
    policy.rollback = startup.flag("rollback").value_or(policy.rollback);
    Readiness& readiness = policy.readiness;
    readiness.cpu_initialization_period =
        startup.duration("cpuInitializationPeriod").value_or(readiness.cpu_initialization_period);
    readiness.initial_readiness_delay =
        startup.duration("initialReadinessDelay").value_or(readiness.initial_readiness_delay);
    if (policy.startup_timeout <= 0s) startup.wrong("timeout", "must be above 0");
    if (policy.startup_expected > policy.startup_timeout) {
      startup.wrong("expected", "must not be longer than timeout");
    }
  });
}

void read_damping(Reader& reader, CompiledPolicy& policy, RuleDefaults& defaults) {
  const bool says_something = reader.has("behavior") || reader.has("cooldown") ||
                              reader.has("cooldownPeriod") || reader.has("preset");
  policy.scale_up = {};
  policy.scale_down = {says_something ? 0s : 300s};
  read_behavior(reader, policy, defaults);
  reader.object("cooldown", [&](Reader& cooldown) {
    const auto up = cooldown.duration("up");
    const auto down = cooldown.duration("down");
    if ((up && policy.scale_up.cooldown > 0s) || (down && policy.scale_down.cooldown > 0s)) {
      reader.wrong("cooldown", "stands in behavior too; keep one of the two");
    }
    policy.scale_up.cooldown = up.value_or(policy.scale_up.cooldown);
    policy.scale_down.cooldown = down.value_or(policy.scale_down.cooldown);
  });
  policy.cooldown_period = reader.duration("cooldownPeriod", Bare::seconds_or_minutes);
}

void read_metrics(Reader& reader, CompiledPolicy& policy) {
  std::set<std::string> names;
  reader.objects("metrics", [&](Reader& entry) {
    policy.metrics.push_back(read_metric(entry, policy.evaluation_interval));
    const bool is_new = names.insert(policy.metrics.back().name).second;
    if (!is_new && entry.has("name")) {
      entry.wrong("name", "is another metric's name too; give each a name of its own");
    }
  });
  read_expressions(reader, policy);
}

/// A concurrency rule says over which times its metric is read. A metric that something else reads
/// too has them already.
void read_over(Reader& reader, const ConcurrencyRule& rule, bool is_new, MetricSpec& metric) {
  if (metric.is_computed()) {
    reader.wrong("metric",
                 "is computed from others; a concurrency rule reads its metric over two "
                 "windows, so it needs one that is measured or recorded");
  }
  if (is_new) metric.window = rule.window;
  const auto differs = [&](std::string_view key, Duration other) {
    reader.wrong(key, "is " + to_text(other) +
                          " for this metric elsewhere; list the metric once "
                          "more, under a name of its own, for this rule");
  };
  if (metric.window != rule.window) differs("window", metric.window);
  if (metric.short_window.value_or(rule.panic_window) != rule.panic_window) {
    differs("panicWindow", *metric.short_window);
  }
  metric.short_window = rule.panic_window;
}

/// A metric that is bad when low says nothing of work.
bool can_wake(const RuleSpec& rule, const MetricSpec& metric) {
  const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
  return can_be_read_without_replicas(metric) &&
         (threshold == nullptr || threshold->comparison != Comparison::less_than);
}

void read_activation(Reader& reader, const CompiledPolicy& policy, RuleSpec& rule) {
  const auto activation = reader.number("activation", 0.0, 1e15);
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  rule.activation = activation.value_or(rule.activation);
  rule.wakes = policy.scale_to_zero && can_wake(rule, metric);
  if (!activation || rule.wakes) return;
  reader.wrong("activation",
               policy.scale_to_zero
                   ? "cannot wake a service of none: " + metric.name +
                         " is measured on replicas, or is bad when low"
                   : "says from where on there is work, for scaleToZero: the policy has none");
}

bool is_taken(const std::vector<RuleSpec>& rules, std::string_view name) {
  return std::any_of(rules.begin(), rules.end(),
                     [name](const RuleSpec& rule) { return rule.name == name; });
}

void read_rule(Reader& reader, const RuleType* type, const RuleDefaults& defaults,
               CompiledPolicy& policy) {
  RuleSpec rule;
  rule.name = reader.text("name").value_or("");
  if (!rule.name.empty() && is_taken(policy.rules, rule.name)) {
    reader.wrong("name", "is another rule's name too; give each a name of its own");
  }
  const auto metric = reader.text("metric");
  if (type == nullptr) return reader.accept_rest();
  if (!reader.has("metric")) reader.required("metric", R"("cpu_usage")");
  // Asked for only where it stands, so that it is not among the keys a person is told of.
  rule.from_preset = reader.has("fromPreset") && reader.flag("fromPreset").value_or(false);
  const std::size_t metrics = policy.metrics.size();
  if (metric) rule.metric = metric_number(reader, "metric", *metric, policy);
  rule.kind = type->read(reader, defaults);
  if (!metric) return;
  read_activation(reader, policy, rule);
  if (const auto* concurrency = std::get_if<ConcurrencyRule>(&rule.kind)) {
    read_over(reader, *concurrency, policy.metrics.size() > metrics,
              policy.metrics[static_cast<std::size_t>(rule.metric)]);
  }
  policy.rules.push_back(std::move(rule));
}

/// `type:metric`, and `#2` for a second.
void name_rules(CompiledPolicy& policy) {
  for (RuleSpec& rule : policy.rules) {
    if (!rule.name.empty()) continue;
    const std::string name = std::string{type_of(rule.kind).name} + ':' +
                             policy.metrics[static_cast<std::size_t>(rule.metric)].name;
    std::string unique = name;
    for (int count = 2; is_taken(policy.rules, unique); ++count) {
      unique = name + '#' + std::to_string(count);
    }
    rule.name = std::move(unique);
  }
}

void read_rules(Reader& reader, RuleDefaults defaults, CompiledPolicy& policy) {
  defaults.scale_up_by = reader.whole("scaleUpBy", 1, most_replicas).value_or(1);
  defaults.scale_down_by = reader.whole("scaleDownBy", 1, most_replicas).value_or(1);
  defaults.other_metric = [&policy](Reader& rule, std::string_view key) -> OtherMetric {
    const auto name = rule.text(key);
    if (!name) return {};
    return {*name, metric_number(rule, key, *name, policy)};
  };
  reader.objects("rules",
                 [&](Reader& rule) { read_rule(rule, read_rule_type(rule), defaults, policy); });
  reader.objects("thresholds", [&](Reader& rule) {
    rule.one_of("type", std::array<std::string_view, 1>{"threshold"});
    read_rule(rule, rule_type("threshold"), defaults, policy);
  });
  name_rules(policy);
  for (RuleSpec& rule : policy.rules) {
    MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
    rule.weight = metric.weight;
    const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
    metric.needs_previous |=
        threshold != nullptr && threshold->comparison == Comparison::percentage_change;
  }
}

void check_rules(Reader& reader, const CompiledPolicy& policy) {
  if (!reader.has("rules") && !reader.has("thresholds") && !reader.has("preset")) {
    return reader.wrong_here("a policy needs rules, thresholds or a preset");
  }
  if (lacks_preset(reader)) return;
  const bool can_lower =
      std::any_of(policy.rules.begin(), policy.rules.end(),
                  [](const RuleSpec& rule) { return type_of(rule.kind).can_lower(rule.kind); });
  if (!can_lower && !policy.never_scales_down) {
    const std::string_view key = reader.has("rules") ? "rules" : "thresholds";
    reader.wrong(key,
                 "no rule can ever ask for fewer replicas; give one a scaleDown, or say "
                 "\"scaleDown\": \"never\" in the policy");
  }
}

/// What is taken of a budget must have one; then its place in `uses` is its number in a snapshot.
void read_uses(Reader& reader, CompiledPolicy& policy) {
  std::vector<std::string_view> known;
  for (const Budget& budget : policy.budgets) known.push_back(budget.name);
  reader.object("uses", [&](Reader& uses) {
    for (const std::string_view name : uses.names()) {
      const auto taken = uses.number(name, 0.0, 1e15);
      const auto budget = std::find(known.begin(), known.end(), name);
      if (budget == known.end()) {
        uses.wrong(name, "is not a budget in guardrails" +
                             (known.empty() ? ", which has none" : instead_of(name, known)));
      } else if (taken && *taken <= 0.0) {
        uses.wrong(name, "must be above 0: what one replica takes");
      } else if (taken) {
        policy.uses.push_back(
            {policy.budgets[static_cast<std::size_t>(budget - known.begin())], *taken});
      }
    }
  });
}

void check_waking(Reader& reader, const CompiledPolicy& policy) {
  const bool can_wake = std::ranges::any_of(policy.rules, &RuleSpec::wakes);
  if (!policy.scale_to_zero || can_wake) return;
  reader.wrong("scaleToZero",
               "everything that the rules read is measured on replicas: nothing could wake a "
               "service of none; give a rule a metric that is there without them, such as "
               "queue_length");
}

}  // namespace

CompiledPolicy compile_policy(Reader& reader, const DocumentKeys& document) {
  CompiledPolicy policy;
  policy.timezone = document.timezone;
  policy.max_total_replicas = document.max_total_replicas;
  policy.min_available_memory_mb = document.min_available_memory_mb;
  policy.max_scale_events_per_hour = document.max_scale_events_per_hour;
  policy.budgets = document.budgets;
  policy.alerts = document.alerts;
  read_names(reader, policy);
  read_platform(reader, policy);
  read_bounds(reader, policy);
  read_schedules(reader, policy);
  policy.evaluation_interval = reader.duration("evaluationInterval", Bare::seconds_or_minutes)
                                   .value_or(policy.evaluation_interval);
  if (policy.evaluation_interval <= 0s) reader.wrong("evaluationInterval", "must be above 0");
  read_startup(reader, policy);
  RuleDefaults defaults;
  read_damping(reader, policy, defaults);
  reader.object("combine", [&policy](Reader& combine) {
    policy.up = combine.choice<Direction>("up", directions).value_or(policy.up);
    policy.down = combine.choice<Direction>("down", directions).value_or(policy.down);
  });
  policy.never_scales_down =
      reader.one_of("scaleDown", std::array<std::string_view, 1>{"never"}).has_value();
  const std::size_t problems = reader.findings().problems.size();
  read_scale_to_zero(reader, policy);
  read_metrics(reader, policy);
  read_rules(reader, defaults, policy);
  if (reader.findings().problems.size() == problems) {
    check_rules(reader, policy);
    check_waking(reader, policy);
  }
  read_uses(reader, policy);
  if (reader.findings().problems.empty()) {
    hint_at_oddities(reader, policy);
    finish(policy);
    check_state_size(reader, policy);
  }
  return policy;
}

}  // namespace selfscale
