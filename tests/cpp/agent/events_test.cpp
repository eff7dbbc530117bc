// The life of scaling events, as the journal tells it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "agent/agent_fixture.hpp"

namespace selfscale::agent {
namespace {

/// One step up is wanted, and no other: a long cooldown follows.
json one_step() {
  auto policy = depth_policy();
  policy["behavior"]["scaleUp"]["cooldown"] = "1h";
  return policy;
}

TEST_F(AgentTest, ReplicasThatDoNotBecomeReadyAreRolledBack) {
  auto policy = one_step();
  policy["startup"]["timeout"] = "200ms";
  platform.ready = 1;
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::succeeded;
  }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::failed);
  EXPECT_EQ(events[1].from_replicas, 1);
  EXPECT_EQ(events[1].to_replicas, 2);
  EXPECT_NE(events[1].error.find("1 of 2 replicas are ready"), std::string::npos)
      << events[1].error;
  EXPECT_EQ(events[0].trigger, Trigger::rollback);
  EXPECT_EQ(events[0].from_replicas, 2);
  EXPECT_EQ(events[0].to_replicas, 1);
  EXPECT_EQ(platform.replicas, 1);
}

TEST_F(AgentTest, WithoutRollbackAFailedStepStays) {
  auto policy = one_step();
  policy["startup"]["timeout"] = "200ms";
  policy["startup"]["rollback"] = false;
  platform.ready = 1;
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::failed;
  }));
  EXPECT_EQ(agent.history("backend").size(), 1U);
  EXPECT_EQ(platform.replicas, 2);
}

TEST_F(AgentTest, ANewerDecisionSupersedesAnEventThatIsNotDone) {
  platform.ready = 1;
  Agent agent{enabled()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 3; }));
  platform.ready = Platform::all;
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events[0].outcome == Outcome::succeeded && events[0].to_replicas == 5;
  }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events.back().outcome, Outcome::superseded);
  EXPECT_NE(events.back().error.find("a newer decision"), std::string::npos);
}

TEST_F(AgentTest, SomebodyElsesCountSupersedesAnEventAndIsAdopted) {
  platform.ready = 1;
  Agent agent{enabled(one_step())};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  platform.replicas = 4;
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() == 2; }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::superseded);
  EXPECT_EQ(events[0].outcome, Outcome::adopted);
  EXPECT_EQ(events[0].trigger, Trigger::foreign);
  EXPECT_EQ(events[0].to_replicas, 4);
}

TEST_F(AgentTest, AnEventThatALeaderLeftUnfinishedIsSeenThrough) {
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    platform.ready = 1;  // of this process's copy: the event does not end here
    Agent agent{enabled(one_step())};
    agent.gauge("depth").set(50);
    agent.start();
    eventually([&] { return agent.history("backend").size() == 1; });
    ::raise(SIGKILL);
  }
  ::waitpid(first, nullptr, 0);
  platform.replicas = 2;  // what the first one asked for
  platform.ready = 1;
  Agent next{enabled(one_step())};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] { return recommended(next) == 2; }));
  const auto left = next.history("backend");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].outcome, Outcome::accepted);
  platform.ready = Platform::all;
  ASSERT_TRUE(eventually([&] { return next.history("backend")[0].outcome == Outcome::succeeded; }));
  EXPECT_EQ(next.history("backend")[0].id, left[0].id);
}

TEST_F(AgentTest, OneThatMayNotActClosesWhatWasLeftUnfinished) {
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    platform.ready = 1;
    Agent agent{enabled(one_step())};
    agent.gauge("depth").set(50);
    agent.start();
    eventually([&] { return agent.history("backend").size() == 1; });
    ::raise(SIGKILL);
  }
  ::waitpid(first, nullptr, 0);
  platform.replicas = 2;
  auto given = enabled(one_step());
  given.environment["SELFSCALE_KILL"] = "1";
  Agent next{given};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return events.size() == 1 && events[0].outcome == Outcome::superseded;
  }));
  EXPECT_EQ(platform.writes, 0);
}

}  // namespace
}  // namespace selfscale::agent
