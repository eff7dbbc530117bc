// Combine, stabilize, cooldown, limits, confidence: one table or story each; and the stages that
// are public, each for itself.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <selfscale/stages.hpp>

#include "decide/combine.hpp"
#include "decide/confidence.hpp"
#include "decide/cooldown.hpp"
#include "decide/limits.hpp"
#include "decide/policies_fixture.hpp"
#include "decide/rules/rule.hpp"
#include "decide/stabilize.hpp"

namespace selfscale {
namespace {

using testing::start;
using namespace std::chrono_literals;

// ---- combine

Proposal vote(Answer answer, int replicas = 4) {
  Proposal made;
  made.answer = answer;
  made.replicas = replicas;
  return made;
}
Proposal up(int replicas) { return vote(Answer::up, replicas); }
Proposal down(int replicas) { return vote(Answer::down, replicas); }
const Proposal hold = vote(Answer::hold);
const Proposal abstain = vote(Answer::abstain);
const Proposal missing = vote(Answer::missing);
/// Never asks for fewer, and does not ask for more now.
const Proposal content = [] {
  Proposal made = vote(Answer::abstain);
  made.code = Code::no_lowering;
  return made;
}();

struct CombineRow {
  const char* says;
  std::vector<Proposal> proposals;
  int replicas;
  Code code;
  int leading;
  Direction up = Direction::any, down = Direction::all;
};

TEST(Combine, Table) {
  const auto any = Direction::any;
  const auto all = Direction::all;
  const CombineRow rows[] = {
      {"the largest wish", {up(5), up(7), hold}, 7, Code::largest_up, 1},
      {"up wins over down", {up(5), down(2)}, 5, Code::largest_up, 0},
      {"missing does not block up", {up(5), missing}, 5, Code::largest_up, 0},
      {"all want less: the largest", {down(2), down(3)}, 3, Code::all_agree_down, 1},
      {"one holds", {down(2), hold}, 4, Code::rules_disagree, 1},
      {"one abstains", {down(2), abstain}, 2, Code::all_agree_down, 0},
      {"one is missing", {down(2), missing}, 4, Code::missing_blocks_down, 1},
      {"one holds, so it matters not what the missing one says",
       {down(2), hold, missing},
       4,
       Code::rules_disagree,
       1},
      {"down any: missing blocks, whoever holds",
       {down(2), hold, missing},
       4,
       Code::missing_blocks_down,
       2,
       any,
       any},
      {"all abstain", {abstain, abstain}, 4, Code::all_abstain, -1},
      {"no rule", {}, 4, Code::all_abstain, -1},
      {"all hold", {hold, abstain}, 4, Code::all_hold, 0},
      {"nobody knows", {missing, abstain}, 4, Code::no_data, 0},
      {"up all: the smallest", {up(7), up(5), abstain}, 5, Code::smallest_up, 1, all, all},
      {"up all: one is content", {up(7), content}, 4, Code::rules_disagree, 0, all, all},
      {"down all: who is content does not vote", {down(2), content}, 2, Code::all_agree_down, 0},
      {"up all: one holds", {up(7), hold}, 4, Code::rules_disagree, 0, all, all},
      {"up all: one is missing", {up(7), missing}, 4, Code::missing_blocks_up, 1, all, all},
      {"down any: one is enough", {down(2), hold}, 2, Code::smallest_down, 0, any, any},
      {"down any: the smallest", {down(3), down(2)}, 2, Code::smallest_down, 1, any, any},
      {"down any: missing blocks", {down(2), missing}, 4, Code::missing_blocks_down, 1, any, any},
  };
  for (const CombineRow& row : rows) {
    const Combined combined = combine(row.proposals, 4, row.up, row.down);
    EXPECT_EQ(combined.replicas, row.replicas) << row.says;
    EXPECT_EQ(combined.code, row.code) << row.says;
    EXPECT_EQ(combined.leading, row.leading) << row.says;
  }
}

/// What one rule says of a load that grows: fewer, nothing, more; one that never asks for fewer is
/// content at first, and may hold before it asks for more.
Proposal saying(bool lowers, int load) {
  if (load > 4) return up(load);
  if (load == 4) return hold;
  return lowers ? down(load) : content;
}

RC_GTEST_PROP(Combine, ALargerLoadNeverGivesFewer, ()) {
  const auto load = rc::gen::inRange(0, 10);
  const auto lowers = *rc::gen::container<std::vector<bool>>(rc::gen::arbitrary<bool>());
  RC_PRE(!lowers.empty());
  std::vector<Proposal> before;
  for (const bool one : lowers) before.push_back(saying(one, *load));
  std::vector<Proposal> after = before;
  const auto grown = *rc::gen::inRange<std::size_t>(0, lowers.size());
  const int at = *load;
  before[grown] = saying(lowers[grown], at);
  after[grown] = saying(lowers[grown], *rc::gen::inRange(at, 12));
  const auto direction = [] {
    return *rc::gen::arbitrary<bool>() ? Direction::any : Direction::all;
  };
  const Direction more = direction();
  const Direction fewer = direction();
  RC_ASSERT(combine(before, 4, more, fewer).replicas <= combine(after, 4, more, fewer).replicas);
}

// ---- what a missing metric means

TEST(MissingData, HoldBlocksIgnoreAbstainsAndAFloorOnlyRaises) {
  MetricSpec metric;
  const Proposal none = without_data(4);
  EXPECT_EQ(missing_as(none, metric, 4, 1h).answer, Answer::missing);

  metric.missing.kind = MissingPolicy::Kind::ignore;
  EXPECT_EQ(missing_as(none, metric, 4, 0s).answer, Answer::abstain);

  metric.missing = {MissingPolicy::Kind::at_least, 6};
  EXPECT_EQ(missing_as(none, metric, 4, 44s).answer, Answer::missing) << "not for missingAfter yet";
  EXPECT_EQ(missing_as(none, metric, 4, 45s).replicas, 6);
  EXPECT_EQ(missing_as(none, metric, 6, 45s).answer, Answer::missing) << "a floor, never a ceiling";
}

// ---- stabilize

CompiledPolicy windows(Duration up, Duration down) {
  CompiledPolicy policy;
  policy.scale_up.stabilization_window = up;
  policy.scale_down.stabilization_window = down;
  return policy;
}

TEST(Stabilize, DownGoesToTheMostThatWasWantedInItsWindow) {
  const auto policy = windows(0s, 300s);
  DecisionState state;
  seed(state, policy, 8, start);
  const auto at = [&](Duration after, int wanted) {
    return stabilize(state, policy, wanted, 8, start + after).replicas;
  };
  EXPECT_EQ(at(10s, 3), 8) << "what was there at first sight";
  EXPECT_EQ(at(100s, 5), 8);
  EXPECT_EQ(at(299s, 3), 8);
  EXPECT_EQ(at(300s, 3), 5) << "an entry as old as the window is out";
  EXPECT_EQ(at(400s, 3), 3);
  EXPECT_EQ(at(401s, 9), 9) << "up at once";
}

TEST(Stabilize, UpGoesToTheLeastThatWasWantedInItsWindow) {
  const auto policy = windows(60s, 0s);
  DecisionState state;
  seed(state, policy, 2, start);
  const auto at = [&](Duration after, int wanted) {
    return stabilize(state, policy, wanted, 2, start + after).replicas;
  };
  EXPECT_EQ(at(10s, 6), 2);
  EXPECT_EQ(at(60s, 9), 6);
  EXPECT_EQ(at(69s, 9), 6);
  EXPECT_EQ(at(70s, 9), 9);
  EXPECT_EQ(at(71s, 1), 1) << "down at once";
}

TEST(Stabilize, HistoryOnBothSidesHoldsTheCount) {
  const auto policy = windows(300s, 300s);
  DecisionState state;
  seed(state, policy, 5, start);
  EXPECT_EQ(stabilize(state, policy, 9, 5, start + 1s).replicas, 5);
  EXPECT_EQ(stabilize(state, policy, 1, 5, start + 2s).replicas, 5);
}

TEST(Stabilize, RemembersWhatALaterLimitCutOff) {
  const auto policy = windows(0s, 300s);
  DecisionState state;
  seed(state, policy, 2, start);
  stabilize(state, policy, 50, 2, start + 1s);
  EXPECT_EQ(stabilize(state, policy, 1, 10, start + 2s).replicas, 10) << "50 was wanted, not 10";
}

/// The whole history, as the definition has it.
int by_definition(const std::vector<DecisionState::Wanted>& log, Duration window, int wanted,
                  Instant at) {
  for (const auto& entry : log) {
    if (at - entry.at < window) wanted = std::max(wanted, entry.replicas);
  }
  return wanted;
}

TEST(Stabilize, WhatIsKeptStaysSmallAndHoldsForLongerOnly) {
  // An hour and a half at 250 ms; every number is smaller than the one before: nothing can go.
  const auto policy = windows(0s, 3600s);
  DecisionState state;
  std::vector<DecisionState::Wanted> log;
  int wanted = 1'000'000;
  for (Duration after{0}; after < 90min; after += 250ms) {
    --wanted;
    const int kept = stabilize(state, policy, wanted, 2'000'000, start + after).replicas;
    const int exact = by_definition(log, 3600s, wanted, start + after);
    // Up to a 32nd of the window late: 112.5 s, which are 450 ticks and as many replicas here.
    if (after.count() % 60'000 == 0) {
      ASSERT_GE(kept, exact);
      ASSERT_LE(kept, exact + 450);
    }
    log.push_back({start + after, wanted});
    ASSERT_LE(state.down_window.size(), DecisionState::most_kept);
  }
}

TEST(Stabilize, FewEntriesAreKeptExactly) {
  // A tick a minute: what is kept is the definition, however the numbers go.
  const auto policy = windows(0s, 3600s);
  DecisionState state;
  std::vector<DecisionState::Wanted> log;
  for (int tick = 0; tick < 500; ++tick) {
    const Instant at = start + tick * 1min;
    const int wanted = (tick * 7919) % 101;
    const int exact = by_definition(log, 3600s, wanted, at);
    ASSERT_EQ(stabilize(state, policy, wanted, 1000, at).replicas, exact) << tick;
    log.push_back({at, wanted});
  }
}

// ---- cooldown

TEST(Cooldown, Table) {
  CompiledPolicy policy;
  policy.scale_up.cooldown = 60s;
  policy.scale_down.cooldown = 300s;
  DecisionState state;
  state.last_up = start;
  const auto code = [&](int wanted, Duration after) {
    const auto pause = pause_for(wanted, 4, policy, state, start + after);
    return pause ? std::optional{pause->code} : std::nullopt;
  };
  EXPECT_EQ(code(5, 59s), Code::scale_up_cooldown);
  EXPECT_EQ(code(5, 60s), std::nullopt);
  EXPECT_EQ(code(3, 299s), Code::scale_down_cooldown) << "a step up holds the way down";
  EXPECT_EQ(code(3, 300s), std::nullopt);
  EXPECT_EQ(code(4, 1s), std::nullopt);
  state.last_down = start + 10s;
  EXPECT_EQ(code(5, 60s), std::nullopt) << "a step down does not hold the way up";
  EXPECT_EQ(code(3, 309s), Code::scale_down_cooldown);
  policy.cooldown_period = 10min;
  EXPECT_EQ(code(5, 60s), Code::cooldown_period) << "this one holds both";
  EXPECT_EQ(code(5, 610s), std::nullopt);
}

// ---- limits and guardrails

TEST(Limits, BoundsAreInclusive) {
  CompiledPolicy policy;
  policy.min_replicas = 2;
  policy.max_replicas = 10;
  EXPECT_EQ(within_bounds(policy, 11).replicas, 10);
  EXPECT_EQ(within_bounds(policy, 1).replicas, 2);
  EXPECT_EQ(within_bounds(policy, 2).replicas, 2);
  EXPECT_EQ(outside_bounds(policy, 1)->code, Code::below_minimum);
  EXPECT_EQ(outside_bounds(policy, 11)->replicas, 10);
  EXPECT_FALSE(outside_bounds(policy, 10));
}

TEST(Guardrails, StopGrowthAndNothingElse) {
  CompiledPolicy policy;
  policy.max_total_replicas = 20;
  Shared shared;
  shared.other_replicas = 15;
  EXPECT_EQ(within_total(policy, shared, 8, 3).replicas, 5);
  EXPECT_EQ(within_total(policy, shared, 8, 7).replicas, 7) << "never below what is there";
  EXPECT_EQ(within_total(policy, shared, 2, 7).replicas, 2) << "the way down is free";
  policy.min_available_memory_mb = 512;
  shared.available_memory_mb = 511;
  EXPECT_EQ(within_memory(policy, shared, 8, 3).replicas, 3);
  EXPECT_EQ(within_memory(policy, shared, 2, 3).replicas, 2);
  shared.available_memory_mb = 512;
  EXPECT_EQ(within_memory(policy, shared, 8, 3).replicas, 8);
}

TEST(Guardrails, BudgetsTable) {
  CompiledPolicy policy;
  policy.min_replicas = 1;
  policy.uses = {{{"postgres_connections", 100, 5}, 20}};
  Shared shared;
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 3).replicas, 4) << "95 pay for four of 20";
  shared.budgets_used = {35.0};
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 1).replicas, 3) << "60 are left";
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 1).code, Code::budget_limit);
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 6).replicas, 6)
      << "never below what is there";
  EXPECT_EQ(within_budgets(policy, policy, shared, 2, 6).replicas, 2) << "the way down is free";
  EXPECT_EQ(within_budgets(policy, policy, shared, 3, 1).replicas, 3)
      << "within it nothing is said";
  shared.budgets_used = {200.0};
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 1).replicas, 1) << "over the edge already";
  policy.min_replicas = 2;
  EXPECT_EQ(within_budgets(policy, policy, shared, 2, 0).replicas, 2) << "minReplicas wins";
  policy.uses.push_back({{"usd_per_hour", 0.3, 0}, 0.1});
  shared.budgets_used = {0.0, 0.0};
  EXPECT_EQ(within_budgets(policy, policy, shared, 9, 1).replicas, 3) << "the tightest one holds";
}

