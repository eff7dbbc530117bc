// Every key: its default, and what it does.
#include <gtest/gtest.h>

#include "policy/metrics.hpp"
#include "policy/policy_fixture.hpp"
#include "policy/presets.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;

TEST(PolicyKeys, Defaults) {
  const CompiledPolicy policy = compiled(minimal_policy());
  EXPECT_EQ(policy.name, "backend");
  EXPECT_FALSE(policy.enabled);
  EXPECT_EQ(policy.min_replicas, 1);
  EXPECT_EQ(policy.max_replicas, 10);
  EXPECT_EQ(policy.initial_replicas, std::nullopt);
  EXPECT_EQ(policy.evaluation_interval, 15s);
  EXPECT_EQ(policy.up, Direction::any);
  EXPECT_EQ(policy.down, Direction::all);
  EXPECT_EQ(policy.scale_up.stabilization_window, 0s);
  EXPECT_EQ(policy.scale_down.stabilization_window, 5min);
  EXPECT_EQ(policy.scale_up.cooldown, 0s);
  EXPECT_EQ(policy.scale_down.cooldown, 0s);
  EXPECT_EQ(policy.cooldown_period, std::nullopt);
  EXPECT_FALSE(policy.never_scales_down);
  EXPECT_EQ(policy.startup_expected, std::nullopt);
  EXPECT_EQ(policy.startup_timeout, 3min);
  EXPECT_TRUE(policy.rollback);
  EXPECT_EQ(policy.max_total_replicas, std::nullopt);
  EXPECT_EQ(policy.min_available_memory_mb, std::nullopt);
  EXPECT_EQ(policy.driver, "");
  EXPECT_EQ(policy.platform_json, "");

  ASSERT_EQ(policy.metrics.size(), 1U);
  const MetricSpec& metric = policy.metrics[0];
  EXPECT_EQ(metric.name, "cpu_usage");
  EXPECT_EQ(metric.metric, "cpu_usage");
  EXPECT_EQ(metric.aggregation, Aggregation::avg);
  EXPECT_EQ(metric.window, 60s);
  EXPECT_EQ(metric.across, Across::avg);
  EXPECT_EQ(metric.of, Of::limit);
  EXPECT_EQ(metric.weight, 1.0);
  EXPECT_EQ(metric.missing.kind, MissingPolicy::Kind::hold);
  EXPECT_EQ(metric.missing_after, 45s);
  EXPECT_FALSE(metric.needs_previous);

  ASSERT_EQ(policy.rules.size(), 1U);
  const auto& rule = std::get<ThresholdRule>(policy.rules[0].kind);
  EXPECT_EQ(rule.comparison, Comparison::greater_than);
  EXPECT_EQ(rule.scale_up_for, 0s);
  EXPECT_EQ(rule.scale_down_for, 0s);
  EXPECT_EQ(rule.scale_up_by, 1);
  EXPECT_EQ(rule.scale_down_by, 1);
  EXPECT_FALSE(policy.rules[0].from_preset);
}

TEST(PolicyKeys, EachIsRead) {
  const CompiledPolicy policy = compiled(policy_with(R"({
    "name": "web", "description": "evenings are busy", "enabled": true,
    "minReplicas": 2, "maxReplicas": 20, "initialReplicas": 3, "evaluationInterval": "250ms",
    "platform": {"driver": "kubernetes", "namespace": "prod"},
    "startup": {"expected": "45s", "timeout": "2m", "rollback": false},
    "combine": {"up": "all", "down": "any"}, "cooldownPeriod": "10m",
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 2.5, "cooldown": "60s", "policies": []},
                 "scaleDown": {"stabilizationWindowSeconds": 0, "cooldown": "5m", "policies": []}}})"));
  EXPECT_EQ(policy.name, "web");
  EXPECT_EQ(policy.description, "evenings are busy");
  EXPECT_TRUE(policy.enabled);
  EXPECT_EQ(policy.min_replicas, 2);
  EXPECT_EQ(policy.max_replicas, 20);
  EXPECT_EQ(policy.initial_replicas, 3);
  EXPECT_EQ(policy.evaluation_interval, 250ms);
  EXPECT_EQ(policy.driver, "kubernetes");
  EXPECT_EQ(Json::parse(policy.platform_json)["namespace"], "prod");
  EXPECT_EQ(policy.startup_expected, 45s);
  EXPECT_EQ(policy.startup_timeout, 2min);
  EXPECT_FALSE(policy.rollback);
  EXPECT_EQ(policy.up, Direction::all);
  EXPECT_EQ(policy.down, Direction::any);
  EXPECT_EQ(policy.cooldown_period, 10min);
  EXPECT_EQ(policy.scale_up.stabilization_window, 2500ms);
  EXPECT_EQ(policy.scale_up.cooldown, 60s);
  EXPECT_EQ(policy.scale_down.stabilization_window, 0s);
  EXPECT_EQ(policy.scale_down.cooldown, 5min);
}

