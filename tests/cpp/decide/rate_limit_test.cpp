// How fast the count may move: each row with its sum, what is forgotten when, and what holds for
// any policies and any past.
#include "decide/rate_limit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::start;
using namespace std::chrono_literals;
using Change = DecisionState::Change;

constexpr auto pods = ScalingPolicy::Type::pods;
constexpr auto percent = ScalingPolicy::Type::percent;

struct Row {
  const char* says;
  DirectionBehavior behavior;
  bool up;
  int current;
  std::optional<int> expected;
  std::vector<Change> changes{};
};

DirectionBehavior limits(std::vector<ScalingPolicy> policies,
                         SelectPolicy select = SelectPolicy::max) {
  DirectionBehavior behavior;
  behavior.select_policy = select;
  behavior.policies = std::move(policies);
  return behavior;
}

TEST(RateLimit, Table) {
  const std::vector<ScalingPolicy> both{{pods, 4, 60s}, {percent, 100, 60s}};
  const Row rows[] = {
      {"no policies, no limit", limits({}), true, 3, {}},
      {"pods: 3 + 4", limits({{pods, 4, 60s}}), true, 3, 7},
      {"the largest: max(3 + 4, 3 × 2)", limits(both), true, 3, 7},
      {"the largest: max(9 + 4, 9 × 2)", limits(both), true, 9, 18},
      {"the smallest: min(9 + 4, 9 × 2)", limits(both, SelectPolicy::min), true, 9, 13},
      {"down, the largest: min(9 - 4, 9 - 9)", limits(both), false, 9, 0},
      {"down, the smallest: max(9 - 4, 9 - 9)", limits(both, SelectPolicy::min), false, 9, 5},
      {"disabled", limits(both, SelectPolicy::disabled), true, 9, 9},
      {"up is rounded up in doubles: 100 × 1.1", limits({{percent, 10, 60s}}), true, 100, 111},
      {"50 × 1.1", limits({{percent, 10, 60s}}), true, 50, 56},
      {"200 × 1.1", limits({{percent, 10, 60s}}), true, 200, 221},
      {"down is cut: 10 × (1 - 0.9)", limits({{percent, 90, 60s}}), false, 10, 0},
      {"20 × (1 - 0.8)", limits({{percent, 80, 60s}}), false, 20, 3},
      {"of more than there are: 3 × (1 - 2)", limits({{percent, 200, 60s}}), false, 3, -3},
      {"what was added counts: 8 - 3 + 4", limits({{pods, 4, 60s}}), true, 8, 9, {{start - 1s, 3}}},
      {"what was taken away, too: 5 + 3 + 4",
       limits({{pods, 4, 60s}}),
       true,
       5,
       12,
       {{start - 1s, -3}}},
      {"as old as the period is out", limits({{pods, 4, 60s}}), true, 8, 12, {{start - 60s, 3}}},
      {"each policy looks back as far as its period: max(9 - 2 + 1, 9 - 4 + 2)",
       limits({{pods, 1, 15s}, {pods, 2, 60s}}),
       true,
       9,
       8,
       {{start - 30s, 2}, {start - 1s, 2}}},
      {"large numbers end at their ends", limits({{percent, 1'000'000, 60s}}), true, 1'000'000'000,
       std::numeric_limits<int>::max()},
  };
  for (const Row& row : rows) {
    DecisionState state;
    state.changes = row.changes;
    EXPECT_EQ(rate_bound(row.behavior, row.up, state, row.current, start), row.expected)
        << row.says;
  }
}

CompiledPolicy policy_with(DirectionBehavior up, DirectionBehavior down) {
  CompiledPolicy policy;
  policy.min_replicas = 1;
  policy.max_replicas = 10;
  policy.scale_up = std::move(up);
  policy.scale_down = std::move(down);
  return policy;
}

TEST(RateLimit, SpeaksOnlyWhereItIsTighterThanTheBounds) {
  const auto policy = policy_with(limits({{pods, 4, 60s}}), limits({{pods, 4, 60s}}));
  const DecisionState state;
  const Limited tighter = within_rate(policy, policy, state, 20, 5, start);
  EXPECT_EQ(tighter.replicas, 9);
  EXPECT_EQ(tighter.code, Code::scale_up_rate);
  EXPECT_EQ(tighter.limit, 9);
  EXPECT_EQ(within_rate(policy, policy, state, 20, 6, start).replicas, 20)
      << "10 is the maximum as well";
  EXPECT_EQ(within_rate(policy, policy, state, 8, 5, start).replicas, 8);
  EXPECT_EQ(within_rate(policy, policy, state, 0, 6, start).replicas, 2);
  EXPECT_EQ(within_rate(policy, policy, state, 0, 6, start).code, Code::scale_down_rate);
  EXPECT_EQ(within_rate(policy, policy, state, 0, 5, start).replicas, 0)
      << "1 is the minimum as well";
}

