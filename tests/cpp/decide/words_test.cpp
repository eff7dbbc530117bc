// Sentences about decisions that come from elsewhere: of a rule that was another kind then, or
// altered by hand.
#include "decide/words.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

const Policy& target_policy() {
  static const Policy policy = testing::policy_of(R"({
    "service": "backend", "maxReplicas": 9,
    "rules": [{"name": "cpu", "type": "target", "metric": "cpu_usage", "target": 70}]})");
  return policy;
}

Proposal proposal_of(Code code) {
  Proposal proposal;
  proposal.rule = 0;
  proposal.metric = 0;
  proposal.code = code;
  proposal.value = 85.0;
  proposal.threshold = 70.0;
  return proposal;
}

TEST(Words, OfARuleThatHadEdgesOnceAreSaidWithoutThem) {
  const CompiledPolicy& policy = target_policy().compiled();
  EXPECT_EQ(in_words(policy, proposal_of(Code::above_threshold)), "cpu_usage 85 % is above 70 %");
  EXPECT_EQ(in_words(policy, proposal_of(Code::within_band)), "cpu_usage 85 % is not past 70 %");
}

TEST(Words, OfADecisionWithoutAdjustmentsSpeakOfItsRules) {
  Decision decision;
  decision.action = Action::hold;
  for (const Code code : {Code::below_minimum, Code::schedule_maximum, Code::at_maximum}) {
    decision.recommendation.code = code;
    EXPECT_EQ(reason(target_policy(), decision), "no rule asks for a change");
  }
}

TEST(Words, OfACalmServiceSayWhichOfItIsNotKnown) {
  Proposal calm = proposal_of(Code::within_tolerance);
  calm.counted = 3;
  calm.silent = 1;
  const CompiledPolicy& policy = target_policy().compiled();
  EXPECT_EQ(in_words(policy, calm),
            "cpu_usage 85 % at a target of 70 % is within tolerance; 1 of 3 replicas does not "
            "report");
  calm.silent = 2;
  calm.code = Code::within_band;
  EXPECT_EQ(in_words(policy, calm),
            "cpu_usage 85 % is not past 70 %; 2 of 3 replicas do not report");
}

/// What is said of a service that nothing is remembered of.
std::string said_of(const std::string& policy, Snapshot seen) {
  DecisionState state;
  const Policy read = testing::policy_of(policy);
  return reason(read, decide(read, seen, state));
}

Snapshot of_instances(std::initializer_list<double> values) {
  Snapshot seen = testing::snapshot(static_cast<int>(values.size()));
  seen.instances = testing::instances(values);
  return seen;
}

constexpr auto five_each = R"({"service": "shop", "minReplicas": 2, "maxReplicas": 9,
  "behavior": "none",
  "rules": [{"type": "target", "metric": "in_flight", "targetPerReplica": 5}]})";

TEST(Words, SayWhatMadeTheCountAnotherThanTheRulesWanted) {
  EXPECT_EQ(said_of(five_each, of_instances({0, 0, 0})),
            "in_flight 0 at 5 per replica asks for 0 replicas, but the minimum is 2");
  EXPECT_EQ(said_of(R"({"service": "shop", "maxReplicas": 20, "behavior": {"scaleDown": {
                         "stabilizationWindowSeconds": 0, "policies": [
                         {"type": "Pods", "value": 1, "periodSeconds": 15}]}},
                     "rules": [{"type": "target", "metric": "in_flight", "targetPerReplica": 5}]})",
                    testing::snapshot(10, {Reading::of(35)})),
            "in_flight 35 at 5 per replica asks for 7 replicas, but the rate limit allows no fewer "
            "than 9 for now");
  EXPECT_EQ(said_of(R"({"service": "shop", "maxReplicas": 5, "scaleUpBy": 4, "rules": [
                         {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 9}]})",
                    testing::snapshot(3, {Reading::of(85)})),
            "cpu_usage 85 % is above 70 %; 7 replicas wanted, but the maximum is 5");
  EXPECT_EQ(said_of(five_each, testing::snapshot(3, {Reading::of(34)})),
            "in_flight 34 at 5 per replica asks for 7 replicas");
}

