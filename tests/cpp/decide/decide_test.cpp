// Whole decisions: the order of work, what a decision leaves behind, and the words.
#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

const char* const cpu_policy = R"({
  "service": "backend", "minReplicas": 2, "maxReplicas": 10,
  "rules": [{"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30,
             "scaleUpFor": "2m"}],
  "behavior": {"scaleUp": {"cooldown": "60s", "policies": []},
               "scaleDown": {"stabilizationWindowSeconds": 0, "policies": []}}})";

Snapshot cpu(double percent, int replicas, Instant at = start) {
  return snapshot(replicas, {Reading::of(percent)}, at);
}

TEST(Decide, ScalesUpOnceTheEdgeWasPassedForLongEnough) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  EXPECT_EQ(decide(policy, cpu(85, 3), state).action, Action::none);
  const Decision decision = decide(policy, cpu(85, 3, start + 130s), state);
  EXPECT_EQ(decision.action, Action::scale);
  EXPECT_EQ(decision.from_replicas, 3);
  EXPECT_EQ(decision.to_replicas, 4);
  EXPECT_EQ(decision.recommendation.code, Code::largest_up);
  EXPECT_EQ(decision.recommendation.leading, 0);
  EXPECT_EQ(reason(policy, decision), "cpu_usage 85 % is above 70 % for 2 m 10 s");
}

TEST(Decide, ACooldownHoldsAndSaysSo) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(85, 3), state);
  record(state, event(start + 120s, 3, 4));
  const Decision held = decide(policy, cpu(85, 4, start + 130s), state);
  EXPECT_EQ(held.action, Action::hold);
  EXPECT_EQ(held.held_by, Stage::cooldown);
  EXPECT_EQ(held.to_replicas, 4);
  EXPECT_EQ(held.recommendation.recommended_replicas, 4);
  EXPECT_EQ(held.recommendation.code, Code::scale_up_cooldown);
  EXPECT_EQ(decide(policy, cpu(85, 4, start + 180s), state).to_replicas, 5);
}

TEST(Decide, WithoutAnEventTheSameIsProposedAgain) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(85, 3), state);
  EXPECT_EQ(decide(policy, cpu(85, 3, start + 120s), state).to_replicas, 4);
  EXPECT_EQ(decide(policy, cpu(85, 3, start + 121s), state).to_replicas, 4);
}

TEST(Decide, OutsideTheBoundsNothingElseIsAsked) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  state.last_up = start;
  const Decision raised = decide(policy, cpu(1, 1, start + 1s), state);
  EXPECT_EQ(raised.to_replicas, 2) << "no cooldown holds a bound";
  EXPECT_EQ(raised.recommendation.code, Code::below_minimum);
  EXPECT_TRUE(raised.recommendation.proposals.empty());
  const Decision lowered = decide(policy, cpu(99, 14, start + 2s), state);
  EXPECT_EQ(lowered.to_replicas, 10);
  EXPECT_EQ(lowered.recommendation.code, Code::above_maximum);
}

TEST(Decide, AtTheMinimumTheWayDownEnds) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  const Decision decision = decide(policy, cpu(5, 2), state);
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.held_by, Stage::limits);
  EXPECT_EQ(decision.recommendation.code, Code::at_minimum);
}

TEST(Decide, AnUnreadablePlatformHoldsEverything) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(85, 3), state);
  Snapshot seen = cpu(85, 3, start + 130s);
  seen.platform.error = "403";
  const Decision decision = decide(policy, seen, state);
  EXPECT_EQ(decision.action, Action::hold);
  EXPECT_EQ(decision.to_replicas, 3);
  EXPECT_EQ(decision.recommendation.code, Code::platform_unknown);
  seen.platform = {0, 0, 0, false, "403"};
  EXPECT_EQ(decide(policy, seen, state).to_replicas, 0) << "not even to the minimum";
}

TEST(Decide, AtFirstSightTheCountIsHeldForOneWindow) {
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 9, "rules":
          [{"type": "target", "metric": "requests_per_second", "targetPerReplica": 10}]})");
  DecisionState state;
  const auto at = [&](Duration after) {
    return decide(policy, snapshot(6, {Reading::of(10)}, start + after), state);
  };
  EXPECT_EQ(at(0s).held_by, Stage::stabilize);
  EXPECT_EQ(at(299s).to_replicas, 6);
  EXPECT_EQ(at(300s).to_replicas, 1);
}

TEST(Decide, EngineTimeNeverGoesBack) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(50, 3, start + 1h), state);
  EXPECT_EQ(decide(policy, cpu(50, 3, start), state).at, start + 1h);
  EXPECT_EQ(state.at, start + 1h);
}