TEST(PolicyKeys, EachMetricKeyIsRead) {
  Json policy = policy_with(R"({"metrics": [
    {"name": "cpu", "metric": "cpu_usage", "type": "cpu", "source": "system", "of": "request", "aggregation": "max",
     "window": "2m", "across": "min", "weight": 0.4, "missing": {"atLeastReplicas": 2}, "missingAfter": "1m"},
    {"name": "wait", "metric": "response_time", "aggregation": "p99.9", "missing": "ignore"},
    {"name": "orders", "aggregation": "rate", "across": "sum", "source": "application"}]})");
  policy["rules"][0]["metric"] = "cpu";
  const CompiledPolicy read = compiled(policy);
  ASSERT_EQ(read.metrics.size(), 3U);
  EXPECT_EQ(read.metrics[0].name, "cpu");
  EXPECT_EQ(read.metrics[0].metric, "cpu_usage");
  EXPECT_EQ(read.metrics[0].of, Of::request);
  EXPECT_EQ(read.metrics[0].aggregation, Aggregation::max);
  EXPECT_EQ(read.metrics[0].window, 2min);
  EXPECT_EQ(read.metrics[0].across, Across::min);
  EXPECT_EQ(read.metrics[0].weight, 0.4);
  EXPECT_EQ(read.metrics[0].missing.kind, MissingPolicy::Kind::at_least);
  EXPECT_EQ(read.metrics[0].missing.at_least_replicas, 2);
  EXPECT_EQ(read.metrics[0].missing_after, 1min);
  EXPECT_EQ(read.metrics[1].aggregation, Aggregation::p99_9);
  EXPECT_EQ(read.metrics[1].missing.kind, MissingPolicy::Kind::ignore);
  EXPECT_EQ(read.metrics[2].metric, "orders");
  EXPECT_EQ(read.metrics[2].aggregation, Aggregation::rate);
  EXPECT_EQ(read.metrics[2].across, Across::sum);
}

TEST(PolicyKeys, EachThresholdKeyIsRead) {
  const CompiledPolicy policy = compiled(policy_with_rule(R"({
    "name": "hits", "type": "threshold", "metric": "cache_hit_rate", "comparison": "less_than",
    "scaleUp": 60, "scaleUpFor": "2m", "scaleUpBy": 2, "scaleDown": 90, "scaleDownFor": "5m", "scaleDownBy": 3})"));
  EXPECT_EQ(policy.rules[0].name, "hits");
  const auto& rule = std::get<ThresholdRule>(policy.rules[0].kind);
  EXPECT_EQ(rule.comparison, Comparison::less_than);
  EXPECT_EQ(rule.scale_up, 60);
  EXPECT_EQ(rule.scale_up_for, 2min);
  EXPECT_EQ(rule.scale_up_by, 2);
  EXPECT_EQ(rule.scale_down, 90);
  EXPECT_EQ(rule.scale_down_for, 5min);
  EXPECT_EQ(rule.scale_down_by, 3);
}

TEST(PolicyKeys, EachTargetKeyIsRead) {
  const CompiledPolicy shared = compiled(policy_with_rule(
      R"({"type": "target", "metric": "requests_per_second", "targetPerReplica": 16.7, "tolerance": 0})"));
  const auto& load = std::get<TargetRule>(shared.rules[0].kind);
  EXPECT_EQ(load.target, 16.7);
  EXPECT_TRUE(load.per_replica);
  EXPECT_EQ(load.tolerance_up, 0.0);
  EXPECT_EQ(load.tolerance_down, 0.0);
  EXPECT_TRUE(load.scale_down);

  Json upwards = policy_with_rule(
      R"({"type": "target", "metric": "cpu_usage", "target": 70, "disableScaleIn": true})");
  upwards["scaleDown"] = "never";
  const CompiledPolicy never = compiled(upwards);
  const auto& cpu = std::get<TargetRule>(never.rules[0].kind);
  EXPECT_EQ(cpu.target, 70);
  EXPECT_FALSE(cpu.per_replica);
  EXPECT_EQ(cpu.tolerance_up, 0.1);
  EXPECT_FALSE(cpu.scale_down);
  EXPECT_TRUE(never.never_scales_down);
}

TEST(PolicyKeys, ThresholdsAreRulesWithoutAType) {
  Json policy = minimal_policy();
  Json listed = policy["rules"];
  listed[0].erase("type");
  policy.erase("rules");
  policy["thresholds"] = listed;
  EXPECT_EQ(compiled(policy).hash, compiled(minimal_policy()).hash);
}

TEST(PolicyKeys, StepsOfAllRulesCanBeSaidOnce) {
  const CompiledPolicy policy = compiled(policy_with(R"({"scaleUpBy": 3, "scaleDownBy": 2})"));
  EXPECT_EQ(std::get<ThresholdRule>(policy.rules[0].kind).scale_up_by, 3);
  EXPECT_EQ(std::get<ThresholdRule>(policy.rules[0].kind).scale_down_by, 2);
}

