// What has been asked for is not asked for again: every rule that counts from the current number,
// while the replicas of its last step still start.
#include "decide/rules/added_already.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::policy_of;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

/// A rule without any damping that asks for replicas as long as `load` is 100, and what it makes of
/// two.
struct Row {
  const char* rule;
  int first;   // of 2
  int second;  // of those, once they serve
  bool counts_those_that_serve = false;
};
const Row rows[] = {
    {R"("type": "threshold", "scaleUp": 70, "scaleUpBy": 2)", 4, 6},
    {R"("type": "step", "threshold": 70, "cooldown": "0s", "steps": [{"from": 0, "by": 2}])", 4, 6},
    {R"("type": "step", "cooldown": "0s", "adjustment": "percent", "steps": [{"from": 70, "by": 100}])",
     4, 8},
    {R"("type": "target", "as": "ecs", "target": 50, "scaleOutCooldown": "0s")", 4, 8},
    {R"("type": "target", "target": 50)", 4, 8, true},
    {R"("type": "backlog", "targetLatency": "10s", "throughputPerReplica": 100, "oldest": "load")",
     3, 4},
};

std::string document(const std::string& rule) {
  return R"({"service": "backend", "maxReplicas": 50, "behavior": "none", "scaleDown": "never", "startup": {"timeout": "2m"},
             "metrics": [{"name": "load"}], "rules": [{"metric": "load", )" +
         rule + "}]}";
}

/// Under load for three minutes already.
struct Service {
  Policy policy;
  Instant at = start;
  int replicas = 2;
  int ready = 2;
  DecisionState state;

  explicit Service(const std::string& document) : policy{policy_of(document)} {
    for (int i = 0; i < 12; ++i) {
      tick();
      at += 15s;
    }
  }
  Decision tick() {
    Snapshot seen = snapshot(replicas, {Reading::of(100)}, at);
    seen.platform.ready_replicas = ready;
    return decide(policy, seen, state);
  }
  void carry_out(int to) {
    record(state, event(at, replicas, to));
    replicas = to;
  }
};

class AskedAlready : public ::testing::TestWithParam<Row> {};

TEST_P(AskedAlready, IsNotAskedForAgainWhileItStarts) {
  const Row& row = GetParam();
  Service service{document(row.rule)};
  ASSERT_EQ(service.tick().to_replicas, row.first);
  service.carry_out(row.first);
  for (int i = 0; i < 7; ++i) {
    service.at += 15s;
    EXPECT_EQ(service.tick().to_replicas, row.first) << i;
  }
  service.ready = row.first;
  EXPECT_EQ(service.tick().to_replicas, row.second);
}

TEST_P(AskedAlready, IsAskedForAgainAfterTheStartUpTimeout) {
  const Row& row = GetParam();
  Service service{document(row.rule)};
  service.carry_out(row.first);
  service.at += 2min;
  EXPECT_EQ(service.tick().to_replicas, row.counts_those_that_serve ? row.first : row.second);
}

INSTANTIATE_TEST_SUITE_P(Rules, AskedAlready, ::testing::ValuesIn(rows));

TEST(AskedAlready, TheDifferenceIsAskedFor) {
  Service service{document(R"("type": "threshold", "scaleUp": 70, "scaleUpBy": 3)")};
  service.carry_out(5);
  service.ready = 4;
  EXPECT_EQ(service.tick().to_replicas, 7) << "three more than the four that serve";
}

TEST(AskedAlready, IsNotTakenAwayByAnotherRuleWhileItStarts) {
  Service service{R"({"service": "backend", "maxReplicas": 50, "behavior": "none",
      "combine": {"down": "any"}, "metrics": [{"name": "load"}],
      "rules": [{"type": "threshold", "metric": "load", "scaleUp": 70},
                {"type": "threshold", "metric": "load", "comparison": "less_than", "scaleUp": 1, "scaleDown": 50}]})"};
  ASSERT_EQ(service.tick().to_replicas, 3);
  service.carry_out(3);
  service.at += 15s;
  const Decision decision = service.tick();
  EXPECT_EQ(decision.to_replicas, 3);
  EXPECT_EQ(decision.recommendation.proposals[1].answer, Answer::down);
}

TEST(StartingReplicas, AreThoseOfOurOwnStepsThatCannotServe) {
  const Policy policy = policy_of(document(rows[0].rule));
  Snapshot seen = snapshot(6);
  const DecisionState::Change changes[] = {{start - 3min, 1}, {start - 30s, 2}, {start - 10s, 1}};
  const auto starting = [&](std::span<const DecisionState::Change> done) {
    return starting_replicas(Situation{policy.compiled(), seen, start, 6, done});
  };
  EXPECT_EQ(starting(changes), 0) << "all serve";
  seen.platform.ready_replicas = 4;
  EXPECT_EQ(starting(changes), 2);
  seen.platform.ready_replicas = 1;
  EXPECT_EQ(starting(changes), 3) << "the others have failed";
  EXPECT_EQ(starting({}), 0) << "not by us";
  seen.platform.ready_replicas.reset();
  EXPECT_EQ(starting(changes), 0) << "nobody says who serves";
  seen.instances = testing::instances({1, 1});
  seen.instances[0].ready = Ready::unknown;
  EXPECT_EQ(starting(changes), 0) << "of one that is not known";
  seen.instances[1].ready = Ready::no;
  EXPECT_EQ(starting(changes), 1);
  seen.instances.clear();
  seen.platform.current_replicas = 5;
  EXPECT_EQ(starting(changes), 1) << "one does not exist yet";
}

}  // namespace
}  // namespace selfscale
