// To no replicas and back: what wakes a service, what lets its last replica go, and what does not.
#include "decide/activate.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::start;
using namespace std::chrono_literals;

Policy worker(const std::string& scale_to_zero = "{}", const std::string& keys = {}) {
  return testing::policy_of(R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10,
    "scaleToZero": )" + scale_to_zero +
                            R"(, "rules": [{"type": "target", "metric": "due",
                               "targetPerReplica": 10, "activation": 50}])" +
                            keys + "}");
}

/// A service whose platform does at once what is decided.
struct Service {
  Policy policy = worker();
  int replicas = 3;
  Instant at = start;
  DecisionState state{};

  Snapshot seen(std::optional<double> due) const {
    const auto reading = due ? Reading::of(*due) : Reading::absent(Missing::timed_out);
    Snapshot made = testing::snapshot(replicas, {reading}, at);
    made.metrics.resize(policy.compiled().metrics.size());
    return made;
  }
  Decision live(const Snapshot& snapshot) {
    const Decision decision = decide(policy, snapshot, state);
    if (decision.action == Action::scale) {
      record(state, event(at, replicas, decision.to_replicas));
      replicas = decision.to_replicas;
    }
    return decision;
  }
  Decision live(std::optional<double> due, Duration later = 15s) {
    at += later;
    return live(seen(due));
  }
};

/// Found at none.
Service asleep(Policy policy = worker()) { return Service{std::move(policy), 0}; }

/// Brought to none by somebody else.
Service paused() {
  Service service = asleep();
  ScalingEvent stopped = event(service.at, 3, 0, Outcome::adopted);
  stopped.trigger = Trigger::foreign;
  record(service.state, stopped);
  return service;
}

TEST(Activation, ACountOfNoneThatNobodyToldUsOfIsAPause) {
  Service service{worker(), 3};
  EXPECT_EQ(service.live(0).to_replicas, 3);
  service.replicas = 0;
  EXPECT_EQ(service.live(90).recommendation.code, Code::paused_at_zero);
}

TEST(Activation, FirstSeenAtNoReplicasIsAPauseWithoutScaleToZero) {
  Service without = asleep(testing::policy_of(
      R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10,
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})"));
  EXPECT_EQ(without.live(90).recommendation.code, Code::paused_at_zero) << "as HPA has it";
}

TEST(Activation, IsStrictAndIndependentOfTheTarget) {
  Service service = asleep();
  EXPECT_EQ(service.live(40).recommendation.proposals[0].code, Code::inactive);
  EXPECT_EQ(service.live(50).to_replicas, 0);
  const Decision woken = service.live(50.5);
  EXPECT_EQ(woken.to_replicas, 1) << "the rules say how many once there is one";
  EXPECT_EQ(woken.recommendation.code, Code::activated);
  EXPECT_EQ(reason(service.policy, woken), "there is work: a rule is past its activation");
  EXPECT_EQ(service.live(50.5).to_replicas, 6);
}

TEST(Activation, AnyActiveRuleWakes) {
  Service service = asleep(testing::policy_of(
      R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10, "scaleToZero": {}, "combine": {"up": "all"},
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10},
                    {"type": "target", "metric": "mail", "targetPerReplica": 10},
                    {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})"));
  Snapshot seen = service.seen(0);
  EXPECT_EQ(service.live(seen).to_replicas, 0);
  seen.metrics[1] = Reading::of(1);
  EXPECT_EQ(service.live(seen).to_replicas, 1);
}

TEST(Activation, WakesAtOnceWhateverDampsTheWayUp) {
  Service service = asleep(worker("{}", R"(, "behavior": {"scaleUp": {
    "stabilizationWindowSeconds": 600, "cooldown": "10m", "selectPolicy": "Disabled"}})"));
  service.live(0);
  service.state.last_up = start;
  EXPECT_EQ(service.live(60).to_replicas, 1);
}

TEST(Activation, NoneAreLeftOnceTheCooldownIsOver) {
  Service service{worker(
      "{}", R"(, "behavior": {"scaleDown": {"cooldown": "1h", "selectPolicy": "Disabled"}})")};
  service.live(60);
  EXPECT_EQ(service.live(0, 5min).recommendation.adjustments[0].code, Code::idle_not_long);
  EXPECT_EQ(service.replicas, 6);
  const Decision idle = service.live(0, 1ms);
  EXPECT_EQ(idle.to_replicas, 0) << "from any count, whatever damps the way down";
  EXPECT_EQ(idle.recommendation.code, Code::idle);
  EXPECT_EQ(reason(service.policy, idle), "there has been no work for more than 5 m");
}