TEST(PolicyKeys, RulesWithoutANameGetOne) {
  const CompiledPolicy policy = compiled(policy_with(R"({"rules": [
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 90},
    {"type": "target", "metric": "cpu_usage", "target": 50},
    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 95, "name": "mine"}]})"));
  EXPECT_EQ(policy.rules[0].name, "threshold:cpu_usage");
  EXPECT_EQ(policy.rules[1].name, "threshold:cpu_usage#2");
  EXPECT_EQ(policy.rules[2].name, "target:cpu_usage");
  EXPECT_EQ(policy.rules[3].name, "mine");
  EXPECT_EQ(policy.metrics.size(), 1U);
}

TEST(PolicyKeys, APercentilesNameMeansTheDistribution) {
  const std::pair<std::string, Aggregation> cases[] = {{"response_time_p50", Aggregation::p50},
                                                       {"response_time_p75", Aggregation::p75},
                                                       {"response_time_p90", Aggregation::p90},
                                                       {"response_time_p95", Aggregation::p95},
                                                       {"response_time_p99", Aggregation::p99}};
  for (const auto& [name, aggregation] : cases) {
    Json policy = minimal_policy();
    policy["rules"].push_back({{"type", "threshold"}, {"metric", name}, {"scaleUp", 1}});
    const CompiledPolicy read = compiled(policy);
    ASSERT_EQ(read.metrics.size(), 2U);
    EXPECT_EQ(read.metrics[1].name, name);
    EXPECT_EQ(read.metrics[1].metric, "response_time");
    EXPECT_EQ(read.metrics[1].aggregation, aggregation);
  }
}

TEST(PolicyKeys, TheLagOfEventLoopsHasPercentiles) {
  Json policy = minimal_policy();
  policy["rules"].push_back(
      {{"type", "threshold"}, {"metric", "event_loop_lag_p99"}, {"scaleUp", 0.5}});
  EXPECT_EQ(compiled(policy).metrics[1].metric, "event_loop_lag");
  EXPECT_EQ(compiled(policy).metrics[1].aggregation, Aggregation::p99);
}

TEST(PolicyKeys, APercentilesNameHoldsBesideItsDistribution) {
  const CompiledPolicy policy = compiled(
      policy_with(R"({"metrics": [{"name": "response_time_p95", "metric": "response_time"}]})"));
  EXPECT_EQ(policy.metrics[0].metric, "response_time");
  EXPECT_EQ(policy.metrics[0].aggregation, Aggregation::p95);
}

TEST(PolicyKeys, HintsPointAtThresholdsToo) {
  Json policy = minimal_policy();
  policy["thresholds"] =
      Json::parse(R"([{"metric": "memory_usage", "scaleUp": 80, "scaleDown": 35}])");
  EXPECT_TRUE(has_hint(load_policies(policy.dump()), "/thresholds/0", "memory"));
}

TEST(PolicyKeys, AnAppsOwnMetricNeedsNoEntry) {
  const CompiledPolicy policy = compiled(
      policy_with_rule(R"({"type": "target", "metric": "open_carts", "targetPerReplica": 10})"));
  EXPECT_EQ(policy.metrics[0].metric, "open_carts");
}

TEST(PolicyKeys, EveryBuiltinMetricNeedsNoEntry) {
  for (const BuiltinMetric& metric : builtin_metrics()) {
    Json policy = minimal_policy();
    policy["rules"][0]["metric"] = metric.name;
    EXPECT_EQ(compiled(policy).metrics[0].metric, metric.name);
  }
}

TEST(PolicyKeys, APercentageChangeNeedsTheWindowBefore) {
  const CompiledPolicy policy = compiled(policy_with_rule(
      R"({"type": "threshold", "metric": "request_rate", "comparison": "percentage_change", "scaleUp": 50, "scaleDown": -30})"));
  EXPECT_TRUE(policy.metrics[0].needs_previous);
  EXPECT_EQ(std::get<ThresholdRule>(policy.rules[0].kind).scale_down, -30);
}

TEST(PolicyKeys, DampingIsWhatIsSaidOrFiveMinutesDown) {
  const auto windows = [](std::string_view keys) {
    const CompiledPolicy policy = compiled(policy_with(keys));
    return std::pair{policy.scale_up.stabilization_window, policy.scale_down.stabilization_window};
  };
  using Windows = std::pair<Duration, Duration>;
  EXPECT_EQ(windows("{}"), (Windows{0s, 300s}));
  EXPECT_EQ(windows(R"({"behavior": "none"})"), (Windows{0s, 0s}));
  EXPECT_EQ(windows(R"({"behavior": {}})"), (Windows{0s, 300s}));
  EXPECT_EQ(windows(R"({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 60}}})"),
            (Windows{60s, 300s}));
  EXPECT_EQ(windows(R"({"cooldown": {"down": "5m"}})"), (Windows{0s, 0s}));
  EXPECT_EQ(windows(R"({"cooldownPeriod": "5m"})"), (Windows{0s, 0s}));

  const CompiledPolicy policy =
      compiled(policy_with(R"({"cooldown": {"up": "60s", "down": "5m"}})"));
  EXPECT_EQ(policy.scale_up.cooldown, 60s);
  EXPECT_EQ(policy.scale_down.cooldown, 5min);
}

