// Concurrency rules beyond the recorded cases: how readings become a load, what is remembered.
#include "decide/rules/concurrency.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::instance;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

Reading load(double stable, double panic) {
  Reading reading = Reading::of(stable);
  reading.short_value = panic;
  return reading;
}

ConcurrencyRule of_target(double target) {
  ConcurrencyRule rule;
  rule.target = target;
  return rule;
}

ConcurrencyInput input(double stable, double panic, int ready) {
  ConcurrencyInput made;
  made.stable = stable;
  made.panic = panic;
  made.ready = made.current = ready;
  return made;
}

Proposal propose(const ConcurrencyRule& rule, const Snapshot& seen, DecisionState::Memory& memory,
                 Instant at = start) {
  CompiledPolicy policy;
  policy.metrics.emplace_back();
  const int current = seen.platform.desired_replicas;
  return propose_concurrency(rule, Situation{policy, seen, at, current}, 0, memory);
}

TEST(Concurrency, TheLoadOfInstancesIsTheirSum) {
  Snapshot seen = snapshot(2, {std::nullopt});
  seen.instances = {instance(load(100, 100)), instance(load(61, 61))};
  DecisionState::Memory memory;
  memory.is_met = true;
  const Proposal proposal = propose(of_target(40), seen, memory);
  EXPECT_EQ(proposal.replicas, 5);  // 161 ÷ 40 = 4.025
  EXPECT_EQ(proposal.value, 161.0);
}

TEST(Concurrency, SilentReplicasHoldWhatIsThereAndAskForNoMore) {
  Snapshot seen = snapshot(3, {std::nullopt});
  seen.instances = {instance(load(40, 40)), instance(std::nullopt), instance(std::nullopt)};
  DecisionState::Memory memory;
  memory.is_met = true;
  EXPECT_EQ(propose(of_target(40), seen, memory).replicas, 3);
}

TEST(Concurrency, AServiceMetWithSeveralReplicasIsNotShrunkForOneWindow) {
  const ConcurrencyRule rule = of_target(40);
  const Snapshot seen = snapshot(6, {load(10, 10)});
  DecisionState::Memory memory;
  const Proposal first = propose(rule, seen, memory);
  EXPECT_EQ(first.replicas, 6);
  EXPECT_EQ(first.code, Code::panic_held);
  EXPECT_EQ(propose(rule, seen, memory, start + 60s).replicas, 6);
  EXPECT_EQ(propose(rule, seen, memory, start + 60s + 1ms).replicas, 3);  // 6 ÷ 2 is the least
}

TEST(Concurrency, TheReasonSaysWhatTheLoadAsksForAndWhatBecomesOfIt) {
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 20, "rules": [
          {"type": "concurrency", "metric": "in_flight", "targetPerReplica": 80}]})");
  DecisionState state;
  const auto reason_at = [&](int replicas, double in_flight) {
    return reason(policy, decide(policy, snapshot(replicas, {load(in_flight, 0)}), state));
  };
  EXPECT_EQ(reason_at(1, 720), "in_flight 720 at 80 per replica asks for 9 replicas");
  EXPECT_EQ(
      reason_at(8, 80),
      "4 replicas wanted, held at 8: 8 or more were wanted, or there when the service was met, "
      "within the last 5 m (in_flight 80 at 80 per replica asks for 1 replica; the rule's rates "
      "and silent "
      "replicas make that 4)");
}

TEST(Concurrency, WhereNothingIsRoutedToItMayGoDownAtOnce) {
  Snapshot seen = snapshot(10, {load(0, 0)});
  DecisionState::Memory memory;
  memory.is_met = memory.is_initialized = true;
  EXPECT_EQ(propose(of_target(40), seen, memory).replicas, 5) << "half at most, otherwise";
  seen.is_reachable = false;
  EXPECT_EQ(propose(of_target(40), seen, memory).replicas, 0);
}

