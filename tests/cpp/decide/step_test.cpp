// Step rules: Application Auto Scaling's documented cases, edges, percentages and cooldowns.
#include "decide/rules/step.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/conformance_fixture.hpp"
#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::Json;
using testing::policy_of;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

// ---- the documented cases, as whole decisions

Json step_json(const Json& config) {
  static const std::map<std::string, std::string> words{
      {"change", "change"}, {"percent_change", "percent"}, {"exact", "exact"}};
  Json rule{{"type", "step"},
            {"metric", "load"},
            {"adjustment", words.at(config.at("adjustment_type"))},
            {"threshold", config.at("threshold")},
            {"comparison", config.at("alarm_side") == "above" ? "greater_than" : "less_than"},
            {"cooldown", std::to_string(config.at("cooldown_s").get<int>()) + "s"}};
  for (const Json& step : config.at("steps")) {
    rule["steps"].push_back(
        {{"from", step.at("lower")}, {"to", step.at("upper")}, {"by", step.at("adjust")}});
  }
  if (const Json& least = config.at("min_adjustment_magnitude"); !least.is_null())
    rule["minAdjustment"] = least;
  return rule;
}

DecisionState after(const Json& inputs) {
  DecisionState state;
  if (!inputs.contains("recent_activity")) return state;
  const Json& activity = inputs.at("recent_activity");
  const int current = inputs.at("current");
  const int amount = activity.at("amount");
  const int before = activity.at("direction") == "out" ? current - amount : current + amount;
  record(state, event(start - 1s * activity.at("age_s").get<int>(), before, current));
  return state;
}

TEST(Step, DocumentedCases) {
  const Json all = testing::cases("aws_step");
  EXPECT_EQ(all.size(), 18U);
  for (const Json& one : all) {
    const Json& config = one.at("config");
    const Json& inputs = one.at("inputs");
    const Json policy{{"service", "backend"},
                      {"minReplicas", config.at("min")},
                      {"maxReplicas", config.at("max")},
                      {"scaleDown", "never"},
                      {"behavior", "none"},
                      {"rules", Json::array({step_json(config)})}};
    DecisionState state = after(inputs);
    const Snapshot seen =
        snapshot(inputs.at("current"), {Reading::of(inputs.at("metric").get<double>())});
    const Decision decision = decide(policy_of(policy.dump()), seen, state);
    EXPECT_EQ(decision.to_replicas, one.at("expected").at("capacity")) << one.at("id");
  }
}

// ---- which step a value lies in

StepRule steps(std::vector<Step> list, Adjusts adjusts = Adjusts::change) {
  StepRule rule;
  rule.adjusts = adjusts;
  rule.steps = std::move(list);
  return rule;
}

TEST(Step, UpTheLowerEndIsInItDownTheUpperEnd) {
  const StepRule rule = steps({{{}, 10.0, -2, true}, {10.0, 20.0, -1, true}, {70.0, {}, 1}});
  EXPECT_EQ(rule.step_for(10.0), &rule.steps[0]);
  EXPECT_EQ(rule.step_for(10.1), &rule.steps[1]);
  EXPECT_EQ(rule.step_for(20.0), &rule.steps[1]);
  EXPECT_EQ(rule.step_for(20.1), nullptr);
  EXPECT_EQ(rule.step_for(69.9), nullptr);
  EXPECT_EQ(rule.step_for(70.0), &rule.steps[2]);
}

TEST(Step, APercentageIsCutTowardsZeroAndChangesAtLeastOne) {
  StepRule rule = steps({}, Adjusts::percent);
  const auto of = [&](int by, int replicas) {
    return rule.stepped(Step{{}, {}, by}, replicas) - replicas;
  };
  EXPECT_EQ(of(127, 10), 12) << "12.7";
  EXPECT_EQ(of(67, 1), 1) << "0.67";
  EXPECT_EQ(of(-58, 1), -1) << "-0.58";
  EXPECT_EQ(of(-667, 1), -1) << "no fewer than none";
  EXPECT_EQ(of(-23, 29), -6) << "-6.67";
  EXPECT_EQ(of(0, 10), 0);
  rule.min_adjustment = 2;
  EXPECT_EQ(of(25, 4), 2) << "25 % of 4 is 1";
}

// ---- cooldowns

class StepCooldown : public ::testing::Test {
 protected:
  Decision decide_at(Duration later, int replicas, double load) {
    return decide(policy, snapshot(replicas, {Reading::of(load)}, start + later), state);
  }

  Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "behavior": "none",
    "rules": [{"name": "steps", "type": "step", "metric": "load", "cooldown": "5m",
               "steps": [{"to": 10, "by": -1}, {"from": 70, "to": 90, "by": 2}, {"from": 90, "by": 3}]}]})");
  DecisionState state;
};