TEST(PolicyKeys, BehaviorGetsKubernetesDefaultsFieldByField) {
  constexpr auto pods = ScalingPolicy::Type::pods;
  constexpr auto percent = ScalingPolicy::Type::percent;
  using Policies = std::vector<ScalingPolicy>;
  const CompiledPolicy empty = compiled(policy_with(R"({"behavior": {}})"));
  EXPECT_EQ(empty.scale_up.select_policy, SelectPolicy::max);
  EXPECT_EQ(empty.scale_up.policies, (Policies{{pods, 4, 15s}, {percent, 100, 15s}}));
  EXPECT_EQ(empty.scale_down.policies, (Policies{{percent, 100, 15s}}));

  const CompiledPolicy given = compiled(policy_with(R"({"behavior": {
    "scaleUp": {"selectPolicy": "Min", "policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]},
    "scaleDown": {"selectPolicy": "Disabled", "policies": []}}})"));
  EXPECT_EQ(given.scale_up.select_policy, SelectPolicy::min);
  EXPECT_EQ(given.scale_up.stabilization_window, 0s);
  EXPECT_EQ(given.scale_up.policies, (Policies{{percent, 10, 60s}}));
  EXPECT_EQ(given.scale_down.select_policy, SelectPolicy::disabled);
  EXPECT_EQ(given.scale_down.stabilization_window, 300s);
  EXPECT_EQ(given.scale_down.policies, Policies{});

  const CompiledPolicy damped = compiled(minimal_policy());
  EXPECT_EQ(damped.scale_up.policies, Policies{}) << "without behavior there is no rate limit";
}

TEST(PolicyKeys, BehaviorKubernetesIsThatOfAnAutoscalerWithoutOne) {
  const CompiledPolicy word = compiled(policy_with(R"({"behavior": "kubernetes"})"));
  ASSERT_TRUE(word.kubernetes);
  EXPECT_EQ(word.kubernetes->scale_up_limit_factor, 2.0);
  EXPECT_EQ(word.kubernetes->scale_up_limit_minimum, 4.0);
  EXPECT_EQ(word.scale_up.stabilization_window, 0s);
  EXPECT_EQ(word.scale_down.stabilization_window, 300s);
  const CompiledPolicy object = compiled(policy_with(
      R"({"behavior": {"as": "kubernetes", "scaleUpLimitFactor": 8, "downscaleStabilizationSeconds": 60},
          "cooldown": {"up": "30s"}})"));
  EXPECT_EQ(object.kubernetes->scale_up_limit_factor, 8.0);
  EXPECT_EQ(object.kubernetes->scale_up_limit_minimum, 4.0);
  EXPECT_EQ(object.scale_down.stabilization_window, 60s);
  EXPECT_EQ(object.scale_up.cooldown, 30s);
  EXPECT_FALSE(compiled(policy_with(R"({"behavior": "none"})")).kubernetes);
}

TEST(PolicyKeys, ToleranceIsTheRulesElseThatOfBehavior) {
  Json policy = policy_with_rule(R"({"type": "target", "metric": "cpu_usage", "target": 70})");
  policy["behavior"] = {{"scaleUp", {{"tolerance", 0.01}}}};
  const auto tolerances = [&policy] {
    const CompiledPolicy read = compiled(policy);
    const auto& rule = std::get<TargetRule>(read.rules[0].kind);
    return std::pair{rule.tolerance_up, rule.tolerance_down};
  };
  EXPECT_EQ(tolerances(), (std::pair{0.01, 0.1}));
  policy["rules"][0]["tolerance"] = {{"down", 0.5}};
  EXPECT_EQ(tolerances(), (std::pair{0.01, 0.5}));
  policy["rules"][0]["tolerance"] = 0.2;
  EXPECT_EQ(tolerances(), (std::pair{0.2, 0.2}));
}

TEST(PolicyKeys, WhenCpuCountsIsKubernetesDefault) {
  const Readiness usual = compiled(minimal_policy()).readiness;
  EXPECT_EQ(usual.cpu_initialization_period, 5min);
  EXPECT_EQ(usual.initial_readiness_delay, 30s);
  const Readiness said =
      compiled(
          policy_with(
              R"({"startup": {"cpuInitializationPeriod": "2m", "initialReadinessDelay": "10s"}})"))
          .readiness;
  EXPECT_EQ(said.cpu_initialization_period, 2min);
  EXPECT_EQ(said.initial_readiness_delay, 10s);
}

TEST(PolicyKeys, NoReplicasNeedWhatCouldWakeThem) {
  const auto due = load_policies(
      policy_with(
          R"({"minReplicas": 0, "rules": [{"type": "target", "metric": "queue_length", "targetPerReplica": 10}]})")
          .dump());
  EXPECT_EQ(due.policies[0].compiled().min_replicas, 0);
  EXPECT_TRUE(due.hints.empty());
  const auto cpu = load_policies(policy_with(R"({"minReplicas": 0})").dump());
  EXPECT_TRUE(has_hint(cpu, "/minReplicas", "wake"));
}

