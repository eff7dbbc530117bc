// From what is observed and decided to what is done.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <selfscale/decide.hpp>

#include "agent/agent_fixture.hpp"
#include "journal/journal.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, ScalesUpAndDownOnceEnabled) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas >= 3; }));
  depth.set(0);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  const auto has_ended = [](const ScalingEvent& event) {
    return event.outcome == Outcome::succeeded;
  };
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() >= 4 && std::all_of(events.begin(), events.end(), has_ended);
  }));
  for (const auto& event : agent.history("backend")) {
    EXPECT_EQ(event.trigger, Trigger::policy);
    EXPECT_TRUE(event.accepted_at && event.duration);
    EXPECT_FALSE(event.decision.empty());
    EXPECT_NE(event.reason.find("depth"), std::string::npos);
    EXPECT_LE(event.to_replicas, 5);
  }
  EXPECT_EQ(status(agent)["role"], "leader");
}

TEST_F(AgentTest, ScalesWithTheDriverOfMemory) {
  auto given = options();
  given.driver_name = "memory";
  given.enable = true;
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(agent);
    return said && (*said)["replicas"]["current"] == 5;
  }));
}

TEST_F(AgentTest, AScaleThatThrowsIsAFailedEvent) {
  platform.throws = true;
  Agent agent{enabled()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::failed;
  }));
  const auto failed = agent.history("backend")[0];
  EXPECT_NE(failed.error.find("quota exceeded"), std::string::npos);
  EXPECT_FALSE(failed.accepted_at);
  platform.throws = false;
  EXPECT_TRUE(eventually([&] { return platform.replicas > 1; })) << "tried again after a while";
}

TEST_F(AgentTest, AForeignChangeIsAdopted) {
  Agent agent{enabled()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  platform.replicas = 4;
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  const auto event = agent.history("backend")[0];
  EXPECT_EQ(event.trigger, Trigger::foreign);
  EXPECT_EQ(event.outcome, Outcome::adopted);
  EXPECT_EQ(event.from_replicas, 1);
  EXPECT_EQ(event.to_replicas, 4);
}

TEST_F(AgentTest, AManualOrderIsCarriedOutOnce) {
  Agent agent{enabled()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  EXPECT_EQ(agent.scale("backend", 3).serial, 1);
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(agent.history("backend")[0].trigger, Trigger::manual);
  EXPECT_EQ(platform.replicas, 3);
  const auto order = agent.scale("backend", 99);
  EXPECT_EQ(order.serial, 2);
  EXPECT_EQ(order.replicas, 5) << "it says what is aimed for";
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; })) << "within the policy's bounds";
  EXPECT_EQ(platform.writes, 2);
}

TEST_F(AgentTest, AScheduleMovesTheCountAndBoundsManualOrders) {
  auto policy = depth_policy();
  policy["schedules"] = {{{"cron", "* * * * *"}, {"minReplicas", 2}, {"maxReplicas", 3}}};
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  const auto event = agent.history("backend")[0];
  EXPECT_EQ(event.trigger, Trigger::schedule);
  EXPECT_EQ(event.to_replicas, 2);
  EXPECT_EQ(event.reason, "the schedule \"schedule 1\" asks for at least 2");
  EXPECT_EQ(agent.scale("backend", 99).replicas, 3);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 3; }));
}

struct Reach {
  const char* name;
  std::optional<int> least;
  std::optional<int> most;
  int minimum;  ///< of the driver
  int replicas;
  double depth;
  int reached;
  const char* words;
};
class WithinReach : public AgentTest, public testing::WithParamInterface<Reach> {};

