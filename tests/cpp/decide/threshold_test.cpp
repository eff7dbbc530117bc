// Threshold rules: edges, durations, and instances that do not report.
#include "decide/rules/threshold.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::instance;
using testing::instances;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

ThresholdRule between(std::optional<double> up, std::optional<double> down) {
  ThresholdRule rule;
  rule.scale_up = up;
  rule.scale_down = down;
  return rule;
}

ThresholdInput all_report(double value) { return {value, value, value, true}; }

/// Of four replicas that all serve.
Proposal judge(const ThresholdRule& rule, double value, DecisionState::Memory& memory,
               Instant at = start) {
  const CompiledPolicy policy;
  const Snapshot seen = snapshot(4);
  return judge_threshold(rule, all_report(value), Situation{policy, seen, at, 4}, memory);
}

struct Row {
  const char* says;
  Comparison comparison;
  std::optional<double> up, down;
  double value;
  Answer answer;
  int replicas;  // of 4
  Code code;
};

class Thresholds : public ::testing::TestWithParam<Row> {};

TEST_P(Thresholds, Answer) {
  const Row& row = GetParam();
  ThresholdRule rule = between(row.up, row.down);
  rule.comparison = row.comparison;
  rule.scale_up_by = 2;
  DecisionState::Memory memory;
  const Proposal proposal = judge(rule, row.value, memory);
  EXPECT_EQ(proposal.answer, row.answer) << row.says;
  EXPECT_EQ(proposal.replicas, row.replicas) << row.says;
  EXPECT_EQ(proposal.code, row.code) << row.says;
}

constexpr auto greater = Comparison::greater_than;
constexpr auto less = Comparison::less_than;
constexpr auto change = Comparison::percentage_change;
const Row rows[] = {
    {"above", greater, 70, 30, 70.5, Answer::up, 6, Code::above_threshold},
    {"on the upper edge", greater, 70, 30, 70, Answer::hold, 4, Code::within_band},
    {"between", greater, 70, 30, 50, Answer::hold, 4, Code::within_band},
    {"on the lower edge", greater, 70, 30, 30, Answer::hold, 4, Code::within_band},
    {"below", greater, 70, 30, 29.5, Answer::down, 3, Code::below_threshold},
    {"up only, above", greater, 70, {}, 71, Answer::up, 6, Code::above_threshold},
    {"up only, on the edge", greater, 70, {}, 70, Answer::hold, 4, Code::within_band},
    {"up only, below", greater, 70, {}, 69, Answer::abstain, 4, Code::no_lowering},
    {"down only, above", greater, {}, 30, 31, Answer::hold, 4, Code::within_band},
    {"down only, below", greater, {}, 30, 29, Answer::down, 3, Code::below_threshold},
    {"low is bad: low", less, 80, 95, 79, Answer::up, 6, Code::above_threshold},
    {"low is bad: on the edge", less, 80, 95, 80, Answer::hold, 4, Code::within_band},
    {"low is bad: high", less, 80, 95, 96, Answer::down, 3, Code::below_threshold},
    {"low is bad, up only: good", less, 80, {}, 81, Answer::abstain, 4, Code::no_lowering},
    {"grew", change, 50, -50, 51, Answer::up, 6, Code::above_threshold},
    {"fell", change, 50, -50, -51, Answer::down, 3, Code::below_threshold},
};
INSTANTIATE_TEST_SUITE_P(Table, Thresholds, ::testing::ValuesIn(rows));

TEST(Threshold, AsksForItsDurationWithoutABreak) {
  ThresholdRule rule = between(70, 30);
  rule.scale_up_for = 2min;
  DecisionState::Memory memory;
  const auto code = [&](Duration after, double value) {
    return judge(rule, value, memory, start + after).code;
  };
  EXPECT_EQ(code(0s, 85), Code::above_not_long);
  EXPECT_EQ(code(119s, 85), Code::above_not_long);
  EXPECT_EQ(code(120s, 85), Code::above_threshold);
  EXPECT_EQ(code(130s, 69), Code::within_band) << "a break";
  EXPECT_EQ(code(140s, 85), Code::above_not_long) << "counts anew";
  EXPECT_EQ(code(260s, 85), Code::above_threshold);
}

TEST(Threshold, SaysForHowLong) {
  ThresholdRule rule = between(70, 30);
  DecisionState::Memory memory;
  judge(rule, 85, memory);
  EXPECT_EQ(judge(rule, 85, memory, start + 130s).held_for, 130s);
}

