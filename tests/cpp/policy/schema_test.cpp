// The schema and the parser know the same keys.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "policy/metrics.hpp"
#include "policy/policy_fixture.hpp"
#include "policy/presets.hpp"
#include "policy/reader.hpp"

namespace selfscale {
namespace {

const Json& schema() {
  static const Json parsed = Json::parse(policy_schema());
  return parsed;
}

std::set<std::string> keys_of(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.at("properties").items()) keys.insert(key);
  return keys;
}

/// Where an object of each definition stands in a policy.
const std::map<std::string, std::string>& places() {
  static const std::map<std::string, std::string> map{
      {"policyAlone", ""},
      {"metric", "/metrics/0"},
      {"threshold", "/rules/0"},
      {"target", "/rules/1"},
      {"ecsTarget", "/rules/2"},
      {"step", "/rules/3"},
      {"stepOf", "/rules/3/steps/0"},
      {"backlog", "/rules/4"},
      {"concurrency", "/rules/5"},
      {"scaleToZero", "/scaleToZero"},
      {"combine", "/combine"},
      {"direction", "/behavior/scaleUp"},
      {"cooldown", "/cooldown"},
      {"startup", "/startup"},
      {"guardrails", "/guardrails"},
      {"budget", "/guardrails/budgets/usd"},
      {"alert", "/alerts/0"},
      {"local", "/platform"},
      {"tolerance", "/rules/1/tolerance"},
      {"schedule", "/schedules/0"},
      {"scalingPolicy", "/behavior/scaleUp/policies/0"}};
  return map;
}

Json policy_with_all_objects() {
  return Json::parse(R"({"service": "a", "maxReplicas": 5, "metrics": [{"name": "cpu_usage"}],
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},
              {"type": "target", "metric": "cpu_usage", "target": 70, "tolerance": {}},
              {"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 70},
              {"type": "step", "metric": "cpu_usage", "steps": [{"from": 70, "by": 1}]},
              {"type": "backlog", "metric": "queue_length", "targetLatency": "30s"},
              {"type": "concurrency", "metric": "in_flight", "targetPerReplica": 80}],
    "schedules": [{"cron": "@daily", "minReplicas": 2}],
    "minReplicas": 0, "scaleToZero": {},
    "combine": {}, "cooldown": {},
    "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]}}, "startup": {}, "guardrails": {"budgets": {"usd": {"limit": 9}}},
    "alerts": [{"metric": "cpu_usage", "warning": 70}],
    "platform": {"driver": "local"}})");
}

/// The keys that the parser knows at a place: it names them all when none is near.
std::set<std::string> keys_known_at(const std::string& place,
                                    Json policy = policy_with_all_objects()) {
  const std::string strange = "QQQQQQQQQQQQQQQQQQQQQQQQ";
  policy[Json::json_pointer{place}][strange] = 1;
  const auto problems = problems_of(policy);
  EXPECT_EQ(problems.size(), 1U);
  const std::string& message = problems.at(0).message;
  std::set<std::string> keys;
  std::istringstream list{message.substr(message.find(": ") + 2)};
  for (std::string key; std::getline(list, key, ',');) {
    keys.insert(key.starts_with(' ') ? key.substr(1) : key);
  }
  return keys;
}

TEST(Schema, KnowsTheKeysThatTheParserKnows) {
  for (const auto& [name, place] : places()) {
    auto keys = keys_of(schema().at("$defs").at(name));
    keys.erase("fromPreset");  // the normal form's alone, so nobody is told of it
    EXPECT_EQ(keys, keys_known_at(place)) << name;
  }
}

TEST(Schema, KnowsTheKeysOfBehaviorWithoutDirections) {
  EXPECT_EQ(keys_of(schema().at("$defs").at("kubernetes")),
            keys_known_at("/behavior", policy_with(R"({"behavior": {"as": "kubernetes"}})")));
}

TEST(Schema, KnowsTheKeysOfEachPlatform) {
  for (const std::string driver : {"cloud_run", "compose", "digitalocean", "ecs", "kubernetes",
                                   "railway", "render", "swarm"}) {
    EXPECT_EQ(
        keys_of(schema().at("$defs").at(driver + "Platform")),
        keys_known_at("/platform", policy_with(R"({"platform": {"driver": ")" + driver + "\"}}")));
  }
}

TEST(Schema, WhatIsLaterInItIsRefusedByTheParser) {
  for (const auto& [name, place] : places()) {
    for (const auto& [key, value] : schema()["$defs"][name]["properties"].items()) {
      if (!value.is_object() || value.value("$ref", "") != "#/$defs/later") continue;
      Json policy = policy_with_all_objects();
      policy[Json::json_pointer{place}][key] = "x";
      const auto problems = problems_of(policy);
      ASSERT_EQ(problems.size(), 1U) << place << '/' << key;
      EXPECT_TRUE(says(problems[0].message, "not part of this version"));
    }
  }
}

TEST(Schema, ListsTheNamesThatTheParserKnows) {
  const Json& definitions = schema()["$defs"];
  Json presets = Json::array();
  for (const std::string_view name : preset_names()) presets.push_back(name);
  EXPECT_EQ(definitions["policy"]["properties"]["preset"]["enum"], presets);
  Json names = Json::array();
  for (const auto& [name, value] : aggregations) names.push_back(name);
  EXPECT_EQ(definitions["metric"]["properties"]["aggregation"]["enum"], names);
}

}  // namespace
}  // namespace selfscale
