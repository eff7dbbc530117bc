// While a platform takes no count, as during a deployment, what is wanted waits.
#include <gtest/gtest.h>

#include "agent/agent_fixture.hpp"

namespace selfscale::agent {
namespace {

constexpr const char* why = "a deployment is under way";

class AgentThatIsHeld : public AgentTest {
 protected:
  AgentOptions acting(const json& policy = depth_policy()) {
    auto made = enabled(policy);
    made.environment["AUTOSCALING_LOG_LEVEL"] = "info";
    made.log = lines.sink();
    made.driver.observe = [this, truly = made.driver.observe] {
      auto seen = truly();
      if (is_deploying) seen.hold = why;
      return seen;
    };
    return made;
  }

  std::atomic<bool> is_deploying{true};
  Lines lines;
};

TEST_F(AgentThatIsHeld, BeginsNothingAndSaysSoOnce) {
  Agent agent{acting()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  ASSERT_TRUE(evaluates_on(agent));
  EXPECT_EQ(platform.writes, 0);
  EXPECT_TRUE(agent.history("backend").empty());
  const auto service = status(agent)["services"][0];
  EXPECT_EQ(service["hold"], why);
  EXPECT_EQ(service["circuit"], nullptr);
  const std::string sentence = std::string{"backend: no count is set now: "} + why;
  EXPECT_EQ(status(agent)["degraded"], json::array({sentence}));
  is_deploying = false;
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; }));
  EXPECT_EQ(status(agent)["services"][0]["hold"], "");
  agent.stop();
  EXPECT_EQ(lines.with(sentence), 2);
  EXPECT_EQ(lines.with("over: " + sentence), 1);
}

TEST_F(AgentThatIsHeld, IsSilentWhereNothingIsWanted) {
  Agent agent{acting()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(evaluates_on(agent));
  agent.stop();
  EXPECT_EQ(lines.with("no count is set now"), 0);
}

TEST_F(AgentThatIsHeld, KeepsAnOrderByHandForLater) {
  Agent agent{acting()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  agent.scale("backend", 3);
  ASSERT_TRUE(evaluates_on(agent));
  EXPECT_EQ(platform.writes, 0);
  EXPECT_TRUE(agent.history("backend").empty());
  is_deploying = false;
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  EXPECT_EQ(agent.history("backend").back().trigger, Trigger::manual);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 3; }));
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(AgentThatIsHeld, OfTwoOrdersCarriesOutTheNewerOne) {
  is_deploying = false;
  std::atomic<int> tries{0};
  auto given = acting();
  given.driver.scale = [&, truly = given.driver.scale](const ScaleRequest& request) {
    if (++tries == 1) {
      is_deploying = true;
      throw DriverError{Errc::conflict, why};
    }
    truly(request);
  };
  Agent agent{given};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  agent.scale("backend", 5);
  ASSERT_TRUE(eventually([&] { return tries == 1; }));
  agent.scale("backend", 3);
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::superseded;
  })) << "while the platform takes no count";
  EXPECT_EQ(agent.history("backend")[0].error, "a newer order by hand was given");
  is_deploying = false;
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(platform.replicas, 3);
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(AgentThatIsHeld, RollsBackOnceItMay) {
  auto policy = depth_policy();
  policy["behavior"]["scaleUp"]["cooldown"] = "1h";
  policy["startup"]["timeout"] = "200ms";
  is_deploying = false;
  platform.ready = 1;
  auto given = acting(policy);
  given.driver.scale = [this, truly = given.driver.scale](const ScaleRequest& request) {
    truly(request);
    is_deploying = request.desired == 2;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  ASSERT_TRUE(evaluates_on(agent));
  ASSERT_EQ(agent.history("backend").size(), 1U);
  EXPECT_EQ(agent.history("backend")[0].outcome, Outcome::accepted);
  EXPECT_EQ(platform.replicas, 2);
  is_deploying = false;
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  EXPECT_TRUE(eventually([&] { return agent.history("backend")[0].trigger == Trigger::rollback; }));
}

TEST_F(AgentThatIsHeld, DecidesAnewWhereADeploymentCameBetweenTheLookAndTheWrite) {
  is_deploying = false;
  std::atomic<int> tries{0};
  auto given = acting();
  given.driver.scale = [&, truly = given.driver.scale](const ScaleRequest& request) {
    if (++tries == 1) {
      is_deploying = true;
      throw DriverError{Errc::conflict, why};
    }
    truly(request);
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::superseded;
  }));
  EXPECT_EQ(agent.history("backend")[0].error, std::string{"no count is to be set now: "} + why);
  ASSERT_TRUE(evaluates_on(agent));
  EXPECT_EQ(tries, 1);
  EXPECT_EQ(status(agent)["services"][0]["circuit"], nullptr) << "nothing has failed";
  is_deploying = false;
  EXPECT_TRUE(eventually([&] { return platform.replicas == 5; }));
}

}  // namespace
}  // namespace selfscale::agent