TEST(PolicyKeys, ScaleToZeroHasKedasCooldownAndWakesByWhatIsReadWithoutReplicas) {
  const CompiledPolicy policy = compiled(policy_with(
      R"({"minReplicas": 0, "scaleToZero": {}, "rules": [
          {"type": "target", "metric": "due", "targetPerReplica": 10, "activation": 5},
          {"type": "threshold", "metric": "cache_hit_rate", "comparison": "less_than", "scaleUp": 60},
          {"type": "target", "metric": "cpu_usage", "target": 70}]})"));
  ASSERT_TRUE(policy.scale_to_zero);
  EXPECT_EQ(policy.scale_to_zero->cooldown, 5min);
  EXPECT_EQ(policy.scale_to_zero->retention, 0s);
  EXPECT_EQ(policy.rules[0].activation, 5.0);
  EXPECT_TRUE(policy.rules[0].wakes);
  EXPECT_FALSE(policy.rules[1].wakes);
  EXPECT_FALSE(policy.rules[2].wakes);
}

TEST(PolicyKeys, AConcurrencyRuleReadsItsMetricOverItsWindows) {
  const CompiledPolicy policy = compiled(policy_with_rule(
      R"({"type": "concurrency", "metric": "in_flight", "targetPerReplica": 70, "window": "95s"})"));
  const auto& rule = std::get<ConcurrencyRule>(policy.rules[0].kind);
  EXPECT_EQ(policy.metrics[0].window, 95s);
  EXPECT_EQ(policy.metrics[0].short_window, 10s) << "a tenth in whole seconds";
  EXPECT_NEAR(rule.capacity, 100.0, 1e-9);
  EXPECT_EQ(rule.panic_threshold, 2.0);
  EXPECT_EQ(rule.max_scale_up_rate, 1000.0);
  EXPECT_EQ(rule.max_scale_down_rate, 2.0);
  EXPECT_EQ(rule.target_burst_capacity, 211.0);
}

TEST(PolicyKeys, ABareWindowIsMinutesBelowSixty) {
  const auto window = [](double number) {
    return compiled(
               policy_with(Json{{"metrics", {{{"name", "cpu_usage"}, {"window", number}}}}}.dump()))
        .metrics[0]
        .window;
  };
  EXPECT_EQ(window(5), 5min);
  EXPECT_EQ(window(59), 59min);
  EXPECT_EQ(window(60), 60s);
  EXPECT_EQ(window(300), 5min);
}

TEST(PolicyKeys, PlatformsThatActAreCheckedOthersAreKept) {
  for (
      const std::string_view platform :
      {R"({"driver": "local"})", R"({"driver": "local", "readiness": "report"})",
       R"({"driver": "local", "readiness": ["./ready", "now"], "gracePeriod": "30s", "backoff": {"first": "1s", "most": "1m"}})",
       R"({"driver": "kubernetes", "namespace": "shop", "statefulSet": "web", "kubeconfig": "/k", "context": "c"})",
       R"({"driver": "swarm", "service": "shop_web", "host": "tcp://m", "certPath": "/c", "longestWorkSeconds": 90, "mayInterruptWork": false, "scaleDuringUpdate": true})",
       R"({"driver": "compose", "project": "shop", "service": "web", "host": "unix:///s", "certPath": "/c", "gracePeriodSeconds": 30})",
       R"({"driver": "gunicorn", "pidFile": "/run/gunicorn.pid"})",
       R"({"driver": "uvicorn", "pid": 17})",
       R"({"driver": "render", "service": "srv-1", "tokenFile": "/run/key", "endpoint": "https://e"})",
       R"({"driver": "cloud_run", "project": "p", "location": "l", "workerPool": "w", "keyFile": "/k", "endpoint": "https://e"})",
       R"({"driver": "digitalocean", "app": "a", "component": "web", "tokenFile": "/run/token", "endpoint": "https://e"})",
       R"({"driver": "railway", "project": "p", "environment": "e", "service": "s", "tokenFile": "/run/token", "tokenKind": "account", "endpoint": "https://e"})",
       R"({"driver": "vercel", "anything": {"goes": true}})"}) {
    const CompiledPolicy policy =
        compiled(policy_with(R"({"platform": )" + std::string{platform} + "}"));
    EXPECT_EQ(Json::parse(policy.platform_json), Json::parse(platform));
  }
}