TEST(Guardrails, HourlyEventsHoldTheWayDownOnly) {
  CompiledPolicy policy;
  policy.max_scale_events_per_hour = 3;
  DecisionState state;
  state.changes = {{start, 1, 1}, {start + 10min, -1, 1}};
  Shared shared;
  const auto held = [&](int wanted, Instant at) {
    return within_hourly_events(policy, shared, state, wanted, 4, at).replicas;
  };
  EXPECT_EQ(held(3, start + 20min), 3) << "two of three";
  shared.other_events_last_hour = 1;
  EXPECT_EQ(held(3, start + 20min), 4) << "another service has made the third";
  EXPECT_EQ(held(5, start + 20min), 5) << "the way up is free";
  EXPECT_EQ(held(3, start + 60min), 3) << "the first is an hour old";
}

TEST(Guardrails, EventsAreRememberedForTheHourThatTheyCount) {
  const Policy policy = testing::policy_of(R"({"service": "backend", "maxReplicas": 10,
    "guardrails": {"maxScaleEventsPerHour": 1}, "behavior": "none",
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})");
  DecisionState state;
  record(state, testing::event(start, 3, 4));
  const auto after = [&](Duration age) {
    return decide(policy, testing::snapshot(4, {Reading::of(10)}, start + age), state);
  };
  EXPECT_EQ(after(59min).recommendation.code, Code::hourly_events_limit);
  EXPECT_EQ(after(59min).held_by, Stage::guardrails);
  EXPECT_EQ(after(60min).to_replicas, 3);
}

