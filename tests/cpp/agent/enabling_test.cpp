// An agent acts once a person says so, and while nobody says no.
#include <gtest/gtest.h>

#include "agent/agent_fixture.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, NeverActsUntilAPersonSaysSo) {
  auto given = options();
  given.driver = platform.driver();
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ(platform.writes, 0);
  EXPECT_EQ((*recommendation(agent))["because"], "not_enabled");
  agent.enable();
  ASSERT_TRUE(
      eventually([&] { return (*recommendation(agent))["because"] == "policy_not_enabled"; }));
  EXPECT_EQ(platform.writes, 0);
  agent.enable("backend");
  ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
  agent.disable("backend", "someone");
  ASSERT_TRUE(eventually([&] { return (*recommendation(agent))["mayAct"] == false; }));
  EXPECT_EQ((*recommendation(agent))["enabledBy"], "someone");
}

TEST_F(AgentTest, AWordGivenWithTheStartIsGoneWithTheAgent) {
  {
    Agent agent{enabled()};
    agent.gauge("depth").set(50);
    agent.start();
    ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
    ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
    EXPECT_EQ((*recommendation(agent))["enabledBy"], "test");
  }
  auto given = enabled();
  given.enable = false;
  platform.replicas = 1;
  const int writes = platform.writes;
  Agent next{given};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(next);  // at first that of the agent before
    return said && (*said)["because"] == "not_enabled" && recommended(next) > 1;
  }));
  EXPECT_EQ(platform.writes, writes);
}

TEST_F(AgentTest, AWordGivenWithTheStartHoldsAgainstEarlierWordsOnly) {
  Agent agent{enabled()};
  agent.start();
  const auto may_act = [&] {
    const auto said = recommendation(agent);
    return said && (*said)["mayAct"] == true;
  };
  ASSERT_TRUE(eventually(may_act));
  agent.disable();
  ASSERT_TRUE(eventually([&] { return !may_act(); }));
  agent.stop();
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_EQ((*recommendation(agent))["because"], "not_enabled");
  agent.stop();
  agent.configure(enabled());  // said anew, and later
  agent.start();
  EXPECT_TRUE(eventually(may_act));
}

TEST_F(AgentTest, ADryRunWritesNothing) {
  auto given = enabled();
  given.environment["AUTOSCALING_DRY_RUN"] = "true";
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ((*recommendation(agent))["because"], "dry_run");
  agent.scale("backend", 4);
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  EXPECT_EQ(agent.history("backend")[0].outcome, Outcome::failed);
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(AgentTest, APauseHoldsUntilResumed) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(5);
  agent.start();
  agent.pause("backend");
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(agent);
    return said && (*said)["because"] == "paused";
  }));
  depth.set(50);
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ(platform.writes, 0);
  agent.resume("backend");
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; }));
}

TEST_F(AgentTest, AStartSaidAgainstAWordThatIsKeptIsWarnedOf) {
  constexpr auto warning = "AUTOSCALING_ENABLED=false (option) has no effect";
  auto given = options();
  given.driver = platform.driver();
  const auto warns = [&](int times) {
    Lines lines;
    auto logged = given;
    logged.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
    logged.log = lines.sink();
    Agent agent{logged};
    agent.start();
    EXPECT_TRUE(eventually([&] { return !status(agent)["switches"].empty(); }));
    EXPECT_TRUE(eventually([&] { return lines.with(warning) == times; }));
    agent.stop();
    return lines.with(warning) == times;
  };
  given.environment["AUTOSCALING_ENABLED"] = "false";
  EXPECT_TRUE(warns(0)) << "nobody has spoken";
  {
    Agent before{given};
    before.start();
    before.enable({}, "Ada");
    before.stop();
  }
  EXPECT_TRUE(warns(1));
  given.environment.erase("AUTOSCALING_ENABLED");
  EXPECT_TRUE(warns(0)) << "nobody said anything against it";
  given.environment["AUTOSCALING_ENABLED"] = "true";
  EXPECT_TRUE(warns(0));
}

}  // namespace
}  // namespace selfscale::agent