TEST(Activation, WorkBeginsTheCooldownAnew) {
  Service service;
  service.live(60);
  service.live(51, 5min);
  EXPECT_GE(service.live(0, 5min).to_replicas, 1);
  EXPECT_EQ(service.live(0, 1ms).to_replicas, 0);
}

TEST(Activation, FromNoneToTheMinimumAndBack) {
  Service service{testing::policy_of(
      R"({"service": "worker", "minReplicas": 2, "maxReplicas": 10, "scaleToZero": {},
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})")};
  service.live(60);
  EXPECT_EQ(service.live(0, 5min + 1ms).to_replicas, 0);
  EXPECT_EQ(service.live(0).to_replicas, 0) << "the minimum wakes nobody";
  EXPECT_EQ(service.live(1).to_replicas, 2) << "it holds for who is awake";
  EXPECT_EQ(service.live(1).to_replicas, 2);
}

TEST(Activation, AScheduledMinimumKeepsItAwake) {
  Service service{testing::policy_of(
      R"({"service": "worker", "minReplicas": 1, "maxReplicas": 10, "scaleToZero": {},
          "schedules": [{"name": "always", "cron": "* * * * *", "minReplicas": 3}],
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})")};
  service.live(60);
  EXPECT_EQ(service.live(0, 5min + 1ms).to_replicas, 3);
}

TEST(Activation, AServiceJustMetHasACooldownOfItsOwn) {
  Service service{worker(R"({"cooldown": "1m", "initialCooldown": "10m"})")};
  service.live(0);
  EXPECT_GE(service.live(0, 10min).to_replicas, 1);
  EXPECT_EQ(service.live(0, 1ms).to_replicas, 0);
  service.live(60);
  EXPECT_EQ(service.live(0, 60001ms).to_replicas, 0) << "later ones are as usual";
}

TEST(Activation, TheLastReplicaStaysForItsRetention) {
  Service service{worker(R"({"cooldown": "1m", "retention": "30s"})")};
  service.live(60);
  EXPECT_EQ(service.live(0, 60001ms).to_replicas, 1);
  EXPECT_EQ(service.live(0, 29998ms).to_replicas, 1);
  EXPECT_EQ(service.live(0, 1ms).to_replicas, 0);
}

TEST(Activation, ThatWorkIsNotKnownNeverBringsAServiceToNone) {
  Service service;
  for (int i = 0; i < 100; ++i) EXPECT_GE(service.live(std::nullopt, 1min).to_replicas, 1);
  EXPECT_EQ(service.live(0).to_replicas, 0);
}

TEST(Activation, WhatOneReplicaDoesNotReportMayBeWork) {
  Service service{testing::policy_of(
      R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10, "scaleToZero": {},
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10},
                    {"type": "target", "metric": "in_flight", "targetPerReplica": 10}]})")};
  const auto live_for_ever = [&service](std::optional<Reading> second) {
    for (int i = 0; i < 100; ++i) {
      Snapshot seen = service.seen(0);
      seen.instances = testing::instances({0, 0});
      seen.instances[0].metrics = {std::nullopt, Reading::of(0)};
      seen.instances[1].metrics = {std::nullopt, second};
      seen.at = service.at += 1min;
      service.live(seen);
    }
    return service.replicas;
  };
  EXPECT_GE(live_for_ever(std::nullopt), 1);
  EXPECT_EQ(live_for_ever(Reading::of(0)), 0);
}

TEST(Activation, WhatIsReportedByReplicasAloneCouldNotWakeThem) {
  Service service{worker(), 1};
  Snapshot seen = service.seen(0);
  seen.metrics[0].reset();
  seen.instances = testing::instances({0});
  for (int i = 0; i < 100; ++i) {
    seen.at += 1min;
    EXPECT_EQ(service.live(seen).to_replicas, 1);
  }
  seen.at += 1min;
  const Decision held = decide(service.policy, seen, service.state);
  EXPECT_EQ(held.held_by, Stage::activate);
  EXPECT_EQ(held.recommendation.code, Code::nobody_wakes);
}

