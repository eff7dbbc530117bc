// An agent with the driver `kubernetes`, before a server that plays the Kubernetes API.
#include <gtest/gtest.h>

#include <string>

#include "agent/agent_fixture.hpp"
#include "drivers/kubernetes/api_server.hpp"

namespace selfscale::agent {
namespace {

class AgentOnKubernetes : public AgentTest {
 protected:
  ~AgentOnKubernetes() override {
    EXPECT_EQ(api.cluster.wrong, std::vector<std::string>{}) << "against the published document";
  }
  /// Two pods, of which there are to be three at least.
  AgentOptions leading() {
    auto policy = depth_policy();
    policy["minReplicas"] = 3;
    policy["platform"] = json::parse(api.platform());
    auto made = options(policy);
    made.enable = true;
    made.enabled_by = "test";
    return made;
  }
  int replicas() {
    return api.look([](const auto& cluster) { return cluster.replicas; });
  }

  drivers::kubernetes::ApiServer api;
};

TEST_F(AgentOnKubernetes, ScalesWhereItIsTheOnlyOne) {
  auto given = leading();
  given.environment["SELFSCALE_FLEET"] = "single";
  Agent agent{given};
  agent.start();
  EXPECT_TRUE(eventually([&] { return replicas() == 3; })) << status(agent).dump(1);
  EXPECT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  agent.stop();
  api.look([](const auto& cluster) { EXPECT_EQ(cluster.writes, 1); });
}

TEST_F(AgentOnKubernetes, RecommendsOnlyWhereEveryReplicaCouldLead) {
  Agent agent{leading()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 3; })) << status(agent).dump(1);
  EXPECT_EQ((*recommendation(agent))["because"], "not_candidate");
  EXPECT_PRED2(contains, status(agent)["preflight"]["wrong"].dump(), "SELFSCALE_FLEET=single");
  agent.stop();
  api.look([](const auto& cluster) { EXPECT_EQ(cluster.writes, 0); });
}

}  // namespace
}  // namespace selfscale::agent
