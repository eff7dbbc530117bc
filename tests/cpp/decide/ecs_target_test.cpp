// Target rules "as": "ecs": alarms of three and fifteen minutes, cooldowns, none that count as one.
#include "decide/rules/ecs_target.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::policy_of;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

class EcsTarget : public ::testing::Test {
 protected:
  Decision decide_at(Duration later, int replicas, double cpu) {
    return decide(policy, snapshot(replicas, {Reading::of(cpu)}, start + later), state);
  }
  /// A load that stays, from one time to another; the last decision.
  Decision hold(Duration from, Duration to, int replicas, double cpu) {
    Decision last;
    for (Duration at = from; at <= to; at += 1min) last = decide_at(at, replicas, cpu);
    return last;
  }

  Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "behavior": "none",
    "rules": [{"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 50,
               "scaleOutCooldown": "60s", "scaleInCooldown": "5m"}]})");
  DecisionState state;
};

TEST_F(EcsTarget, UpWithTheThirdDatapointOfAMinuteAboveTheTarget) {
  EXPECT_EQ(hold(0min, 1min, 4, 75).to_replicas, 4);
  EXPECT_EQ(decide_at(1min + 59s, 4, 75).recommendation.proposals[0].code, Code::above_not_long);
  const Decision decision = decide_at(2min, 4, 75);
  EXPECT_EQ(decision.recommendation.proposals[0].held_for, 3min);
  EXPECT_EQ(decision.to_replicas, 6) << "4 x 75 / 50";
  EXPECT_EQ(decision.recommendation.proposals[0].code, Code::above_target);
}

TEST_F(EcsTarget, ABreakStartsTheThreeMinutesAnew) {
  hold(0min, 1min, 4, 75);
  decide_at(1min + 30s, 4, 50);
  EXPECT_EQ(hold(2min, 3min, 4, 75).to_replicas, 4);
  EXPECT_EQ(decide_at(4min, 4, 75).to_replicas, 6);
}

TEST_F(EcsTarget, DownWithTheFifteenthDatapointBelowNineTenths) {
  EXPECT_EQ(hold(0min, 30min, 4, 45).to_replicas, 4) << "exactly 90 %";
  EXPECT_EQ(hold(31min, 44min, 4, 20).to_replicas, 4);
  EXPECT_EQ(decide_at(45min, 4, 20).to_replicas, 2) << "4 x 20 / 50 = 1.6";
}

TEST_F(EcsTarget, WithinTheOutCooldownOnlyTheExtraIsAdded) {
  hold(0min, 3min, 4, 75);
  record(state, event(start + 3min, 4, 6));
  const Decision same = decide_at(3min + 30s, 6, 75);
  EXPECT_EQ(same.to_replicas, 6) << "what was there before, 4, at 75 % asks for 6";
  EXPECT_EQ(same.recommendation.proposals[0].code, Code::starting);
  EXPECT_EQ(decide_at(3min + 45s, 6, 100).to_replicas, 8) << "4 x 100 / 50";
  EXPECT_EQ(decide_at(4min, 6, 75).to_replicas, 9) << "the cooldown is over: 6 x 75 / 50";
}

TEST_F(EcsTarget, WithinTheInCooldownNothingIsTakenAway) {
  hold(0min, 15min, 4, 20);
  record(state, event(start + 15min, 4, 2));
  const Decision held = decide_at(16min, 2, 10);
  EXPECT_EQ(held.to_replicas, 2);
  EXPECT_EQ(held.recommendation.proposals[0].code, Code::scale_down_cooldown);
  EXPECT_EQ(decide_at(20min, 2, 10).to_replicas, 1);
}

TEST_F(EcsTarget, NoReplicasCountAsOne) {
  record(state, event(start, 1, 0));
  const Proposal proposal = hold(0min, 2min, 0, 500).recommendation.proposals[0];
  EXPECT_EQ(proposal.replicas, 10);
  EXPECT_EQ(proposal.code, Code::above_target) << "nothing has been asked for that is starting";
}

TEST_F(EcsTarget, WithoutReplicasWhatTheyReportWakesNobody) {
  record(state, event(start, 1, 0));
  for (Duration at = 0min; at <= 10min; at += 1min) {
    const Decision decision = decide(policy, snapshot(0, {}, start + at), state);
    EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::missing);
  }
}

TEST_F(EcsTarget, WithoutDataNothingMoves) {
  hold(0min, 1min, 4, 75);
  const auto decision = decide(policy, snapshot(4, {}, start + 2min), state);
  EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::missing);
  EXPECT_EQ(decide_at(3min, 4, 75).to_replicas, 4) << "the three minutes begin anew";
}

TEST_F(EcsTarget, AStepUpEndsTheInCooldown) {
  hold(0min, 15min, 4, 20);
  record(state, event(start + 15min, 4, 2));
  record(state, event(start + 15min + 30s, 2, 4));
  EXPECT_EQ(decide_at(16min, 4, 20).to_replicas, 2);
}

/// After any changes of the last minutes, once both loads have stayed for as long as either alarm.
RC_GTEST_PROP(EcsTargetRule, MoreLoadNeverGivesFewer, ()) {
  EcsTargetRule rule;
  rule.target = *rc::gen::inRange(1, 100);
  const int current = *rc::gen::inRange(0, 50);
  std::vector<DecisionState::Change> changes;
  for (auto ago = 1min * *rc::gen::inRange(0, 10); ago > 0min; ago -= 1min) {
    changes.push_back({start - ago, *rc::gen::inRange(-5, 6)});
  }
  const Policy policy = policy_of(R"({"service": "a", "maxReplicas": 5, "scaleDown": "never",
    "rules": [{"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 1}]})");
  const auto wanted = [&](double load) {
    const Snapshot seen = snapshot(current, {Reading::of(load)});
    DecisionState::Memory memory;
    memory.above_since = memory.below_since = start - ecs_low_alarm;
    return propose_ecs_target(rule, Situation{policy.compiled(), seen, start, current, changes}, 0,
                              memory)
        .replicas;
  };
  const double load = *rc::gen::inRange(0, 200);
  const int replicas = wanted(load);
  const int more = wanted(load + *rc::gen::inRange(0, 200));
  RC_ASSERT(replicas <= more);
  RC_ASSERT(load <= rule.target || replicas >= current);
}

TEST(EcsTargetRule, DisableScaleInLeavesGoingDownToOthers) {
  const Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 50, "scaleDown": "never",
    "rules": [{"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 50,
               "disableScaleIn": true}]})");
  DecisionState state;
  const auto decision = decide(policy, snapshot(4, {Reading::of(5)}), state);
  EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::abstain);
}

}  // namespace
}  // namespace selfscale
