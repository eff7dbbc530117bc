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

/// As many replicas as the reading says, within Kubernetes' default behavior.
const char* const kubernetes_defaults = R"({
  "service": "backend", "minReplicas": 0, "maxReplicas": 100, "behavior": {},
  "rules": [{"name": "load", "type": "target", "metric": "due", "targetPerReplica": 1}]})";

Decision wanting(const char* policy, double replicas, int current, DecisionState& state,
                 Duration after = 0s) {
  return decide(testing::policy_of(policy),
                snapshot(current, {Reading::of(replicas)}, start + after), state);
}

TEST(Decide, ARateLimitHoldsAndGoesOnLater) {
  DecisionState state;
  const Decision first = wanting(kubernetes_defaults, 50, 3, state);
  EXPECT_EQ(first.to_replicas, 7) << "max(3 + 4, 3 × 2)";
  EXPECT_EQ(first.recommendation.adjustments.front().stage, Stage::rate_limit);
  EXPECT_EQ(first.recommendation.adjustments.front().from_replicas, 50);
  record(state, event(start, 3, 7));
  const Decision held = wanting(kubernetes_defaults, 50, 7, state, 14s);
  EXPECT_EQ(held.held_by, Stage::rate_limit);
  EXPECT_EQ(held.recommendation.code, Code::scale_up_rate);
  EXPECT_EQ(reason(testing::policy_of(kubernetes_defaults), held),
            "50 replicas wanted, held at 7: the rate limit allows no more than 7 for now (due 50 "
            "at 1 per replica asks for 50 replicas)");
  EXPECT_EQ(wanting(kubernetes_defaults, 50, 7, state, 15s).to_replicas, 14);
  EXPECT_EQ(wanting(kubernetes_defaults, 1, 7, state, 16s).held_by, Stage::stabilize)
      << "50 was wanted, whatever was allowed";
}

TEST(Decide, AnUnansweredMetricIsNoRecommendation) {
  const Policy policy = testing::policy_of(R"({
    "service": "backend", "maxReplicas": 100, "behavior": {},
    "rules": [{"type": "target", "metric": "due", "targetPerReplica": 1},
              {"type": "target", "metric": "other", "targetPerReplica": 1}]})");
  const auto at = [&](double due, Reading other, Duration after, DecisionState& state) {
    return decide(policy, snapshot(5, {Reading::of(due), std::move(other)}, start + after), state);
  };
  DecisionState state;
  state.seen = true;
  EXPECT_EQ(at(2, Reading::absent(Missing::timed_out), 0s, state).recommendation.code,
            Code::missing_blocks_down);
  EXPECT_EQ(at(2, Reading::of(2), 15s, state).to_replicas, 2) << "5 was held, not recommended";
}

TEST(Decide, AServiceThatSomebodyElseSetToNoneIsPaused) {
  DecisionState state;
  const Decision paused = wanting(kubernetes_defaults, 5, 0, state);
  EXPECT_EQ(paused.action, Action::none);
  EXPECT_EQ(paused.recommendation.code, Code::paused_at_zero);
  EXPECT_TRUE(paused.recommendation.proposals.empty());

  std::string with_minimum = kubernetes_defaults;
  with_minimum.replace(with_minimum.find("\"minReplicas\": 0"), 16, "\"minReplicas\": 2");
  const Decision held = wanting(with_minimum.c_str(), 5, 0, state);
  EXPECT_EQ(held.held_by, Stage::activate);
  EXPECT_EQ(held.to_replicas, 0);
}

TEST(Decide, AServiceThatWeSetToNoneIsWoken) {
  DecisionState state;
  record(state, event(start, 1, 0));
  EXPECT_EQ(state.scaled_to_zero, true);
  EXPECT_EQ(wanting(kubernetes_defaults, 0, 0, state, 60s).action, Action::none);
  EXPECT_EQ(wanting(kubernetes_defaults, 3, 0, state, 61s).to_replicas, 3);
  record(state, event(start + 61s, 0, 3));
  EXPECT_EQ(state.scaled_to_zero, false);
}

TEST(Decide, BehaviorKubernetesIsThatOfAnAutoscalerWithoutOne) {
  const char* const none = R"({
    "service": "backend", "maxReplicas": 100, "behavior": "kubernetes",
    "rules": [{"name": "load", "type": "target", "metric": "due", "targetPerReplica": 1}]})";
  DecisionState state;
  EXPECT_EQ(wanting(none, 50, 3, state).to_replicas, 6);
  record(state, event(start, 3, 6));
  EXPECT_EQ(wanting(none, 50, 6, state, 1s).to_replicas, 12) << "no change of the past counts";
  EXPECT_EQ(wanting(none, 1, 12, state, 301s).to_replicas, 24) << "50 is 300 s old: still in";
  EXPECT_EQ(wanting(none, 1, 12, state, 301s + 1ms).to_replicas, 1);
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