TEST(Concurrency, WithoutAReadingNothingIsRemembered) {
  DecisionState::Memory memory;
  memory.is_met = true;
  const auto before = memory;
  const Snapshot seen = snapshot(2, {Reading::absent(Missing::timed_out)});
  EXPECT_EQ(propose(of_target(40), seen, memory).answer, Answer::missing);
  EXPECT_EQ(memory, before);
}

TEST(Concurrency, InitialScaleHoldsUntilItWasReadyOnce) {
  ConcurrencyRule rule = of_target(40);
  rule.initial_scale = 3;
  DecisionState::Memory memory;
  EXPECT_EQ(propose(rule, snapshot(1, {load(1, 1)}), memory).replicas, 3);
  EXPECT_EQ(propose(rule, snapshot(3, {load(1, 1)}), memory, start + 2s).replicas, 1);
}

// ---- whatever happened before

int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}

ConcurrencyRule any_rule() {
  ConcurrencyRule rule = of_target(within(1, 100));
  rule.max_scale_up_rate = within(2, 10);
  rule.max_scale_down_rate = within(2, 10);
  rule.scale_down_delay = 1s * within(0, 60);
  return rule;
}

struct Life {
  ConcurrencyRule rule = any_rule();
  DecisionState::Memory memory;
  Instant at = start;

  Proposal live(const ConcurrencyInput& seen) {
    at += 1s * within(1, 10);
    return judge_concurrency(rule, seen, at, memory);
  }
  void live_on(int steps) {
    for (; steps > 0; --steps) live(input(within(0, 2000), within(0, 4000), within(0, 20)));
  }
};

RC_GTEST_PROP(AnyConcurrency, PanicNeverLowers, ()) {
  Life life;
  life.live_on(within(0, 20));
  const int peak = life.memory.peak;
  const bool panicked = life.memory.panic_since.has_value();
  const Proposal next = life.live(input(within(0, 2000), within(0, 4000), within(0, 20)));
  if (panicked && life.memory.panic_since) RC_ASSERT(next.replicas >= peak);
}

RC_GTEST_PROP(AnyConcurrency, ALargerLoadNeverGivesFewer, ()) {
  Life life;
  life.live_on(within(0, 20));
  const ConcurrencyInput less = input(within(0, 2000), within(0, 4000), within(0, 20));
  ConcurrencyInput more = less;
  more.stable += within(0, 500);
  more.panic += within(0, 500);
  auto memory = life.memory;
  const int with_less = judge_concurrency(life.rule, less, life.at + 2s, memory).replicas;
  const int with_more = judge_concurrency(life.rule, more, life.at + 2s, life.memory).replicas;
  RC_ASSERT(with_more >= with_less);
}

RC_GTEST_PROP(AnyConcurrency, AReplicaThatFallsSilentNeverLowers, ()) {
  Life life;
  life.rule.activation_scale = within(0, 9);
  life.live_on(within(0, 20));
  ConcurrencyInput seen = input(within(0, 2000), within(0, 4000), within(0, 20));
  seen.current = within(1, 40);
  seen.silent = within(0, 3);
  ConcurrencyInput without = seen;
  ++without.silent;
  const int share = within(0, static_cast<int>(life.rule.target));
  without.stable = std::max(0.0, seen.stable - share);
  without.panic = std::max(0.0, seen.panic - share);
  auto memory = life.memory;
  const int before = judge_concurrency(life.rule, seen, life.at + 2s, memory).replicas;
  const int after = judge_concurrency(life.rule, without, life.at + 2s, life.memory).replicas;
  RC_ASSERT(after >= std::min(before, seen.current));
}

RC_GTEST_PROP(AnyConcurrency, RemembersLittle, ()) {
  Life life;
  life.rule.scale_down_delay = 1h;
  life.live_on(200);
  RC_ASSERT(life.memory.delayed.size() <= 32U);
}

}  // namespace
}  // namespace selfscale