TEST(PolicyKeys, HintsAtWhatIsProbablyNotMeant) {
  const auto load = [](const Json& policy) { return load_policies(policy.dump()); };
  EXPECT_TRUE(load(minimal_policy()).hints.empty());
  EXPECT_TRUE(has_hint(
      load(policy_with_rule(
          R"({"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 36})")),
      "/rules/0", "one step asks for a step back"));
  const auto swings = [&](const std::string& rule, int least = 1) {
    Json policy = policy_with_rule(rule);
    policy["minReplicas"] = least;
    return has_hint(load(policy), "/rules/0", "one step asks for a step back");
  };
  constexpr auto cpu =
      R"({"type": "threshold", "metric": "cpu_usage", "scaleUp": 60, "scaleDown": 40,)";
  EXPECT_TRUE(swings(cpu + std::string{R"("scaleUpBy": 2})"}, 3)) << "of 3, at 36 %";
  EXPECT_FALSE(swings(cpu + std::string{R"("scaleUpBy": 2})"}, 5));
  EXPECT_TRUE(swings(cpu + std::string{R"("scaleDownBy": 2})"}, 3)) << "of 5, at 66 %";
  EXPECT_FALSE(swings(cpu + std::string{R"("scaleDownBy": 2})"}, 5));
  constexpr auto aggressive =
      R"({"type": "threshold", "metric": "cpu_usage", "scaleUp": 60, "scaleDown": 50})";
  EXPECT_TRUE(swings(aggressive, 4));
  EXPECT_FALSE(swings(aggressive, 5));
  EXPECT_TRUE(swings(
      R"({"type": "threshold", "metric": "in_flight", "comparison": "percentage_change", "scaleUp": 40,
          "scaleDown": -40})",
      2));
  EXPECT_FALSE(swings(
      R"({"type": "threshold", "metric": "in_flight", "comparison": "percentage_change", "scaleUp": 60,
          "scaleDown": -60})",
      2));
  Json sum = policy_with_rule(
      R"({"type": "threshold", "metric": "in_flight", "comparison": "percentage_change", "scaleUp": 20,
          "scaleDown": 1})");
  sum["metrics"] = Json::parse(R"([{"name": "in_flight", "across": "sum"}])");
  EXPECT_TRUE(has_hint(load(sum), "/rules/0", "one step asks for a step back"))
      << "that of those who stay, whose share has grown";
  EXPECT_TRUE(swings(
      R"({"type": "step", "metric": "cpu_usage", "steps": [{"to": 40, "by": -1}, {"from": 70, "by": 5}]})"));
  EXPECT_FALSE(swings(
      R"({"type": "step", "metric": "cpu_usage", "steps": [{"to": 20, "by": -1}, {"from": 70, "by": 2}]})"));
  EXPECT_TRUE(swings(
      R"({"type": "step", "metric": "cpu_usage", "adjustment": "percent",
          "steps": [{"to": 40, "by": -50}, {"from": 70, "by": 20}]})",
      4));
  EXPECT_FALSE(swings(
      R"({"type": "step", "metric": "queue_length", "steps": [{"to": 9, "by": -1}, {"from": 10, "by": 9}]})"))
      << "the queue is the service's, however many replicas there are";
  EXPECT_TRUE(has_hint(
      load(policy_with_rule(R"({"type": "target", "metric": "memory_usage", "target": 70})")),
      "/rules/0", "memory"));
  EXPECT_TRUE(
      has_hint(load(policy_with_rule(
                   R"({"type": "target", "metric": "cpu_usage", "target": 70, "tolerance": 0})")),
               "/rules/0", "rounding"));
  EXPECT_TRUE(has_hint(load(policy_with(R"({"combine": {"down": "any"}, "rules": [
                           {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 20},
                           {"type": "target", "metric": "in_flight", "target": 10}]})")),
                       "/combine", "swing"));
  EXPECT_TRUE(has_hint(load(policy_with_rule(
                           R"({"type": "step", "metric": "queue_length", "steps": [
                               {"to": -5, "by": -1}, {"from": 0, "to": 10, "by": 1}, {"from": 20, "by": 2}], "threshold": 10})")),
                       "/rules/0", "between 20 and 30"));
  const auto overruled = [&](const std::string& rule) {
    Json policy = policy_with_rule(rule);
    policy["rules"].push_back(Json::parse(
        R"({"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 20})"));
    return has_hint(load(policy), "/rules/0", "only asks for more");
  };
  EXPECT_TRUE(overruled(R"({"type": "threshold", "metric": "in_flight", "scaleUp": 100})"));
  EXPECT_TRUE(overruled(
      R"({"type": "target", "metric": "queue_length", "targetPerReplica": 9, "disableScaleIn": true})"));
  const auto of_a_sum = [](const std::string& comparison) {
    Json policy = policy_with(R"({"rules": [
        {"type": "threshold", "metric": "rps", "scaleUp": 20, "comparison": ")" +
                              comparison + R"("},
        {"type": "target", "metric": "cpu_usage", "target": 33}]})");
    policy["metrics"] =
        Json::parse(R"([{"name": "rps", "metric": "requests_per_second", "across": "sum"}])");
    return has_hint(load_policies(policy.dump()), "/rules/0", "only asks for more");
  };
  EXPECT_TRUE(of_a_sum("percentage_change")) << "one of two that goes doubles what the other has";
  EXPECT_FALSE(of_a_sum("greater_than"));
  EXPECT_FALSE(overruled(R"({"type": "threshold", "metric": "queue_length", "scaleUp": 100})"))
      << "as long as it asks for more, nobody takes anything away";
  const auto own = [](const std::string& keys) {
    Json policy = policy_with(
        R"({"rules": [{"type": "threshold", "metric": "carts", "scaleUp": 60, "scaleDown": 40}]})");
    policy["metrics"] = Json::array({Json::parse(R"({"name": "carts")" + keys + "}")});
    return has_hint(load_policies(policy.dump()), "/rules/0", "if the replicas share carts");
  };
  EXPECT_TRUE(own("")) << "2 have 31 each, where one had 61";
  EXPECT_FALSE(own(R"(, "across": "max")")) << "each has all of it";
  EXPECT_FALSE(own(R"(, "across": "sum")"));
  EXPECT_FALSE(own(R"(, "aggregation": "p95")")) << "that of all, whoever had it";
  const auto sleeps = [](const std::string& keys) {
    Json policy = policy_with(keys);
    policy["rules"] = Json::parse(
        R"([{"type": "target", "metric": "queue_length", "target": 31, "disableScaleIn": true},
            {"type": "threshold", "metric": "queue_length", "scaleUp": 60, "scaleDown": 31}])");
    return has_hint(load_policies(policy.dump()), "/rules/0", "only asks for more");
  };
  EXPECT_TRUE(sleeps(R"({"minReplicas": 0})")) << "of none it wants one, and of one no more";
  EXPECT_TRUE(sleeps(R"({"schedules": [{"at": "2026-03-02T06:00", "minReplicas": 0}]})"));
  EXPECT_FALSE(sleeps(R"({"minReplicas": 1})"));
  EXPECT_FALSE(sleeps(R"({"minReplicas": 0, "scaleToZero": {}})"))
      << "one stays for as long as there is work";
  EXPECT_TRUE(has_hint(
      load(policy_with_rule(
          R"({"type": "threshold", "metric": "memory_usage", "scaleUp": 80, "scaleDown": 35})")),
      "/rules/0", "memory"));
  EXPECT_TRUE(has_hint(
      load(policy_with_rule(
          R"({"type": "threshold", "metric": "cpu_usage", "scaleUp": 0.7, "scaleDown": 0.3})")),
      "/rules/0", "percent"));
  EXPECT_TRUE(
      has_hint(load(policy_with(R"({"startup": {"expected": "2m"}, "cooldown": {"up": "1m"}})")),
               "/startup", "shorter"));
  EXPECT_TRUE(has_hint(load(policy_with(R"({"platform": {"driver": "kubernets"}})")),
                       "/platform/driver", "\"kubernetes\""));
}

