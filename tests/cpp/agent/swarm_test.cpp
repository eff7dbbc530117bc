// An agent with the driver `swarm`, before a server that plays a Swarm's manager.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "agent/agent_fixture.hpp"
#include "drivers/swarm/swarm_server.hpp"

namespace selfscale::agent {
namespace {

/// Two tasks, of which there is to be one; Swarm would kill it 30 s after it was told to end.
class AgentOnSwarm : public AgentTest {
 protected:
  ~AgentOnSwarm() override {
    EXPECT_EQ(api.wrong(), std::vector<std::string>{}) << "against the published document";
  }
  AgentOptions leading() {
    auto policy = depth_policy();
    policy["platform"] = {{"driver", "swarm"}, {"service", "web"}, {"host", api.host()}};
    auto made = options(policy);
    made.environment["SELFSCALE_FLEET"] = "single";
    return made;
  }
  AgentOptions acting() {
    auto made = leading();
    made.enable = true;
    made.enabled_by = "test";
    return made;
  }
  static bool has_failed_with(const Agent& agent, const std::string& words) {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::failed &&
           contains(events[0].error, words);
  }

  drivers::swarm::SwarmServer api;
};

TEST_F(AgentOnSwarm, TakesNothingAwayUntilItIsKnownHowLongWorkTakes) {
  Agent agent{acting()};
  agent.gauge("depth").set(0);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    return has_failed_with(agent,
                           "scale-downs are refused: how long a piece of work takes is not known");
  })) << status(agent).dump(1);
  EXPECT_EQ(api.replicas(), 2);
  agent.distribution("response_time").observe(0.25);
  EXPECT_TRUE(eventually([&] { return api.replicas() == 1; })) << status(agent).dump(1);
}

TEST_F(AgentOnSwarm, TakesNothingAwayWhereWorkThatWasRecordedWouldBeCutOff) {
  Agent agent{acting()};
  agent.gauge("depth").set(0);
  agent.distribution("response_time").observe(45.0);
  agent.start();
  EXPECT_TRUE(eventually([&] { return has_failed_with(agent, "(recorded in response_time)"); }))
      << status(agent).dump(1);
  EXPECT_EQ(api.replicas(), 2);
}

TEST_F(AgentOnSwarm, AStepDownThatIsRefusedIsToldOnceAndHoldsBackNoStepUp) {
  Lines lines;
  auto given = acting();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.log = lines.sink();
  Agent agent{given};
  agent.gauge("depth").set(0);
  agent.start();
  ASSERT_TRUE(eventually([&] { return has_failed_with(agent, "scale-downs are refused"); }));
  std::set<json> evaluations;
  ASSERT_TRUE(eventually([&] {
    evaluations.insert(status(agent)["services"][0]["lastEvaluation"]);
    return evaluations.size() > 5;
  }));
  EXPECT_EQ(status(agent)["services"][0]["circuit"], nullptr) << "nothing was asked of Swarm";
  agent.gauge("depth").set(50);
  EXPECT_TRUE(eventually([&] { return api.replicas() == 3; })) << status(agent).dump(1);
  EXPECT_TRUE(eventually([&] { return agent.history("backend").size() == 2; }));
  EXPECT_EQ(lines.with("backend 2 → 1 is not done: scale-downs are refused"), 1);
}

TEST_F(AgentOnSwarm, AddsNothingBeforeAnUpdateHasEnded) {
  api.change([](auto& swarm) { swarm.update_status = {{"State", "updating"}}; });
  Agent agent{acting()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    return contains(status(agent)["degraded"].dump(), "backend: no count is set now: an update");
  })) << status(agent).dump(1);
  EXPECT_TRUE(agent.history("backend").empty());
  EXPECT_EQ(api.replicas(), 2);
  api.change([](auto& swarm) { swarm.update_status = {{"State", "completed"}}; });
  EXPECT_TRUE(eventually([&] { return api.replicas() == 3; })) << status(agent).dump(1);
}

TEST_F(AgentOnSwarm, AnOrderByHandIsToldEachTimeThatItIsRefused) {
  Agent agent{acting()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return status(agent)["role"] == "leader"; }));
  for (const std::size_t orders : {1U, 2U}) {
    agent.scale("backend", 1);
    EXPECT_TRUE(eventually([&] { return agent.history("backend").size() == orders; }));
  }
  EXPECT_EQ(agent.history("backend")[0].trigger, Trigger::manual);
  EXPECT_EQ(api.replicas(), 2);
}

TEST_F(AgentOnSwarm, SaysWhatWouldBeRefusedBeforeItIsEnabled) {
  Agent agent{leading()};
  agent.gauge("depth").set(0);
  agent.distribution("job_time").observe(45.0);
  agent.start();
  EXPECT_TRUE(eventually([&] {
    const auto found = status(agent)["preflight"]["findings"].dump();
    return contains(found, "scale-downs are refused: a piece of work takes up to 45.") &&
           contains(found, "docker service update --stop-grace-period 46s web");
  })) << status(agent).dump(1);
  EXPECT_EQ(status(agent)["mayAct"], false);
}

}  // namespace
}  // namespace selfscale::agent
