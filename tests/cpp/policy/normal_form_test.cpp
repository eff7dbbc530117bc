// The normal form reads back as itself, and no text makes the parser do anything but refuse it.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>
#include <set>

#include "policy/metrics.hpp"
#include "policy/policy_fixture.hpp"
#include "policy/presets.hpp"

namespace selfscale {
namespace {

template <class T>
T pick(std::vector<T> choices) {
  return *rc::gen::elementOf(std::move(choices));
}

std::string any_duration() {
  return std::to_string(*rc::gen::inRange(1, 5000)) + pick<std::string>({"ms", "s", "m"});
}

double any_edge(int least, int most) { return *rc::gen::inRange(least * 100, most * 100) / 100.0; }

Json any_threshold(const std::string& metric) {
  const auto comparison = pick<std::string>({"greater_than", "less_than", "percentage_change"});
  Json rule{{"type", "threshold"}, {"metric", metric}, {"comparison", comparison}};
  const double low = any_edge(1, 40);
  const double high = any_edge(41, 99);
  rule["scaleUp"] = comparison == "less_than" ? low : high;
  rule["scaleDown"] = comparison == "less_than" ? high : low;
  if (*rc::gen::arbitrary<bool>()) rule["scaleUpFor"] = any_duration();
  if (*rc::gen::arbitrary<bool>()) rule["scaleDownFor"] = any_duration();
  if (*rc::gen::arbitrary<bool>()) rule["scaleUpBy"] = *rc::gen::inRange(1, 9);
  return rule;
}

Json any_target(const std::string& metric) {
  Json rule{{"type", "target"}, {"metric", metric}};
  rule[*rc::gen::arbitrary<bool>() ? "target" : "targetPerReplica"] = any_edge(1, 1000);
  if (*rc::gen::arbitrary<bool>()) {
    rule["tolerance"] = any_edge(0, 1) * 0.99;
  } else if (*rc::gen::arbitrary<bool>()) {
    rule["tolerance"] = {{"up", any_edge(0, 5)}, {"down", any_edge(0, 1)}};
  }
  return rule;
}

Json any_ecs_target(const std::string& metric) {
  return {{"type", "target"},
          {"as", "ecs"},
          {"metric", metric},
          {"target", any_edge(1, 1000)},
          {"scaleOutCooldown", any_duration()},
          {"scaleInCooldown", any_duration()}};
}

Json any_step(const std::string& metric) {
  const auto adjustment = pick<std::string>({"change", "percent", "exact"});
  Json rule{{"type", "step"}, {"metric", metric}, {"adjustment", adjustment}};
  const double low = any_edge(1, 40);
  const double high = any_edge(41, 99);
  const int down = adjustment == "exact" ? 1 : -*rc::gen::inRange(1, 9);
  rule["steps"] = {{{"to", low}, {"by", down}},
                   {{"from", high}, {"to", high + 10}, {"by", *rc::gen::inRange(0, 9)}},
                   {{"from", high + 10}, {"by", *rc::gen::inRange(0, 9)}}};
  if (*rc::gen::arbitrary<bool>()) rule["cooldown"] = any_duration();
  return rule;
}

Json any_backlog(const std::string& metric) {
  Json rule{{"type", "backlog"}, {"metric", metric}, {"targetLatency", any_duration()}};
  if (*rc::gen::arbitrary<bool>()) rule["throughputPerReplica"] = any_edge(1, 100);
  if (*rc::gen::arbitrary<bool>()) rule["running"] = "in_flight";
  if (*rc::gen::arbitrary<bool>()) rule["oldest"] = "queue_latency";
  return rule;
}

Json any_concurrency(const std::string& metric) {
  Json rule{{"type", "concurrency"}, {"metric", metric}, {"targetPerReplica", any_edge(1, 100)}};
  const int window = *rc::gen::inRange(10, 4000);
  if (*rc::gen::arbitrary<bool>()) rule["capacityPerReplica"] = any_edge(1, 100);
  if (*rc::gen::arbitrary<bool>()) rule["targetBurstCapacity"] = any_edge(-1, 300);
  if (*rc::gen::arbitrary<bool>()) rule["panicThreshold"] = any_edge(1, 10);
  if (*rc::gen::arbitrary<bool>()) rule["maxScaleUpRate"] = any_edge(2, 1000);
  if (*rc::gen::arbitrary<bool>()) rule["maxScaleDownRate"] = any_edge(2, 10);
  if (*rc::gen::arbitrary<bool>()) rule["scaleDownDelay"] = any_duration();
  if (*rc::gen::arbitrary<bool>()) rule["activationScale"] = *rc::gen::inRange(0, 9);
  if (*rc::gen::arbitrary<bool>()) rule["initialScale"] = *rc::gen::inRange(0, 9);
  rule["window"] = std::to_string(window) + "s";
  rule["panicWindow"] = std::to_string(*rc::gen::inRange(1, window)) + "s";
  return rule;
}

Json any_direction() {
  Json direction{{"stabilizationWindowSeconds", *rc::gen::inRange(0, 3'600'000) / 1000.0}};
  direction["selectPolicy"] = pick<std::string>({"Max", "Min", "Disabled"});
  if (*rc::gen::arbitrary<bool>()) direction["tolerance"] = any_edge(0, 1);
  if (*rc::gen::arbitrary<bool>()) direction["cooldown"] = any_duration();
  if (*rc::gen::arbitrary<bool>()) return direction;
  direction["policies"] = Json::array();
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    direction["policies"].push_back({{"type", pick<std::string>({"Pods", "Percent"})},
                                     {"value", *rc::gen::inRange(1, 200)},
                                     {"periodSeconds", *rc::gen::inRange(1, 1801)}});
  }
  return direction;
}

Json any_behavior() {
  const std::vector<Json> choices{"none",
                                  "kubernetes",
                                  {{"as", "kubernetes"}, {"scaleUpLimitFactor", any_edge(1, 9)}},
                                  {{"scaleUp", any_direction()}},
                                  {{"scaleUp", any_direction()}, {"scaleDown", any_direction()}}};
  return choices[*rc::gen::inRange<std::size_t>(0, choices.size())];  // RapidCheck cannot show JSON
}

Json any_metric(const std::string& name) {
  Json metric{{"name", name}, {"window", any_duration()}, {"weight", any_edge(0, 2)}};
  metric["across"] = pick<std::string>({"avg", "max", "min", "sum"});
  metric["missing"] = pick<Json>({"hold", "ignore", {{"atLeastReplicas", 2}}});
  if (*rc::gen::arbitrary<bool>()) metric["missingAfter"] = any_duration();
  return metric;
}

std::string any_time() {
  return pick<std::string>({"00", "09", "18", "23"}) + pick<std::string>({":00", ":15", ":59"});
}

Json any_schedule() {
  Json schedule = pick<Json>({{{"cron", pick<std::string>({"@daily", "*/5  8-18 * * Mon-FRI"})}},
                              {{"cron", "0 6 1 * *"}, {"duration", any_duration()}},
                              {{"at", "2026-11-27T" + any_time()}},
                              {{"at", "2026-11-27T" + any_time()}, {"until", "2027-01-01T00:00"}},
                              {{"from", any_time()}, {"to", "24:00"}},
                              {{"from", any_time()}, {"to", "06:30"}, {"days", "fri-mon,wed"}}});
  schedule[pick<std::string>({"minReplicas", "maxReplicas"})] = *rc::gen::inRange(0, 50);
  if (*rc::gen::arbitrary<bool>()) schedule["timezone"] = "Australia/Lord_Howe";
  if (schedule.contains("to")) schedule["startAhead"] = *rc::gen::arbitrary<bool>();
  return schedule;
}

Json any_policy() {
  const int least = *rc::gen::inRange(1, 10);
  Json policy{{"service", pick<std::string>({"a", "backend", "w.1"})},
              {"minReplicas", least},
              {"maxReplicas", least + *rc::gen::inRange(0, 90)},
              {"evaluationInterval", any_duration()},
              {"rules", Json::array()}};
  if (*rc::gen::arbitrary<bool>()) policy["enabled"] = true;
  if (*rc::gen::arbitrary<bool>()) policy["timezone"] = "Africa/Lagos";
  if (*rc::gen::arbitrary<bool>()) policy["startup"] = {{"timeout", any_duration()}};
  if (*rc::gen::arbitrary<bool>()) policy["cooldownPeriod"] = any_duration();
  if (*rc::gen::arbitrary<bool>())
    policy["guardrails"] = {{"minAvailableMemoryMb", any_edge(0, 9)}};
  if (*rc::gen::arbitrary<bool>()) {
    policy["guardrails"]["maxScaleEventsPerHour"] = *rc::gen::inRange(1, 99);
    policy["guardrails"]["budgets"] = {{"usd", {{"limit", any_edge(1, 9)}}},
                                       {"connections", {{"limit", 100}, {"reserve", 5}}}};
    policy["uses"] = {{"usd", any_edge(1, 2)}};
    policy["alerts"] = {{{"metric", "cpu_usage"}, {"warning", any_edge(1, 50)}},
                        {{"metric", "cache_hit_rate"},
                         {"comparison", "less_than"},
                         {"warning", any_edge(51, 99)},
                         {"critical", any_edge(1, 50)}}};
  }
  if (*rc::gen::arbitrary<bool>()) policy["platform"] = {{"driver", "x"}, {"n", any_edge(0, 9)}};
  if (*rc::gen::arbitrary<bool>()) {
    policy["behavior"] = any_behavior();
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) policy["schedules"].push_back(any_schedule());
  std::set<std::string> listed;
  const int rules = *rc::gen::inRange(1, 5);
  for (int i = 0; i < rules; ++i) {
    const auto metric =
        pick<std::string>({"cpu_usage", "memory_usage", "response_time_p95", "open_carts"});
    constexpr Json (*any_rule[])(const std::string&){any_threshold, any_target, any_ecs_target,
                                                     any_step, any_backlog};
    policy["rules"].push_back(any_rule[*rc::gen::inRange(0, 5)](metric));
    if (*rc::gen::arbitrary<bool>() && listed.insert(metric).second) {
      policy["metrics"].push_back(any_metric(metric));
    }
  }
  return policy;
}

/// Its rules may all wake it.
Json any_policy_to_zero() {
  const bool is_concurrency = *rc::gen::arbitrary<bool>();
  Json rule = is_concurrency ? any_concurrency("in_flight") : any_backlog("queue_length");
  if (*rc::gen::arbitrary<bool>()) rule["activation"] = any_edge(0, 100);
  return {{"service", "a"},
          {"minReplicas", 0},
          {"maxReplicas", 9},
          {"scaleToZero", {{"cooldown", any_duration()}, {"retention", any_duration()}}},
          {"rules", {rule}}};
}

RC_GTEST_PROP(NormalForm, ReadsBackAsItself, ()) {
  const Json written = *rc::gen::arbitrary<bool>() ? any_policy() : any_policy_to_zero();
  const Policy policy = load_policies(written.dump()).policies.front();
  const PolicyDocument again = load_policies(policy.to_json());
  RC_ASSERT(again.policies.front().to_json() == policy.to_json());
  RC_ASSERT(again.policies.front().hash() == policy.hash());
  for (std::size_t i = 0; i < policy.compiled().rules.size(); ++i) {
    RC_ASSERT(again.policies.front().compiled().rules[i].definition ==
              policy.compiled().rules[i].definition);
  }
}

TEST(NormalForm, PresetsReadBackAsThemselvesWithTheirHints) {
  for (const std::string_view name : preset_names()) {
    const Policy policy = preset_policy(name, "web");
    const PolicyDocument again = load_policies(policy.to_json());
    EXPECT_EQ(again.policies.front().to_json(), policy.to_json());
    // As their guide has them, 60 and 50 % swing between three replicas and four, and a rule on
    // in_flight only asks for more.
    const bool has_hint = name == "aggressive" || name == "balanced";
    EXPECT_EQ(again.hints.size(), has_hint ? 1U : 0U) << name;
    EXPECT_TRUE(again.policies.front().compiled().rules[0].from_preset);
  }
}

TEST(NormalForm, TheLongestIntervalReadsBackWithWhatFollowsFromIt) {
  const Policy policy =
      load_policies(policy_with(R"({"evaluationInterval": "800000h"})").dump()).policies[0];
  EXPECT_EQ(load_policies(policy.to_json()).policies[0].to_json(), policy.to_json());
}

TEST(NormalForm, EqualPoliciesHaveEqualHashes) {
  const Policy one =
      load_policies(R"({"service": "a", "maxReplicas": 5, "evaluationInterval": "1m30s",
    "rules": [{"type": "target", "metric": "cpu_usage", "target": 70.0}]})")
          .policies[0];
  const Policy other = load_policies(R"({ // the same in other words
    "rules": [{"target": 70, "tolerance": 0.1, "metric": "cpu_usage", "type": "target"}],
    "x-team": "web", "evaluationInterval": 90, "minReplicas": 1, "maxReplicas": 5.0, "service": "a"})")
                           .policies[0];
  EXPECT_EQ(one.hash(), other.hash());
  EXPECT_EQ(one.hash().size(), 16U);
}

