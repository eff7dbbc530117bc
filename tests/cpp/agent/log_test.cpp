// What an agent logs.
#include <gtest/gtest.h>

#include <mutex>

#include "agent/agent_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, WhatPeopleTellItIsLoggedWithWhoSaidIt) {
  Lines lines;
  auto given = enabled();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  given.log = lines.sink();
  Agent agent{given};
  agent.start();
  agent.disable({}, "Ada");
  agent.enable("backend", "Ada");
  agent.pause("backend");
  agent.resume("backend");
  agent.scale("backend", 99);
  for (const auto* const line :
       {"the global switch is off, by Ada", "the switch of backend is on, by Ada",
        "backend is paused until it is resumed, by the app", "backend is resumed, by the app",
        "backend: 5 replicas are ordered, by the app"}) {
    EXPECT_TRUE(eventually([&] { return lines.with(line) == 1; })) << line;
  }
}

TEST_F(AgentTest, LinesGoToTheUsersSink) {
  std::mutex mutex;
  std::vector<std::string> lines;
  auto given = options();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  given.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock{mutex};
    lines.emplace_back(line);
  };
  given.environment["AUTOSCALING_ENABLED"] = "true";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return !lines.empty();
  }));
  agent.stop();
  EXPECT_NE(lines[0].find("policy_not_enabled"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("start with --enable"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("the policy's own \"enabled\""), std::string::npos) << lines[0];
}

TEST_F(AgentTest, AMisspeltSettingIsLoggedOnceAndStandsInTheStatus) {
  auto given = options();
  Lines lines;
  given.log = lines.sink();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.environment["SELFSCALE_FLET"] = "single";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return lines.with("did you mean SELFSCALE_FLEET?") > 0; }));
  ASSERT_TRUE(eventually([&] { return !status(agent)["services"].empty(); }));
  EXPECT_PRED2(contains, status(agent)["degraded"].dump(), "SELFSCALE_FLET is set (option)");
  EXPECT_EQ(lines.with("SELFSCALE_FLET "), 1);
}

}  // namespace
}  // namespace selfscale::agent