TEST(Hints, ABudgetThatCannotPayTheMaximum) {
  const auto with_limit = [](int limit) {
    Json policy = policy_with(R"({"uses": {"connections": 20}})");
    policy["guardrails"]["budgets"]["connections"] = {{"limit", limit}, {"reserve", 5}};
    return load_policies(policy.dump());
  };
  EXPECT_TRUE(has_hint(with_limit(204), "/uses", "9 replicas"));
  EXPECT_TRUE(with_limit(205).hints.empty());
}

TEST(Hints, TwoStepRulesForOneMetricAreOne) {
  const auto steps = load_policies(policy_with(R"({"rules": [
      {"type": "step", "metric": "cpu_usage", "steps": [{"from": 80, "by": 1}]},
      {"type": "step", "metric": "cpu_usage", "steps": [{"to": 20, "by": -1}]}]})")
                                       .dump());
  EXPECT_TRUE(has_hint(steps, "/rules/0", "put both sides into one step rule"));
}

TEST(Hints, APlatformThatIsOnlyReadInThisVersion) {
  const auto on = [](const std::string& driver, bool enabled) {
    Json policy = policy_with(R"({"platform": {"driver": ")" + driver + "\"}}");
    policy["enabled"] = enabled;
    return load_policies(policy.dump());
  };
  EXPECT_TRUE(has_hint(on("vercel", true), "/platform/driver", "only recommends"));
  EXPECT_TRUE(on("vercel", false).hints.empty()) << "it says that it is not enabled";
  EXPECT_TRUE(on("local", true).hints.empty());
  EXPECT_TRUE(on("kubernetes", true).hints.empty());
  EXPECT_TRUE(on("render", true).hints.empty());
  EXPECT_TRUE(on("cloud_run", true).hints.empty());
  EXPECT_TRUE(on("digitalocean", true).hints.empty());
  EXPECT_TRUE(on("railway", true).hints.empty());
  EXPECT_TRUE(on("mine", true).hints.empty());
}

TEST(Hints, AMetricThatNothingHereRecordsOnce) {
  const auto reading = [](const std::string& metric, const std::string& listed = "[]") {
    const std::string rule =
        R"({"type": "target", "metric": ")" + metric + R"(", "targetPerReplica": 9)";
    return load_policies(policy_with(R"({"metrics": )" + listed + R"(, "rules": [)" + rule + "}, " +
                                     rule + R"(, "tolerance": 0.2}]})")
                             .dump());
  };
  const auto unknown = reading("queue_len");
  ASSERT_EQ(unknown.hints.size(), 1U);
  EXPECT_EQ(unknown.hints[0].pointer, "/rules/0");
  EXPECT_TRUE(says(unknown.hints[0].message, "nothing here records queue_len"));
  EXPECT_TRUE(reading("queue_len", R"([{"name": "queue_len"}])").hints.empty());
  EXPECT_TRUE(reading("due", R"([{"name": "due", "value": "queue_length * 2"}])").hints.empty());
  EXPECT_TRUE(reading("response_time_p95").hints.empty());
}