TEST(Record, OwnChangesCountForRateLimits) {
  DecisionState state;
  record(state, event(start + 10s, 5, 4));
  record(state, event(start, 3, 5));
  record(state, event(start, 3, 5, Outcome::succeeded));
  const std::vector<DecisionState::Change> expected{{start, 2}, {start + 10s, -1}};
  EXPECT_EQ(state.changes, expected) << "in order of time, each told once";

  ScalingEvent manual = event(start + 20s, 4, 9);
  manual.trigger = Trigger::manual;
  record(state, manual);
  ScalingEvent adopted = event(start + 30s, 9, 8, Outcome::adopted);
  adopted.trigger = Trigger::foreign;
  record(state, adopted);
  ScalingEvent refused = event(start + 40s, 8, 9, Outcome::failed);
  refused.accepted_at.reset();
  record(state, refused);
  EXPECT_EQ(state.changes, expected) << "nobody else's, and none that was refused";
}

TEST(Record, SomebodyElsesZeroIsAPause) {
  DecisionState state;
  ScalingEvent manual = event(start, 3, 0);
  manual.trigger = Trigger::manual;
  record(state, manual);
  EXPECT_EQ(state.scaled_to_zero, false);
  record(state, event(start + 10s, 1, 0));
  EXPECT_EQ(state.scaled_to_zero, true);
  record(state, event(start + 5s, 0, 2));
  EXPECT_EQ(state.scaled_to_zero, true) << "an older event, told late";
  manual.accepted_at = start + 20s;
  record(state, manual);
  EXPECT_EQ(state.scaled_to_zero, false);
}

TEST(Record, ManyChangesAreKeptAsFewThatCountForLonger) {
  DecisionState state;
  int added = 0;
  for (int i = 0; i < 500; ++i) {
    record(state, event(start + i * 1s, i, i + 1));
    ++added;
    ASSERT_LE(state.changes.size(), 64U);
  }
  int kept = 0;
  int events = 0;
  for (const auto& change : state.changes) {
    kept += change.replicas;
    events += change.events;
  }
  EXPECT_EQ(kept, added) << "none is lost";
  EXPECT_EQ(events, added);
  EXPECT_EQ(state.changes.back().at, start + 499s);
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
  EXPECT_EQ(
      explain(policy, decision),
      "backend: 3 -> 10: requests_per_second 1000 at 20 per replica asks for 50 replicas, but "
      "the maximum is 10\n"
      "rules\n"
      "  cpu: hold, cpu_usage 50 % lies between 30 % and 70 % [within_band]\n"
      "  load: up to 50, requests_per_second 1000 at 20 per replica asks for 50 replicas "
      "[above_target]\n"
      "  wait: missing, there is no reading of response_time [no_data]\n"
      "together: 50 replicas\n"
      "  limits: 50 -> 10, the maximum is 10 [at_maximum]\n"
      "confidence 0.56, priority medium\n");
}

TEST(Explain, AValueJustPastItsEdgeIsNotWrittenLikeTheEdge) {
  const Policy policy = testing::policy_of(R"({
    "service": "backend", "maxReplicas": 10, "rules": [
      {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})");
  DecisionState state;
  const Decision decision = decide(policy, snapshot(3, {Reading::of(70.0001)}), state);
  EXPECT_EQ(reason(policy, decision), "cpu_usage 70.0001 % is above 70 %");
}

TEST(Explain, ARefusedReadingIsSaidToBeRefused) {
  const Policy policy = testing::policy_of(R"({
    "service": "backend", "minReplicas": 2, "maxReplicas": 10, "rules": [
      {"name": "wait", "type": "threshold", "metric": "response_time", "scaleUp": 0.5,
       "scaleDown": 0.1}]})");
  DecisionState state;
  const Decision decision = decide(policy, snapshot(3, {Reading::of(-1.0)}), state);
  EXPECT_EQ(decision.recommendation.proposals[0].code, Code::data_refused);
  EXPECT_EQ(decision.recommendation.proposals[0].answer, Answer::missing);
  EXPECT_NE(explain(policy, decision)
                .find("the reading of response_time was refused: it is NaN, infinite or negative"),
            std::string::npos)
      << explain(policy, decision);
}

}  // namespace
}  // namespace selfscale