TEST(Guardrails, WhatIsPassedAllTheSameIsAnAlert) {
  CompiledPolicy policy;
  policy.max_total_replicas = 6;
  policy.min_available_memory_mb = 512;
  policy.max_scale_events_per_hour = 2;
  policy.uses = {{{"connections", 100, 0}, 20}};
  DecisionState state;
  Shared shared;
  const auto alerts = [&](int wanted, int current) {
    std::vector<Code> found;
    note_alerts(policy, shared, state, wanted, current, start, found);
    return found;
  };
  EXPECT_EQ(alerts(5, 4), std::vector<Code>{});
  EXPECT_EQ(alerts(6, 6), std::vector<Code>{Code::budget_exceeded}) << "there already";
  shared.other_replicas = 2;
  EXPECT_EQ(alerts(5, 5), std::vector<Code>{Code::total_replicas_exceeded});
  shared = {};
  shared.other_events_last_hour = 2;
  EXPECT_EQ(alerts(5, 4), std::vector<Code>{Code::hourly_events_exceeded});
  EXPECT_EQ(alerts(4, 4), std::vector<Code>{}) << "no step up";
  shared = {};
  shared.available_memory_mb = 511;
  EXPECT_EQ(alerts(4, 4), std::vector<Code>{Code::memory_short});
}

