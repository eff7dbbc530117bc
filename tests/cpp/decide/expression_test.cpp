// Computed metrics: arithmetic, what is missing, and the order of work.
#include "decide/expression.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"
#include "policy/expression.hpp"

namespace selfscale {
namespace {

using testing::policy_of;
using testing::snapshot;
using namespace std::chrono_literals;

/// The reading of a metric "x" computed from a = 6, b = 4, zero = 0 and none, which is missing.
Reading computed(const std::string& expression) {
  const Policy policy = policy_of(R"({"service": "s", "maxReplicas": 5,
    "metrics": [{"name": "a"}, {"name": "b"}, {"name": "zero"}, {"name": "none"},
                {"name": "x", "value": ")" +
                                  expression + R"("}],
    "rules": [{"type": "threshold", "metric": "x", "scaleUp": 9, "scaleDown": 1}]})");
  const Snapshot seen = snapshot(
      1, {Reading::of(6), Reading::of(4), Reading::of(0), Reading::absent(Missing::timed_out), {}});
  Situation situation{policy.compiled(), seen, seen.at, 1};
  Computed readings;
  readings.work_out(situation);
  return situation.computed.back();
}

TEST(Expressions, Values) {
  const std::pair<const char*, double> rows[] = {{"a", 6},
                                                 {"a + b", 10},
                                                 {"a - b", 2},
                                                 {"a * b", 24},
                                                 {"a / b", 1.5},
                                                 {"a + b * b", 22},
                                                 {"(a + b) * b", 40},
                                                 {"a - b - 1", 1},
                                                 {"a / b / 2", 0.75},
                                                 {"-b + a", 2},
                                                 {"2.5e1", 25},
                                                 {"min(a, b)", 4},
                                                 {"max(a, b, 9)", 9},
                                                 {"a-b", 2},
                                                 {" a ", 6},
                                                 {"max(a - 10, 0)", 0},
                                                 {"- -a", 6},
                                                 {"min(a, b) + max(1, zero)", 5}};
  for (const auto& [text, value] : rows) {
    const Reading reading = computed(text);
    EXPECT_FALSE(reading.is_missing()) << text;
    EXPECT_EQ(reading.value, value) << text;
  }
}

TEST(Expressions, WhatCannotBeWorkedOutIsMissing) {
  const std::pair<const char*, Missing> rows[] = {
      {"a / zero", Missing::not_reported},
      {"min(1, a / zero)", Missing::not_reported},
      {"0 / (a / zero)", Missing::not_reported},
      {"a + none", Missing::timed_out},
      {"b - a", Missing::refused},
      {"1e300 * 1e300", Missing::not_reported},
      {"max(5, a * 1e308 - a * 1e308)", Missing::not_reported}};
  for (const auto& [text, why] : rows) EXPECT_EQ(computed(text).missing, why) << text;
}

TEST(Expressions, OneMayBeComputedFromAnotherInAnyOrder) {
  const Policy policy = policy_of(R"({"service": "s", "maxReplicas": 20, "behavior": "none",
    "metrics": [{"name": "per_worker", "value": "twice / 2"}, {"name": "twice", "value": "due * 2"},
                {"name": "due"}],
    "rules": [{"type": "target", "metric": "per_worker", "targetPerReplica": 10}]})");
  DecisionState state;
  const auto decision = decide(policy, snapshot(2, {{}, {}, Reading::of(55)}), state);
  EXPECT_EQ(decision.recommendation.proposals[0].value, 55.0);
  EXPECT_EQ(decision.to_replicas, 6);
}

TEST(Expressions, OverInstancesThatServeAsAcrossSays) {
  const Policy policy = policy_of(R"({"service": "s", "maxReplicas": 20,
    "metrics": [{"name": "busy", "across": "sum"}, {"name": "x", "value": "busy * 10"}],
    "rules": [{"type": "threshold", "metric": "x", "scaleUp": 900, "scaleDown": 1}]})");
  Snapshot seen = snapshot(3);
  seen.instances = testing::instances({3, 4});
  seen.instances.push_back(testing::instance(Reading::of(100)));
  seen.instances.back().ready = Ready::no;
  DecisionState state;
  EXPECT_EQ(decide(policy, seen, state).recommendation.proposals[0].value, 70.0);
}

/// Half of the load would be taken for all of it, and half of the replicas taken away.
TEST(Expressions, OneInstanceThatDoesNotReportLowersNothing) {
  const Policy policy = policy_of(R"({"service": "s", "maxReplicas": 20, "behavior": "none",
    "metrics": [{"name": "busy", "across": "sum"}, {"name": "x", "value": "busy * 1"}],
    "rules": [{"type": "target", "metric": "x", "targetPerReplica": 10}]})");
  Snapshot seen = snapshot(2);
  seen.instances = {testing::instance(Reading::of(10)), testing::instance(std::nullopt)};
  DecisionState state;
  const Decision decision = decide(policy, seen, state);
  EXPECT_EQ(decision.to_replicas, 2);
  EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::missing);
}

TEST(Expressions, AreAsOldAsTheirOldestOperand) {
  const Policy policy = policy_of(R"({"service": "s", "maxReplicas": 20,
    "metrics": [{"name": "a"}, {"name": "b"}, {"name": "x", "value": "a + b"}],
    "rules": [{"type": "threshold", "metric": "x", "scaleUp": 900, "scaleDown": 1}]})");
  Reading old = Reading::of(2);
  old.age = 50s;
  Snapshot seen = snapshot(3, {Reading::of(1), old, {}});
  Situation situation{policy.compiled(), seen, seen.at, 3};
  Computed readings;
  readings.work_out(situation);
  EXPECT_EQ(situation.computed.back().age, 50s);
  EXPECT_FALSE(situation.computed.back().is_missing());
  seen.metrics[1]->age = 2min;
  readings.work_out(situation);
  EXPECT_EQ(situation.computed.back().missing, Missing::stale);
}

/// Any text is parsed or refused, and what is parsed gives a reading; nothing ever throws.
RC_GTEST_PROP(Expressions, NeverThrow, ()) {
  const std::vector<std::string> words{"a", "b",    "none",  "1",    "0", ".5",   "+",
                                       "-", "*",    "/",     "(",    ")", "min(", ",",
                                       " ", "max(", "1e308", "zero", "$", "\x01"};
  std::string text;
  const int length = *rc::gen::inRange(0, 40);
  for (int i = 0; i < length; ++i) text += *rc::gen::elementOf(words) + " ";
  const ParsedExpression parsed = parse_expression(text);
  if (parsed.error) {
    RC_ASSERT(parsed.error->position <= text.size());
    return;
  }
  const Reading reading = computed(text);
  RC_ASSERT(reading.is_missing() || (std::isfinite(reading.value) && reading.value >= 0.0));
}

}  // namespace
}  // namespace selfscale
