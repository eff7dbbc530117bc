#include "policy/presets.hpp"

#include <gtest/gtest.h>

#include "policy/policy_fixture.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;

const ThresholdRule& rule_on(const CompiledPolicy& policy, std::string_view metric) {
  for (const RuleSpec& rule : policy.rules) {
    if (policy.metrics[static_cast<std::size_t>(rule.metric)].name == metric) {
      return std::get<ThresholdRule>(rule.kind);
    }
  }
  throw std::runtime_error{"no rule on " + std::string{metric}};
}

TEST(Presets, ConservativeIsTheGuides) {
  const CompiledPolicy policy = preset_policy("conservative", "web").compiled();
  EXPECT_EQ(policy.service, "web");
  EXPECT_EQ(policy.min_replicas, 1);
  EXPECT_EQ(policy.max_replicas, 5);
  ASSERT_EQ(policy.rules.size(), 1U);
  const ThresholdRule& cpu = rule_on(policy, "cpu_usage");
  EXPECT_EQ(cpu.scale_up, 80);
  EXPECT_EQ(cpu.scale_up_for, 5min);
  EXPECT_EQ(cpu.scale_down, 30);
  EXPECT_EQ(cpu.scale_down_for, 15min);
}

TEST(Presets, BalancedIsTheGuides) {
  const CompiledPolicy policy = preset_policy("balanced", "web").compiled();
  EXPECT_EQ(policy.min_replicas, 2);
  EXPECT_EQ(policy.max_replicas, 10);
  ASSERT_EQ(policy.rules.size(), 3U);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_up, 70);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_down, 40);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_up, 80);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_down, 50);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_down_for, 10min);
  EXPECT_EQ(rule_on(policy, "in_flight").scale_up, 100);
  EXPECT_EQ(rule_on(policy, "in_flight").scale_down, std::nullopt);
}

TEST(Presets, AggressiveIsTheGuides) {
  const CompiledPolicy policy = preset_policy("aggressive", "web").compiled();
  EXPECT_EQ(policy.min_replicas, 3);
  EXPECT_EQ(policy.max_replicas, 20);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_up, 60);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_down, 50);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_down_for, 20min);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_up, std::nullopt);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_down, 60);
  EXPECT_EQ(rule_on(policy, "response_time_p95").scale_up, 1);
  EXPECT_EQ(policy.metrics[0].missing.kind, MissingPolicy::Kind::ignore);
}

TEST(Presets, BackendIsTheGuides) {
  const CompiledPolicy policy = preset_policy("backend", "backend").compiled();
  EXPECT_EQ(policy.min_replicas, 1);
  EXPECT_EQ(policy.max_replicas, 5);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_up, 70);
  EXPECT_EQ(rule_on(policy, "cpu_usage").scale_down, 20);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_up, 80);
  EXPECT_EQ(rule_on(policy, "memory_usage").scale_down, 30);
  EXPECT_EQ(rule_on(policy, "request_rate").scale_up, 100);
  EXPECT_EQ(rule_on(policy, "request_rate").scale_down, 20);
  EXPECT_EQ(policy.cooldown_period, 5min);
  EXPECT_EQ(policy.evaluation_interval, 2min);
}

TEST(Presets, MlIsTheGuides) {
  const CompiledPolicy policy = preset_policy("ml", "ml").compiled();
  EXPECT_EQ(policy.min_replicas, 1);
  EXPECT_EQ(policy.max_replicas, 3);
  EXPECT_EQ(rule_on(policy, "queue_length").scale_up, 10);
  EXPECT_EQ(rule_on(policy, "queue_length").scale_down, 2);
  EXPECT_EQ(rule_on(policy, "failure_rate").scale_up, 5);
  EXPECT_EQ(rule_on(policy, "failure_rate").scale_down, 1);
  EXPECT_EQ(policy.cooldown_period, 10min);
  EXPECT_EQ(policy.evaluation_interval, 5min);
}

TEST(Presets, AnUnknownOneIsRefusedByName) {
  try {
    preset_policy("balnced", "web");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_TRUE(says(error.what(), "\"balanced\""));
  }
}

TEST(Presets, AKeyOfThePolicyReplacesThePresetsWholeKey) {
  const CompiledPolicy bounds =
      compiled(Json::parse(R"({"service": "web", "preset": "balanced", "maxReplicas": 4})"));
  EXPECT_EQ(bounds.max_replicas, 4);
  EXPECT_EQ(bounds.min_replicas, 2);
  EXPECT_EQ(bounds.rules.size(), 3U);
  EXPECT_TRUE(bounds.rules[0].from_preset);

  for (const std::string key : {"rules", "thresholds"}) {
    Json policy = Json::parse(R"({"service": "web", "preset": "balanced"})");
    policy[key] = minimal_policy()["rules"];
    const CompiledPolicy own = compiled(policy);
    ASSERT_EQ(own.rules.size(), 1U);
    EXPECT_FALSE(own.rules[0].from_preset);
    EXPECT_EQ(own.min_replicas, 2);
  }
}

TEST(Presets, ContradictingAPresetIsAProblem) {
  const auto problems =
      problems_of(Json::parse(R"({"service": "web", "preset": "balanced", "minReplicas": 11})"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(says(problems[0].message, "maxReplicas is 10"));
}

TEST(Presets, RulesOnMetricsThatAreNotThereAreLeftOut) {
  const Policy whole = preset_policy("aggressive", "web");
  const Policy fitted = without_metrics(whole, {"response_time", "in_flight"});
  const CompiledPolicy& policy = fitted.compiled();
  EXPECT_EQ(policy.left_out, std::vector<std::string>{"threshold:response_time_p95"});
  ASSERT_EQ(policy.rules.size(), 2U);
  ASSERT_EQ(policy.metrics.size(), 2U);
  EXPECT_EQ(policy.metrics[static_cast<std::size_t>(policy.rules[0].metric)].name, "cpu_usage");
  EXPECT_EQ(policy.metrics[static_cast<std::size_t>(policy.rules[1].metric)].name, "memory_usage");
  EXPECT_NE(fitted.hash(), whole.hash());
  EXPECT_EQ(load_policies(fitted.to_json()).policies[0].hash(), fitted.hash());
}

TEST(Presets, WithoutAnyOfItsMetricsAPresetStillReadsBack) {
  const Policy fitted =
      without_metrics(preset_policy("ml", "ml"), {"queue_length", "failure_rate"});
  EXPECT_EQ(fitted.compiled().left_out.size(), 2U);
  EXPECT_TRUE(fitted.compiled().rules.empty());
  EXPECT_TRUE(fitted.compiled().never_scales_down);
  EXPECT_EQ(load_policies(fitted.to_json()).policies[0].hash(), fitted.hash());
}

TEST(Presets, WhatTheUserWroteIsNeverLeftOut) {
  const Policy policy = load_policies(minimal_policy().dump()).policies[0];
  EXPECT_EQ(without_metrics(policy, {"cpu_usage"}).hash(), policy.hash());
}

}  // namespace
}  // namespace selfscale