TEST(Guardrails, AnAlertIsPartOfTheDecisionAndRaisesItsPriority) {
  const Policy policy =
      testing::policy_of(R"({"service": "backend", "minReplicas": 3, "maxReplicas": 10,
    "guardrails": {"budgets": {"connections": {"limit": 40}}}, "uses": {"connections": 20},
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})");
  DecisionState state;
  const Decision decision = decide(policy, testing::snapshot(2, {Reading::of(50)}), state);
  EXPECT_EQ(decision.to_replicas, 3) << "minReplicas wins over a budget";
  EXPECT_EQ(decision.recommendation.alerts, std::vector<Code>{Code::budget_exceeded});
  EXPECT_EQ(decision.recommendation.priority, Priority::high);
  EXPECT_NE(explain(policy, decision).find("alert: a budget does not pay"), std::string::npos);
  EXPECT_EQ(decision_from_json(policy, to_json(policy, decision)), decision);
}

// ---- confidence and priority

struct Sure {
  CompiledPolicy policy;
  Snapshot seen = testing::snapshot(4);
  Recommendation recommendation;
  DecisionState::Past past;
  Sure() {
    policy.rules.resize(2);
    policy.metrics.resize(1);
    seen.instances = testing::instances({85, 85});
    recommendation.current_replicas = 4;
    recommendation.recommended_replicas = 5;
    recommendation.leading = 0;
    recommendation.proposals = {up(5), hold};
    for (std::size_t i = 0; i < 2; ++i) {
      recommendation.proposals[i].rule = static_cast<int>(i);
      recommendation.proposals[i].metric = 0;
      recommendation.proposals[i].value = 85;
    }
    recommendation.proposals[0].threshold = 70;
  }
  [[nodiscard]] double confidence() const {
    return confidence_of(Situation{policy, seen, start, 4}, recommendation, past);
  }
};