TEST(NormalForm, AnyChangeChangesTheHashAndARulesChangeItsFingerprint) {
  const Policy base = load_policies(minimal_policy().dump()).policies[0];
  std::set<std::string> hashes{base.hash()};
  for (const std::string_view keys :
       {R"({"enabled": true})", R"({"maxReplicas": 11})", R"({"cooldownPeriod": "5m"})",
        R"({"scaleUpBy": 2})", R"({"metrics": [{"name": "cpu_usage", "window": "2m"}]})",
        R"({"platform": {"driver": "local"}})", R"({"timezone": "UTC"})",
        R"({"schedules": [{"cron": "@daily", "minReplicas": 2}]})"}) {
    EXPECT_TRUE(hashes.insert(load_policies(policy_with(keys).dump()).policies[0].hash()).second)
        << keys;
  }
  const auto definition = [](const Json& policy) { return compiled(policy).rules[0].definition; };
  const auto unchanged = definition(minimal_policy());
  EXPECT_EQ(definition(policy_with(R"({"maxReplicas": 11})")), unchanged);
  EXPECT_NE(definition(policy_with(R"({"scaleUpBy": 2})")), unchanged);
  EXPECT_NE(definition(policy_with(R"({"metrics": [{"name": "cpu_usage", "window": "2m"}]})")),
            unchanged);
}