TEST(Threshold, AMissingReadingIsABreak) {
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 9, "rules":
          [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30, "scaleUpFor": "1m"}]})");
  DecisionState::Memory memory;
  const auto code = [&](Duration after, Reading reading) {
    const Snapshot seen = snapshot(4, {std::move(reading)}, start + after);
    return propose(Situation{policy.compiled(), seen, seen.at, 4}, 0, memory, std::nullopt).code;
  };
  EXPECT_EQ(code(0s, Reading::of(85)), Code::above_not_long);
  EXPECT_EQ(code(60s, Reading::absent(Missing::timed_out)), Code::no_data);
  EXPECT_EQ(code(61s, Reading::of(85)), Code::above_not_long);
  EXPECT_EQ(code(121s, Reading::of(85)), Code::above_threshold);
}

// Readings per instance.

struct Case {
  CompiledPolicy policy;
  Snapshot seen;
  ThresholdRule rule = between(70, 30);
  explicit Case(std::vector<Instance> of, Across across = Across::avg) {
    policy.metrics.resize(1);
    policy.metrics[0].across = across;
    seen = snapshot(static_cast<int>(of.size()));
    seen.instances = std::move(of);
  }
  [[nodiscard]] std::optional<ThresholdInput> input() const {
    return threshold_input(rule, Situation{policy, seen, start, 3}, 0);
  }
};

TEST(ThresholdOverInstances, AcrossSaysHowValuesBecomeOne) {
  EXPECT_DOUBLE_EQ(Case(instances({10, 20, 60})).input()->value, 30);
  EXPECT_DOUBLE_EQ(Case(instances({10, 20, 60}), Across::max).input()->value, 60);
  EXPECT_DOUBLE_EQ(Case(instances({10, 20, 60}), Across::min).input()->value, 10);
  EXPECT_DOUBLE_EQ(Case(instances({10, 20, 60}), Across::sum).input()->value, 90);
}

TEST(ThresholdOverInstances, OnlyServingOnesCount) {
  auto of = instances({80, 5, 5, 5});
  of[1].ready = Ready::no;
  of[2].deleting = true;
  of[3].phase = Phase::pending;
  EXPECT_DOUBLE_EQ(Case(of).input()->value, 80);
  of[0].phase = Phase::failed;
  EXPECT_FALSE(Case(of).input());
}

TEST(ThresholdOverInstances, SilentOnesAreIdleOnTheWayUpAndLoadedOnTheWayDown) {
  auto of = instances({85, 85});
  of.push_back(instance(std::nullopt));
  const auto input = Case(of).input();
  EXPECT_DOUBLE_EQ(input->value, 85) << "what people see";
  EXPECT_NEAR(input->for_up, (85 + 85 + 0) / 3.0, 1e-12);
  EXPECT_NEAR(input->for_down, (85 + 85 + 70) / 3.0, 1e-12) << "loaded: at scaleUp";
}

TEST(ThresholdOverInstances, APercentageOfAKnownCapacityIsLoadedAtHundred) {
  Reading reading = Reading::of(10);
  reading.amount = 0.1;
  reading.capacity = 1.0;
  const auto input = Case({instance(reading), instance(std::nullopt)}).input();
  EXPECT_DOUBLE_EQ(input->for_down, (10 + 100) / 2.0);
}

TEST(ThresholdOverInstances, WithoutAnIdeaOfLoadSilenceBlocksTheWayDown) {
  auto of = instances({5});
  of.push_back(instance(std::nullopt));
  Case partial{of};
  partial.rule = between(std::nullopt, 30);
  EXPECT_FALSE(partial.input()->may_lower);
}

TEST(ThresholdOverInstances, StaleIsMissing) {
  Reading old = Reading::of(90);
  old.age = 61s;
  EXPECT_FALSE(Case({instance(old)}).input());
  old.age = 60s;
  EXPECT_TRUE(Case({instance(old)}).input());
}

TEST(ThresholdOverInstances, ChangeIsAgainstTheWindowBefore) {
  Reading grown = Reading::of(30);
  grown.previous = 20;
  Case one{{instance(grown)}};
  one.rule.comparison = Comparison::percentage_change;
  EXPECT_DOUBLE_EQ(one.input()->value, 50);  // 100 × (30 − 20) ÷ 20
  one.seen.instances[0].metrics[0]->previous = 0;
  EXPECT_FALSE(one.input()) << "the window before was 0";
  one.seen.instances[0].metrics[0]->previous.reset();
  EXPECT_FALSE(one.input()) << "the window before was incomplete";
}

}  // namespace
}  // namespace selfscale