TEST(Confidence, IsTheDocumentedSum) {
  const double past_limit = 15.0 / 70.0;
  const double expected = 0.4 * 0.5 + 0.2 * (past_limit / (past_limit + 0.25)) + 0.2 * 0.5 + 0.2;
  EXPECT_NEAR(Sure{}.confidence(), expected, 1e-12);
}

TEST(Confidence, GrowsWithEachOfItsFour) {
  const double before = Sure{}.confidence();
  Sure agreed;
  agreed.policy.rules[0].weight = 3;
  EXPECT_GT(agreed.confidence(), before);
  Sure further;
  further.recommendation.proposals[0].value = 95;
  EXPECT_GT(further.confidence(), before);
  Sure proven;
  proven.past.succeeded = 3;
  EXPECT_GT(proven.confidence(), before);
  Sure failed;
  failed.past.failed = 3;
  EXPECT_LT(failed.confidence(), before);
  Sure silent;
  silent.seen.instances.push_back(testing::instance(std::nullopt));
  EXPECT_LT(silent.confidence(), before);
}

TEST(Confidence, IsWholeWhereTheBoundsDecideAndNoRuleIsAsked) {
  Sure bounded;
  bounded.recommendation.proposals.clear();
  bounded.recommendation.leading = -1;
  EXPECT_EQ(bounded.confidence(), 0.0);
  bounded.recommendation.adjustments = {{Stage::bounds, 4, 5, Code::schedule_minimum, 5}};
  EXPECT_EQ(bounded.confidence(), 1.0);
  bounded.past.failed = 9;
  bounded.seen.instances = {testing::instance(std::nullopt)};
  EXPECT_EQ(bounded.confidence(), 1.0) << "it needs no reading, and no luck";
}