TEST_F(StepCooldown, WhatAStepUpHasAddedIsNotAskedForAgainAndTheDifferenceIs) {
  EXPECT_EQ(decide_at(0s, 10, 80).to_replicas, 12);
  record(state, event(start, 10, 12));
  const Decision again = decide_at(1min, 12, 80);
  EXPECT_EQ(again.to_replicas, 12);
  EXPECT_EQ(again.recommendation.proposals[0].code, Code::starting);
  EXPECT_EQ(decide_at(2min, 12, 95).to_replicas, 13) << "three instead of two: one more";
  EXPECT_EQ(decide_at(5min, 12, 80).to_replicas, 14) << "the cooldown is over";
}

TEST_F(StepCooldown, AStepDownWaitsAndAStepUpDoesNot) {
  record(state, event(start, 11, 10));
  const Decision down = decide_at(1min, 10, 5);
  EXPECT_EQ(down.to_replicas, 10);
  EXPECT_EQ(down.recommendation.proposals[0].code, Code::scale_down_cooldown);
  EXPECT_EQ(decide_at(2min, 10, 80).to_replicas, 12);
  EXPECT_EQ(decide_at(5min, 10, 5).to_replicas, 9);
}

TEST_F(StepCooldown, AStepUpEndsTheCooldownOfAStepDown) {
  record(state, event(start, 11, 10));
  record(state, event(start + 1min, 10, 12));
  EXPECT_EQ(decide_at(2min, 12, 5).to_replicas, 11);
}

// ---- silence, and who may lower

TEST(Step, OneThatNeverLowersHasNoSayInGoingDown) {
  const Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "scaleDown": "never",
    "rules": [{"type": "step", "metric": "load", "steps": [{"from": 70, "by": 2}]}]})");
  DecisionState state;
  const auto decision = decide(policy, snapshot(4, {Reading::of(5)}), state);
  EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::abstain);
  EXPECT_EQ(decision.recommendation.proposals[0].code, Code::no_lowering);
}

TEST(Step, WhoDoesNotReportCountsAsIdleUpAndBlocksDown) {
  const Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "behavior": "none",
    "rules": [{"type": "step", "metric": "load",
               "steps": [{"to": 10, "by": -1}, {"from": 70, "by": 2}]}]})");
  const auto to = [&](double value) {
    DecisionState state;
    Snapshot seen = snapshot(2);
    seen.instances = {testing::instance(Reading::of(value)), testing::instance(std::nullopt)};
    return decide(policy, seen, state).to_replicas;
  };
  EXPECT_EQ(to(80), 2) << "40 over both";
  EXPECT_EQ(to(150), 4);
  EXPECT_EQ(to(5), 2);
}

TEST(Step, OnTheLowerSideSilenceDoesNotAskForMore) {
  const Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "scaleDown": "never",
    "rules": [{"type": "step", "metric": "free", "comparison": "less_than",
               "steps": [{"to": 20, "by": 1}]}]})");
  const auto to = [&](double value) {
    DecisionState state;
    Snapshot seen = snapshot(2);
    seen.instances = {testing::instance(Reading::of(value)), testing::instance(std::nullopt)};
    return decide(policy, seen, state).to_replicas;
  };
  EXPECT_EQ(to(35), 2) << "17.5 over both";
  EXPECT_EQ(to(15), 3);
}

RC_GTEST_PROP(Step, MoreLoadNeverGivesFewer, ()) {
  const auto edge = [] { return *rc::gen::inRange(1, 50); };
  const double low = edge();
  const double high = low + edge();
  const double higher = high + edge();
  const int small = *rc::gen::inRange(0, 5);
  StepRule rule = steps({{{}, low, -*rc::gen::inRange(1, 5), true},
                         {high, higher, small},
                         {higher, {}, small + *rc::gen::inRange(0, 5)}});
  const int current = *rc::gen::inRange(0, 50);
  const CompiledPolicy policy =  // a copy: it outlives the Policy
      policy_of(R"({"service": "a", "maxReplicas": 5, "scaleDown": "never",
                    "rules": [{"type": "step", "metric": "load", "steps": [{"from": 1, "by": 1}]}]})")
          .compiled();
  const auto wanted = [&](double load) {
    const Snapshot seen = snapshot(current, {Reading::of(load)});
    return propose_step(rule, Situation{policy, seen, start, current}, 0).replicas;
  };
  const double load = *rc::gen::inRange(0, 160);
  RC_ASSERT(wanted(load) <= wanted(load + *rc::gen::inRange(0, 50)));
}

}  // namespace
}  // namespace selfscale