/// A copy of the text with a few bytes changed, dropped, doubled or swapped for other parts of it.
std::string mutated(std::string text, std::mt19937& random) {
  constexpr std::string_view letters = "{}[]\",:0129-.eE\\ntf/* \xff\x00\xc3";
  const auto below = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
  };
  for (std::size_t times = below(6) + 1; times > 0 && !text.empty(); --times) {
    const std::size_t at = below(text.size());
    const std::size_t size = std::min(below(12) + 1, text.size() - at);
    switch (below(4)) {
      case 0:
        text[at] = letters[below(letters.size())];
        break;
      case 1:
        text.erase(at, size);
        break;
      case 2:
        text.insert(at, text.substr(below(text.size()), size));
        break;
      default:
        text.replace(at, size, text.substr(below(text.size()), size));
    }
  }
  return text;
}

TEST(Garbage, IsRefusedWithAPolicyErrorAndNothingElse) {
  std::vector<std::string> seeds;
  for (const std::string_view name : preset_names()) {
    seeds.push_back(preset_policy(name, "web").to_json());
  }
  seeds.push_back(document_of(minimal_policy()).dump(1));
  seeds.push_back(
      R"({"service": "a", "preset": "backend", "metrics": [{"name": "a_p95", "window": 5}],
    "thresholds": [{"metric": "a_p95", "scaleUp": 1e3}], "behavior": {"scaleUp": {"policies": []}},
    "platform": {"driver": "local", "backoff": {"first": "1s"}}, "schedules": [
    {"cron": "*/5 8-18 * * mon-fri", "duration": "4m", "minReplicas": 2}, {"at": "2026-11-27T18:00", "maxReplicas": 3},
    {"days": "mon-fri", "from": "18:00", "to": "02:00", "minReplicas": 2, "startAhead": true}]} // end)");
  std::mt19937 random{7};
  int valid = 0;
  int refused = 0;
  for (int round = 0; round < 6'000; ++round) {
    const std::string text = mutated(seeds[static_cast<std::size_t>(round) % seeds.size()], random);
    try {
      const auto document = load_policies(text);
      ++valid;
      for (const Policy& policy : document.policies) {
        EXPECT_EQ(load_policies(policy.to_json()).policies[0].hash(), policy.hash()) << text;
      }
    } catch (const PolicyError& error) {
      ++refused;
      EXPECT_FALSE(error.problems().empty());
      for (const Problem& problem : error.problems()) {
        EXPECT_FALSE(problem.message.empty());
        EXPECT_NO_THROW(Json({problem.pointer, problem.value, problem.message}).dump()) << text;
      }
    }
  }
  EXPECT_GT(valid, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace selfscale