TEST(Hints, APercentageBelowOne) {
  const auto hinted = [](std::string_view rule, const std::string& edge) {
    return has_hint(load_policies(policy_with_rule(rule).dump()), "/rules/0",
                    "is in percent, 0 to 100: " + edge + " is at most one percent");
  };
  for (const std::string_view rule :
       {R"({"type": "target", "metric": "cpu_usage", "target": 0.6})",
        R"({"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 0.6})"}) {
    EXPECT_TRUE(hinted(rule, "target"));
  }
  const auto steps = [&hinted](const std::string& keys) {
    return hinted(R"({"type": "step", "metric": "cpu_usage", )" + keys + "}", "the first step up");
  };
  EXPECT_TRUE(steps(R"("steps": [{"to": 0.2, "by": -1}, {"from": 0.6, "by": 1}])"));
  EXPECT_FALSE(steps(R"("threshold": 60, "steps": [{"to": -40, "by": -1}, {"from": 0, "by": 1}])"));
  EXPECT_FALSE(steps(R"("adjustment": "exact", "steps": [{"from": 0, "to": 60, "by": 2},
                        {"from": 60, "by": 4}])"))
      << "its lowest step is the fewest there are";
}

TEST(Hints, ATimeThatLooksLikeMilliseconds) {
  const auto hinted = [](const std::string& rule, const std::string& listed = "[]") {
    Json policy = policy_with_rule(rule);
    policy["metrics"] = Json::parse(listed);
    return has_hint(load_policies(policy.dump()), "/rules/0",
                    "if you mean milliseconds, write 0.2");
  };
  const std::string edge = R"("metric": "response_time_p95", "target": 200)";
  EXPECT_TRUE(hinted(R"({"type": "target", )" + edge + "}"));
  EXPECT_TRUE(hinted(R"({"type": "target", "as": "ecs", )" + edge + "}"));
  EXPECT_TRUE(hinted(
      R"({"type": "threshold", "metric": "event_loop_lag_p99", "scaleUp": 200, "scaleDown": 20})"));
  EXPECT_TRUE(
      hinted(R"({"type": "step", "metric": "wait", "threshold": 150,
          "steps": [{"to": -100, "by": -1}, {"from": 50, "by": 1}]})",
             R"([{"name": "wait", "metric": "request_queue_time", "aggregation": "max"}])"));
  EXPECT_FALSE(hinted(R"({"type": "target", "metric": "response_time_p95", "target": 0.2})"));
  EXPECT_FALSE(hinted(R"({"type": "target", "metric": "in_flight", "target": 200})"));
  EXPECT_FALSE(hinted(R"({"type": "target", "metric": "queue_latency", "target": 200})"))
      << "a job may wait for minutes";
  EXPECT_FALSE(hinted(
      R"({"type": "threshold", "metric": "query_time", "comparison": "percentage_change",
          "scaleUp": 200, "scaleDown": -50})"));
  EXPECT_FALSE(hinted(R"({"type": "target", "metric": "spent", "target": 200})",
                      R"([{"name": "spent", "metric": "query_time", "aggregation": "sum"}])"))
      << "that of many";
}

TEST(Hints, APresetAsItsGuideHasItGetsNone) {
  for (const std::string_view preset : preset_names()) {
    const Json policy{{"service", "web"}, {"preset", preset}};
    EXPECT_TRUE(load_policies(policy.dump()).hints.empty()) << preset;
    EXPECT_TRUE(load_policies(document_of(policy).dump()).hints.empty()) << preset;
  }
}

TEST(Hints, WhatIsChangedOfAPreset) {
  const auto of_balanced = [](const std::string& keys) {
    Json policy = Json::parse(R"({"service": "web", "preset": "balanced"})");
    policy.update(Json::parse(keys));
    return load_policies(policy.dump());
  };
  const auto from_one = of_balanced(R"({"minReplicas": 1})");
  EXPECT_EQ(from_one.hints.size(), 1U);
  EXPECT_TRUE(has_hint(from_one, "/preset", "threshold:cpu_usage: one step asks for a step back"));
  EXPECT_TRUE(has_hint(from_one, "/preset", "keep its minReplicas"));
  EXPECT_TRUE(has_hint(of_balanced(R"({"scaleUpBy": 3})"), "/preset", "threshold:cpu_usage"));
  EXPECT_TRUE(of_balanced(R"({"minReplicas": 3})").hints.empty());
  EXPECT_TRUE(has_hint(of_balanced(R"({"rules": [
      {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 20},
      {"type": "threshold", "metric": "in_flight", "scaleUp": 100}]})"),
                       "/rules/1", "only asks for more"));
}

TEST(Hints, AnAlertOnAMetricThatNoRuleReads) {
  const auto with_alert = [](const std::string& metric) {
    return load_policies(
        policy_with(R"({"alerts": [{"metric": ")" + metric + R"(", "warning": 1}]})").dump());
  };
  EXPECT_TRUE(has_hint(with_alert("error_rate"), "/alerts/0/metric", "no rule reads"));
  EXPECT_TRUE(with_alert("cpu_usage").hints.empty());
}

}  // namespace
}  // namespace selfscale