TEST(RateLimit, NeverTurnsAStepRound) {
  const auto policy = policy_with(limits({{pods, 1, 60s}}), limits({{pods, 1, 60s}}));
  DecisionState state;
  state.changes = {{start - 10s, 5}};
  EXPECT_EQ(within_rate(policy, policy, state, 8, 6, start).replicas, 6)
      << "6 - 5 + 1 = 2 lies below";
  state.changes = {{start - 10s, -5}};
  EXPECT_EQ(within_rate(policy, policy, state, 3, 4, start).replicas, 4)
      << "4 + 5 - 1 = 8 lies above";
}

TEST(RateLimit, DisabledHoldsOneDirection) {
  const auto policy = policy_with(limits({}), limits({}, SelectPolicy::disabled));
  EXPECT_EQ(within_rate(policy, policy, {}, 2, 5, start).replicas, 5);
  EXPECT_EQ(within_rate(policy, policy, {}, 2, 5, start).code, Code::scale_down_disabled);
  EXPECT_EQ(within_rate(policy, policy, {}, 9, 5, start).replicas, 9);
}

TEST(RateLimit, WithoutBehaviorItIsTwiceTheCountOrFour) {
  CompiledPolicy policy;
  policy.max_replicas = 100;
  policy.kubernetes = KubernetesLimits{};
  const auto replicas = [&](int wanted, int current) {
    return within_rate(policy, policy, {}, wanted, current, start).replicas;
  };
  EXPECT_EQ(replicas(50, 1), 4);
  EXPECT_EQ(replicas(50, 0), 4);
  EXPECT_EQ(replicas(50, 3), 6);
  EXPECT_EQ(replicas(1, 50), 1) << "down there is none";
}

TEST(RateLimit, ChangesAreKeptForAsLongAsEitherDirectionLooksBack) {
  // Kubernetes keeps those of a direction for that direction's own periods: -5 would be gone here,
  // and the limit 5 - 0 + 1.
  const auto policy = testing::policy_of(R"({"service": "a", "maxReplicas": 100,
    "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]},
                 "scaleDown": {"policies": [{"type": "Pods", "value": 9, "periodSeconds": 15}]}},
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})")
                          .compiled();
  DecisionState state;
  state.changes = {{start - 300s, 7}, {start - 200s, -5}, {start - 100s, 2}};
  forget_old_changes(state, policy, start);
  EXPECT_EQ(state.changes, (std::vector<Change>{{start - 200s, -5}, {start - 100s, 2}}));
  EXPECT_EQ(rate_bound(policy.scale_up, true, state, 5, start), 9);  // 5 - 2 + 5 + 1
}

int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}

DirectionBehavior any_behavior() {
  std::vector<ScalingPolicy> policies;
  for (int i = within(0, 3); i > 0; --i) {
    policies.push_back({within(0, 1) == 0 ? pods : percent, within(1, 150), 1s * within(1, 300)});
  }
  return limits(std::move(policies), static_cast<SelectPolicy>(within(0, 2)));
}

RC_GTEST_PROP(AnyRateLimit, CutsAStepAndNothingElse, ()) {
  auto policy = policy_with(any_behavior(), any_behavior());
  policy.max_replicas = within(1, 60);
  DecisionState state;
  for (int i = within(0, 6); i > 0; --i) {
    state.changes.push_back({start - 1s * within(0, 400), within(-9, 9)});
  }
  const int current = within(0, 60);
  const int wanted = within(0, 60);
  const int replicas = within_rate(policy, policy, state, wanted, current, start).replicas;
  RC_ASSERT(replicas >= std::min(wanted, current));
  RC_ASSERT(replicas <= std::max(wanted, current));
  const int more =
      within_rate(policy, policy, state, wanted + within(0, 9), current, start).replicas;
  const auto bounded = [&](int count) { return std::min(count, policy.max_replicas); };
  RC_ASSERT(bounded(more) >= bounded(replicas));
}

}  // namespace
}  // namespace selfscale