TEST(Words, OfALoadPerReplicaSayWhetherItIsOfEachOrOfAll) {
  EXPECT_EQ(said_of(five_each, of_instances({5.25, 5.5, 5.5})),
            "in_flight 5.416 each at 5 per replica is within tolerance");
  EXPECT_EQ(said_of(five_each, testing::snapshot(3, {Reading::of(16.25)})),
            "in_flight 16.25 in all at 5 per replica is within tolerance");
  EXPECT_EQ(said_of(five_each, of_instances({8, 8, 8})),
            "in_flight 8 each at 5 per replica asks for 5 replicas");
  EXPECT_EQ(said_of(five_each, of_instances({1.5, 1.5, 1.5})),
            "in_flight 1.5 at 5 per replica asks for 1 replica, but the minimum is 2");
}

TEST(Words, OfALevelWithinItsEdgesSayThatSomeAreSilent) {
  Snapshot seen = of_instances({5, 5, 5});
  seen.instances[1].metrics[0].reset();
  EXPECT_EQ(
      said_of(five_each, seen),
      "in_flight 5 each at 5 per replica is within tolerance; 1 of 3 replicas does not report");
  EXPECT_EQ(said_of(R"({"service": "shop", "maxReplicas": 5, "rules": [
                         {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 3}]})",
                    seen),
            "cpu_usage 5 % lies between 3 % and 70 %; 1 of 3 replicas does not report");
}

TEST(Words, OfAValueInNoStepHaveItsUnit) {
  EXPECT_EQ(said_of(R"({"service": "shop", "maxReplicas": 5, "rules": [{"type": "step",
                         "metric": "cpu_usage", "steps": [{"to": 20, "by": -1}, {"from": 80, "by": 1}]}]})",
                    testing::snapshot(3, {Reading::of(75)})),
            "cpu_usage 75 % is in no step");
}

TEST(Words, OfAWindowSayThatWhatWasThereAtFirstCounts) {
  EXPECT_EQ(
      said_of(R"({"service": "shop", "maxReplicas": 9,
                        "rules": [{"type": "target", "metric": "in_flight", "targetPerReplica": 5}]})",
              testing::snapshot(4, {Reading::of(2)})),
      "1 replica wanted, held at 4: 4 or more were wanted, or there when the service was met, "
      "within the last 5 m (in_flight 2 at 5 per replica asks for 1 replica)");
}

TEST(Words, NameTheScheduleThatGivesABound) {
  const auto said = [](const std::string& schedules, int replicas) {
    return said_of(R"({"service": "shop", "maxReplicas": 9, "rules": [
        {"type": "target", "metric": "in_flight", "targetPerReplica": 5}], "schedules": )" +
                       schedules + "}",
                   testing::snapshot(replicas, {Reading::of(2)}));
  };
  EXPECT_EQ(said(R"([{"name": "always", "cron": "* * * * *", "minReplicas": 4},
                     {"name": "never", "at": "2999-01-01T00:00", "minReplicas": 6}])",
                 3),
            "the schedule \"always\" asks for at least 4");
  EXPECT_EQ(said(R"([{"cron": "* * * * *", "maxReplicas": 4}])", 6),
            "the schedule \"schedule 1\" allows no more than 4");
  EXPECT_EQ(said(R"([{"name": "day", "cron": "* * * * *", "minReplicas": 4},
                     {"name": "night", "cron": "* * * * *", "minReplicas": 4}])",
                 3),
            "one of the schedules \"day\", \"night\" asks for at least 4");
}

TEST(Words, AnyLimitCanBeSaid) {
  for (int code = 0; !name_of(static_cast<Code>(code)).empty(); ++code) {
    for (const double limit : {-1.7e308, -0.5, 0.0, 1.7e308}) {
      const Adjustment any{Stage::limits, 1, 2, static_cast<Code>(code), limit};
      EXPECT_FALSE(in_words(target_policy().compiled(), any).empty());
    }
  }
}

}  // namespace
}  // namespace selfscale