RC_GTEST_PROP(Confidence, NeverFallsWithAgreementDistanceSuccessOrAnAnswer, ()) {
  const auto quarters = [](int least, int most) { return *rc::gen::inRange(least, most) / 4.0; };
  Sure any;
  for (RuleSpec& rule : any.policy.rules) rule.weight = quarters(1, 20);
  any.recommendation.proposals[0].value = quarters(280, 1200);
  any.past.succeeded = *rc::gen::inRange(0, 50);
  any.past.failed = *rc::gen::inRange(0, 50);
  for (int silent = *rc::gen::inRange(0, 5); silent > 0; --silent) {
    any.seen.instances.push_back(testing::instance(std::nullopt));
  }
  const double before = any.confidence();

  Sure agreed = any;
  agreed.policy.rules[0].weight += quarters(0, 20);
  RC_ASSERT(agreed.confidence() >= before);
  Sure further = any;
  further.recommendation.proposals[0].value += quarters(0, 1000);
  RC_ASSERT(further.confidence() >= before);
  Sure proven = any;
  proven.past.succeeded += *rc::gen::inRange(0, 50);
  RC_ASSERT(proven.confidence() >= before);
  Sure failed = any;
  failed.past.failed += *rc::gen::inRange(0, 50);
  RC_ASSERT(failed.confidence() <= before);
  Sure answered = any;
  for (Instance& instance : answered.seen.instances) instance = testing::instance(Reading::of(85));
  RC_ASSERT(answered.confidence() >= before);
}

TEST(Confidence, IsNoneWhereNothingVotesOrThePlatformIsUnknown) {
  Sure none;
  none.recommendation.proposals = {abstain};
  EXPECT_EQ(none.confidence(), 0.0);
  Sure unknown;
  unknown.recommendation.code = Code::platform_unknown;
  EXPECT_EQ(unknown.confidence(), 0.0);
}

TEST(Priority, IsTheWorstAlertLevel) {
  Sure sure;
  EXPECT_EQ(priority_of(sure.policy, sure.recommendation), Priority::medium);
  sure.policy.metrics[0].name = "cpu_usage";
  sure.policy.alerts = {{"cpu_usage", Comparison::greater_than, 70, 90}};
  EXPECT_EQ(priority_of(sure.policy, sure.recommendation), Priority::high);
  sure.recommendation.proposals[0].value = 91;
  EXPECT_EQ(priority_of(sure.policy, sure.recommendation), Priority::critical);
  sure.policy.alerts = {{"cpu_usage", Comparison::less_than, 10, 5}};
  sure.recommendation.recommended_replicas = 4;
  EXPECT_EQ(priority_of(sure.policy, sure.recommendation), Priority::low);
}

// ---- each for itself

/// A service of one rule that wants `wanted` replicas.
Snapshot wanting(int current, double wanted, Instant at) {
  return testing::snapshot(current, {Reading::of(wanted)}, at);
}