TEST(Activation, WithoutAnybodyElseTheLastReplicaStays) {
  for (const char* const zero : {R"("scaleToZero": {"cooldown": "0s"},)", ""}) {
    Service service{testing::policy_of(
        R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10, "behavior": "none",)" +
        std::string{zero} +
        R"("rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})")};
    Snapshot alone = service.seen(0);
    alone.can_be_woken = false;
    EXPECT_EQ(service.live(alone).to_replicas, 1);
    service.at += 15s;
    EXPECT_EQ(service.live(service.seen(0)).to_replicas, 0);
  }
}

TEST(Activation, APausedServiceStaysPausedAndIsNotIdleAfterwards) {
  Service service = paused();
  EXPECT_EQ(service.live(60).recommendation.code, Code::paused_at_zero);
  service.replicas = 2;  // somebody ends the pause
  EXPECT_GE(service.live(0, 1h).to_replicas, 1);
  EXPECT_GE(service.live(0, 5min).to_replicas, 1);
  EXPECT_EQ(service.live(0, 1ms).to_replicas, 0);
}

TEST(Activation, AFloorForMissingDataWakes) {
  Service service = asleep(testing::policy_of(
      R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10, "scaleToZero": {},
          "metrics": [{"name": "due", "missing": {"atLeastReplicas": 2}, "missingAfter": "45s"}],
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})"));
  EXPECT_EQ(service.live(std::nullopt).to_replicas, 0);
  EXPECT_EQ(service.live(std::nullopt, 45s).to_replicas, 2);
}

TEST(Activation, ADeploymentUnderWayKeepsWhatThereIs) {
  Service service{worker(R"({"cooldown": "1m"})")};
  service.live(60);
  service.at += 2min;
  Snapshot seen = service.seen(0);
  seen.platform.updating = true;
  EXPECT_EQ(service.live(seen).recommendation.code, Code::updating);
  EXPECT_EQ(service.replicas, 6);
}

TEST(Activation, GuardrailsHoldWhatWouldWake) {
  Service service = asleep(worker("{}", R"(, "guardrails": {"maxTotalReplicas": 5})"));
  Snapshot seen = service.seen(60);
  seen.shared.other_replicas = 5;
  EXPECT_EQ(service.live(seen).held_by, Stage::guardrails);
}

TEST(Activation, NoneIsACountLikeAnyOtherWithoutScaleToZero) {
  Service service{testing::policy_of(
      R"({"service": "worker", "minReplicas": 0, "maxReplicas": 10, "behavior": "none",
          "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10}]})")};
  EXPECT_EQ(service.live(0).to_replicas, 0);
  EXPECT_EQ(service.live(25).to_replicas, 3);
}

// ---- whatever happened before

int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}

std::optional<double> any_due() {
  return within(1, 5) == 1 ? std::nullopt : std::optional<double>{within(0, 120)};
}

Service any_service() {
  Service service{worker(R"({"cooldown": "2m", "retention": "30s"})"), within(1, 10)};
  for (int ticks = within(0, 30); ticks > 0; --ticks) service.live(any_due(), 1s * within(1, 90));
  return service;
}

RC_GTEST_PROP(AnyActivation, TheLastReplicaGoesOnlyAfterTheWholeCooldown, ()) {
  Service service = any_service();
  service.replicas = within(1, 10);
  service.live(within(51, 120), 1s);
  for (Duration quiet{0}; quiet < 2min + 30s;) {
    const Duration later = 1s * within(1, 60);
    quiet += later;
    const auto due = within(1, 5) == 1 ? std::nullopt : std::optional<double>{within(0, 50)};
    const int to = service.live(due, later).to_replicas;
    RC_ASSERT(to >= 1 || quiet >= 2min + 30s);
  }
}

RC_GTEST_PROP(AnyActivation, MissingDataNeverBringsItToNone, ()) {
  Service service = any_service();
  const int before = service.replicas;
  RC_ASSERT(service.live(std::nullopt, 1s * within(1, 1000)).to_replicas >= std::min(before, 1));
}

RC_GTEST_PROP(AnyActivation, MoreWorkNeverGivesFewer, ()) {
  Service less = any_service();
  Service more = less;
  const int due = within(0, 120);
  const Duration later = 1s * within(1, 1000);
  RC_ASSERT(more.live(due + within(0, 50), later).to_replicas >= less.live(due, later).to_replicas);
}

}  // namespace
}  // namespace selfscale
