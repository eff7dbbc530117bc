// What the driver finds when it is asked whether it may act.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>

#include "agent/agent_fixture.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, WhatPreflightFindsWrongEndsTheCandidacy) {
  std::atomic<bool> has_token{false};
  auto given = enabled();
  given.driver.preflight = [&has_token] {
    return has_token ? std::vector<Finding>{} : std::vector<Finding>{"no token"};
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ((*recommendation(agent))["because"], "not_candidate");
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::parse(R"(["no token"])"));
  EXPECT_EQ(status(agent)["role"], "recommender");
  EXPECT_EQ(platform.writes, 0);
  has_token = true;
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; })) << "it is asked again";
}

/// Looks twice: before it leads, and once a replica serves.
TEST_F(AgentTest, ALookThatFailsForAPassingReasonEndsNoLeader) {
  std::atomic<int> looks{0};
  auto given = enabled();
  given.driver.preflight = [&looks]() -> Preflight {
    if (++looks > 1) throw DriverError{Errc::throttled, "429"};
    return {};
  };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return looks > 1; }));
  const auto decided = recommendation(agent);
  ASSERT_TRUE(eventually([&] { return recommendation(agent) != decided; })) << "evaluated again";
  EXPECT_EQ(status(agent)["role"], "leader");
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::array());
}

TEST_F(AgentTest, ALookThatFailsForGoodEndsTheLeader) {
  std::atomic<int> looks{0};
  auto given = enabled();
  given.driver.preflight = [&looks]() -> Preflight {
    if (++looks > 1) throw DriverError{Errc::denied, "403"};
    return {};
  };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return looks > 1; }));
  EXPECT_TRUE(eventually([&] { return status(agent)["role"] != "leader"; }));
}

TEST_F(AgentTest, WhatPreflightWarnsOfIsSaidAndForbidsNothing) {
  std::mutex mutex;
  std::vector<std::string> lines;
  auto given = enabled();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock{mutex};
    lines.emplace_back(line);
  };
  given.driver.preflight = [] { return Preflight{{}, {"each replica pulls 2 GB"}}; };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
  EXPECT_EQ(status(agent)["preflight"]["warnings"], json::parse(R"(["each replica pulls 2 GB"])"));
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::array());
  agent.stop();
  EXPECT_EQ(std::ranges::count(lines, "each replica pulls 2 GB"), 1) << "once, not at every look";
}

}  // namespace
}  // namespace selfscale::agent