TEST(Decide, ChangesAreCountedFromWhatWasAskedFor) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(85, 5), state);
  Snapshot starting = cpu(85, 5, start + 120s);
  starting.platform.current_replicas = 4;
  starting.platform.ready_replicas = 3;
  EXPECT_EQ(decide(policy, starting, state).to_replicas, 6);
}

TEST(Decide, AChangedRuleStartsItsTimerAnew) {
  const Policy before = testing::policy_of(cpu_policy);
  std::string other = cpu_policy;
  other.replace(other.find("70"), 2, "60");
  const Policy after = testing::policy_of(other);
  DecisionState state;
  decide(before, cpu(85, 3), state);
  EXPECT_EQ(decide(after, cpu(85, 3, start + 130s), state).action, Action::none);
}

TEST(Decide, ReusesWhatItWasGiven) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  Decision decision = decide(policy, cpu(85, 3), state);
  const auto* proposals = decision.recommendation.proposals.data();
  decide(policy, cpu(85, 3, start + 15s), state, decision);
  EXPECT_EQ(decision.recommendation.proposals.data(), proposals);
  EXPECT_EQ(decision.recommendation.proposals.size(), 1U);
}

// ---- record

TEST(Record, AcceptedChangesStartTheCooldownOfTheirDirection) {
  DecisionState state;
  record(state, event(start, 3, 5));
  EXPECT_EQ(state.last_up, start);
  EXPECT_EQ(state.last_down, std::nullopt);
  record(state, event(start + 10s, 5, 4));
  EXPECT_EQ(state.last_up, start);
  EXPECT_EQ(state.last_down, start + 10s);
}

TEST(Record, ARefusedWriteStartsNothing) {
  DecisionState state;
  ScalingEvent refused = event(start, 3, 5, Outcome::failed);
  refused.accepted_at.reset();
  record(state, refused);
  EXPECT_EQ(state.last_up, std::nullopt);
  EXPECT_EQ(state.past.failed, 1);
}

TEST(Record, TheEndOfAnEventMovesNoCooldown) {
  DecisionState state;
  record(state, event(start, 3, 5));
  record(state, event(start + 30s, 5, 6));
  record(state, event(start, 3, 5, Outcome::succeeded));
  EXPECT_EQ(state.last_up, start + 30s);
  EXPECT_EQ(state.past.succeeded, 1);
}

TEST(Record, AForeignChangeThatWasAdoptedStartsOne) {
  DecisionState state;
  ScalingEvent adopted = event(start, 5, 2, Outcome::adopted);
  adopted.trigger = Trigger::foreign;
  adopted.accepted_at.reset();
  record(state, adopted);
  EXPECT_EQ(state.last_down, start);
}

TEST(Record, ARollbackFreezesTheWayUp) {
  DecisionState state;
  ScalingEvent back = event(start, 5, 3);
  back.trigger = Trigger::rollback;
  record(state, back);
  EXPECT_EQ(state.last_up, start);
  EXPECT_EQ(state.last_down, start);
}

TEST(Record, OnJsonNeedsNoPolicyAndCarriesTheRestOver) {
  const Policy policy = testing::policy_of(cpu_policy);
  DecisionState state;
  decide(policy, cpu(85, 3), state);
  const std::string before = to_json(policy, state);
  const ScalingEvent done = event(start + 1s, 3, 4);
  DecisionState expected = state;
  record(expected, done);
  EXPECT_EQ(record_json(before, to_json(done)), to_json(policy, expected));
  const std::string odd = R"({"version":1,"later":{"kept":[1,2]}})";
  EXPECT_NE(record_json(odd, to_json(done)).find(R"("later":{"kept":[1,2]})"), std::string::npos);
}

// ---- words

TEST(Explain, HasEveryRuleAndEveryStage) {
  const Policy policy = testing::policy_of(R"({
    "service": "backend", "minReplicas": 2, "maxReplicas": 10, "rules": [
      {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},
      {"name": "load", "type": "target", "metric": "requests_per_second", "targetPerReplica": 20},
      {"name": "wait", "type": "threshold", "metric": "response_time", "scaleUp": 0.5}]})");
  DecisionState state;
  const Decision decision = decide(
      policy, snapshot(3, {Reading::of(50), Reading::of(1000), Reading::absent(Missing::stale)}),
      state);
  EXPECT_EQ(explain(policy, decision),
            "backend: 3 -> 10: requests_per_second 1000 at 20 per replica asks for 50 replicas\n"
            "rules\n"
            "  cpu: hold, cpu_usage 50 % lies between 30 % and 70 % [within_band]\n"
            "  load: up to 50, requests_per_second 1000 at 20 per replica asks for 50 replicas "
            "[above_target]\n"
            "  wait: missing, there is no reading of response_time [no_data]\n"
            "together: 50 replicas\n"
            "  limits: 50 -> 10, the maximum is 10 [at_maximum]\n"
            "confidence 0.57, priority medium\n");
}

}  // namespace
}  // namespace selfscale
