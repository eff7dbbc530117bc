// What holds for rules of every kind.
#include "decide/rules/rule.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::instance;
using testing::instances;
using testing::policy_of;
using testing::snapshot;
using testing::start;

class EveryRule : public ::testing::TestWithParam<const char*> {
 protected:
  /// What it proposes once it has been asked for as long as any rule waits.
  [[nodiscard]] Proposal proposal(const Snapshot& first) const {
    const Policy policy = policy_of(R"({"service": "backend", "maxReplicas": 9, "rules": [)" +
                                    std::string{GetParam()} + "]}");
    DecisionState::Memory memory;
    Proposal last;
    Snapshot seen = first;
    for (int minute = 0; minute < 60; ++minute) {
      seen.at = start + std::chrono::minutes{minute};
      last = propose({policy.compiled(), seen, seen.at, seen.platform.desired_replicas}, 0, memory,
                     std::nullopt);
    }
    return last;
  }
};

TEST_P(EveryRule, TakesNothingAwayWhileSomeThatServeAreNotHeard) {
  Snapshot seen = snapshot(4);
  seen.instances = instances({0, 0, 0, 0});
  EXPECT_EQ(proposal(seen).answer, Answer::down) << "all are heard, and idle";
  for (std::size_t other = 1; other < 4; ++other) {
    seen.instances[other] = instance(Reading::absent(Missing::unheard));
  }
  const Proposal held = proposal(seen);
  EXPECT_NE(held.answer, Answer::down);
  EXPECT_EQ(held.replicas, 4);
}

TEST_P(EveryRule, PassesOverThoseThatDoNotServe) {
  Snapshot seen = snapshot(4);
  seen.instances = instances({0, 0, 0, 0});
  auto& pending = seen.instances[3] = instance(Reading::absent(Missing::unheard));
  pending.phase = Phase::failed;
  EXPECT_EQ(proposal(seen).answer, Answer::down);
}

INSTANTIATE_TEST_SUITE_P(
    Rules, EveryRule,
    ::testing::Values(
        R"({"metric": "cpu_usage", "type": "threshold", "scaleUp": 70, "scaleDown": 30})",
        R"({"metric": "in_flight", "type": "target", "targetPerReplica": 2})",
        R"({"metric": "cpu_usage", "type": "target", "target": 50})",
        R"({"metric": "cpu_usage", "type": "target", "target": 50, "as": "ecs"})",
        R"({"metric": "in_flight", "type": "concurrency", "targetPerReplica": 2})"));

}  // namespace
}  // namespace selfscale