RC_GTEST_PROP(Stages, OneAfterTheOtherAreADecision, ()) {
  static const Policy policy = testing::policy_of(R"({
    "service": "backend", "minReplicas": 1, "maxReplicas": 20,
    "rules": [{"type": "target", "metric": "wanted", "targetPerReplica": 1, "tolerance": 0}],
    "behavior": {
      "scaleUp": {"stabilizationWindowSeconds": 30,
                  "policies": [{"type": "Pods", "value": 4, "periodSeconds": 60}]},
      "scaleDown": {"stabilizationWindowSeconds": 60,
                    "policies": [{"type": "Percent", "value": 30, "periodSeconds": 45}]}}})");
  DecisionState whole;
  DecisionState staged;
  Instant at = start;
  int current = *rc::gen::inRange(1, 21);
  for (int tick = 0; tick < 8; ++tick) {
    at += 1s * *rc::gen::inRange(1, 40);
    const Snapshot seen = wanting(current, *rc::gen::inRange(0, 30), at);
    const Decision decision = decide(policy, seen, whole);
    const auto proposals = stages::propose(policy, seen, staged);
    const Staged stable = stages::stabilize(policy, seen, staged, proposals.at(0).replicas);
    const Staged slow = stages::rate_limit(policy, seen, staged, stable.replicas);
    const Staged last = stages::limit(policy, seen, staged, slow.replicas);
    std::vector<Adjustment> adjustments = stable.adjustments;
    for (const Staged& later : {slow, last}) {
      adjustments.insert(adjustments.end(), later.adjustments.begin(), later.adjustments.end());
    }
    RC_ASSERT(proposals == decision.recommendation.proposals);
    RC_ASSERT(adjustments == decision.recommendation.adjustments);
    RC_ASSERT(last.replicas == decision.to_replicas);
    if (decision.action == Action::scale && *rc::gen::arbitrary<bool>()) {
      const ScalingEvent event = testing::event(at, current, decision.to_replicas);
      record(whole, event);
      record(staged, event);
      current = decision.to_replicas;
    }
    RC_ASSERT(whole == staged);
  }
}

TEST(Stages, AWindowHasAtLeastOneBucketAndNotTooMany) {
  const std::vector<Load> loads{{start, 3.0}, {start + 1s, 5.0}};
  EXPECT_EQ(stages::window(loads, 10s, 1s, start + 1s).value, 4.0);
  EXPECT_TRUE(stages::window(loads, 10s, 1s, start + 12s).is_empty);
  EXPECT_TRUE(stages::window({}, 10s, 1s, start).is_empty);
  EXPECT_EQ(stages::window_maximum({}, 10s, 1s), 0);
  for (const auto& [length, bucket] :
       {std::pair<Duration, Duration>{10s, 0s}, {10s, -1s}, {1s, 2s}, {100'001s, 1s}}) {
    EXPECT_THROW(stages::window(loads, length, bucket, start), Error);
    EXPECT_THROW(stages::window_maximum({}, length, bucket), Error);
  }
}

TEST(Stages, ToNoReplicasAndBackIsAStageOfItsOwn) {
  const Policy policy =
      testing::policy_of(R"({"service": "backend", "minReplicas": 0, "maxReplicas": 5,
    "scaleToZero": {"cooldown": "1m"},
    "rules": [{"type": "target", "metric": "due", "targetPerReplica": 10, "activation": 4}]})");
  DecisionState state;
  EXPECT_EQ(stages::activate(policy, wanting(2, 4, start), state, 0).replicas, 1);
  EXPECT_EQ(stages::activate(policy, wanting(2, 4, start + 61s), state, 2).replicas, 0);
  EXPECT_EQ(stages::activate(policy, wanting(0, 5, start + 62s), state, 0).replicas, 1);
}

TEST(Stages, WhatIsNotListedIsNotClassified) {
  const Policy policy = testing::policy_of(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"type": "target", "metric": "cpu_usage", "target": 60}]})");
  Snapshot seen = testing::snapshot(2);
  seen.instances = {testing::instance(Reading::of(50)), testing::instance(std::nullopt),
                    testing::instance(Reading::of(50)), testing::instance(Reading::of(50))};
  seen.instances[2].deleting = true;
  seen.instances[3].listed = false;
  const auto standings = stages::classify(policy, seen, "cpu_usage");
  const std::vector<std::optional<Standing>> expected{Standing::ready, Standing::missing,
                                                      Standing::ignored, std::nullopt};
  EXPECT_EQ(standings, expected);
}

TEST(Stages, AMetricThatThePolicyDoesNotHaveIsRefused) {
  const Policy policy = testing::policy_of(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"type": "target", "metric": "cpu_usage", "target": 60}]})");
  try {
    stages::classify(policy, testing::snapshot(2), "cpu");
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_STREQ(error.what(), "the policy of backend has no metric cpu; it has cpu_usage");
  }
}

}  // namespace
}  // namespace selfscale