TEST_P(WithinReach, IsAskedForAndWhatLiesBeyondIsSaid) {
  const auto& row = GetParam();
  platform.replicas = row.replicas;
  auto policy = depth_policy();
  policy["scaleUpBy"] = 4;
  policy["scaleDownBy"] = 4;
  auto given = enabled(policy);
  given.driver.capabilities.minimum = row.minimum;
  given.driver.observe = [this, &row] {
    const int count = platform.replicas;
    ReplicaCounts seen{count, count, count};
    seen.least = row.least;
    seen.most = row.most;
    return seen;
  };
  Agent agent{given};
  agent.gauge("depth").set(row.depth);
  agent.start();
  EXPECT_TRUE(eventually([&] {
    return platform.replicas == row.reached &&
           contains(status(agent)["degraded"].dump(), row.words);
  })) << status(agent).dump(1);
  EXPECT_EQ(platform.writes, row.reached == row.replicas ? 0 : 1);
  const auto events = agent.history("backend");
  EXPECT_EQ(events.size(), row.reached == row.replicas ? 0U : 1U) << "nothing failed";
  for (const auto& event : events) EXPECT_PRED2(contains, event.reason, row.words);
  agent.gauge("depth").set(5);
  EXPECT_TRUE(eventually([&] { return status(agent)["degraded"].empty(); })) << "nothing is wanted";
}

INSTANTIATE_TEST_SUITE_P(
    Of, WithinReach,
    testing::Values(
        Reach{"APlatformThatTakesThree",
              {},
              3,
              0,
              2,
              50,
              3,
              "takes 3 at most, fewer than are wanted"},
        Reach{
            "APlatformThatHasThree", {}, 3, 0, 3, 50, 3, "takes 3 at most, fewer than are wanted"},
        Reach{"APlatformThatKeepsTwo", 2, {}, 0, 2, 0, 2, "takes 2 at least, more than are wanted"},
        Reach{"ADriverWhoseLeastIsTwo",
              {},
              {},
              2,
              4,
              0,
              2,
              "takes 2 at least, more than are wanted"}),
    [](const auto& each) { return each.param.name; });

TEST_F(AgentTest, OfTwoAgentsOneLeadsAndTheOtherReadsIt) {
  Platform others;
  auto second_options = enabled();
  second_options.driver = others.driver();
  second_options.environment["SELFSCALE_INSTANCE"] = "b";
  Agent first{enabled()};
  Agent second{second_options};
  first.start();
  ASSERT_TRUE(eventually([&] { return status(first)["role"] == "leader"; }));
  second.start();
  ASSERT_TRUE(eventually([&] { return recommendation(second).has_value(); }));
  EXPECT_EQ(status(second)["role"], "follower");
  EXPECT_EQ(status(second)["instances"].size(), 2U);
  first.stop();
  ASSERT_TRUE(eventually([&] { return status(second)["role"] == "leader"; }));
  second.gauge("depth").set(50);
  EXPECT_TRUE(eventually([&] { return others.writes > 0; }));
}

TEST_F(AgentTest, AJournalledDecisionIsReplayedBitForBit) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; }));
  depth.set(0);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  agent.stop();

  const auto journal = journal::open_sqlite(directory.path() + "/state");
  const auto records = journal->decisions("backend", 1'000).value();
  ASSERT_GE(records.size(), 8U);
  for (const auto& record : records) {
    const auto written = nlohmann::ordered_json::parse(record.json);
    const auto policy = load_policies(journal->policy(record.policy_hash).value()).policies.front();
    EXPECT_EQ(policy.hash(), record.policy_hash);
    const auto snapshot = snapshot_from_json(policy, written["snapshot"].dump());
    auto state = state_from_json(policy, written["stateBefore"].dump());
    const auto again = decide(policy, snapshot, state);
    EXPECT_NE(record.json.find("\"decision\":" + to_json(policy, again)), std::string::npos)
        << record.json;
    EXPECT_EQ(written["mayAct"], true);
    EXPECT_EQ(written["id"], record.id);
  }
}

TEST_F(AgentTest, TheHostsAvailableMemoryIsInTheSnapshot) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto id = (*recommendation(agent))["decisionId"].get<std::string>();
  agent.stop();
  const auto journal = journal::read_sqlite(directory.path() + "/state");
  ASSERT_TRUE(journal);
  const auto decision = (*journal)->decision(id);
  ASSERT_TRUE(decision);
  const auto shared = json::parse(decision->json)["snapshot"]["shared"];
  EXPECT_GT(shared["availableMemoryMb"].get<double>(), 0.0) << shared;
}

}  // namespace
}  // namespace selfscale::agent
