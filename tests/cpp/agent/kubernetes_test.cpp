// An agent with the driver `kubernetes`, before a server that plays the Kubernetes API.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "agent/agent_fixture.hpp"
#include "drivers/kubernetes/api.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "fleet/postgres_server.hpp"
#include "fleet/redis_server.hpp"

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

/// Agents of two hosts, and where they meet.
template <class Server>
class AgentsThatMeet : public AgentOnKubernetes {
 protected:
  /// Of two replicas, and why it does not have three.
  static bool recommends_only(const Agent& agent) {
    const auto said = recommendation(agent);
    return said && (*said)["decision"]["fromReplicas"] == 2 && recommended(agent) == 3 &&
           (*said)["mayAct"] == false;
  }
  static bool says_why(const Agent& agent) {
    const auto now = status(agent);
    return now["role"] != "leader" && contains(now["degraded"].dump(), "cannot lead: ");
  }

  Server server;
};
using Servers = testing::Types<fleet::RedisServer, fleet::PostgresServer>;
TYPED_TEST_SUITE(AgentsThatMeet, Servers, );

TYPED_TEST(AgentsThatMeet, OneScalesAndNobodyWhileThePlaceIsGone) {
  auto& api = this->api;
  const auto status = [](const Agent& agent) { return AgentOnKubernetes::status(agent); };
  Directory elsewhere;
  auto here = this->leading();
  here.environment["SELFSCALE_FLEET"] = this->server.url();
  auto there = here;
  there.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  there.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  Agent one{here};
  Agent two{there};
  one.start();
  ASSERT_TRUE(eventually([&] { return this->replicas() == 3; })) << status(one).dump(1);
  two.start();
  ASSERT_TRUE(eventually([&] { return status(two)["role"] == "follower"; })) << status(two).dump(1);
  EXPECT_EQ(status(one)["role"], "leader");

  this->server.kill();
  EXPECT_NO_THROW(AgentOnKubernetes::recommendation(two)) << "it follows, and cannot ask";
  for (const auto* agent : {&one, &two}) {
    EXPECT_TRUE(eventually([&] { return this->says_why(*agent); })) << status(*agent).dump(1);
    EXPECT_EQ(status(*agent).dump().find("secret"), std::string::npos);
  }
  const auto writes = [&] { return api.look([](const auto& cluster) { return cluster.writes; }); };
  const auto before = writes();
  api.set_replicas(2);
  for (const auto* agent : {&one, &two}) {
    EXPECT_TRUE(eventually([&] { return this->recommends_only(*agent); }))
        << status(*agent).dump(1);
  }
  EXPECT_EQ(writes(), before);

  this->server.start();
  EXPECT_TRUE(eventually([&] { return this->replicas() == 3; })) << status(one).dump(1);
  EXPECT_TRUE(eventually([&] { return status(one)["role"] == "leader"; })) << "the same as before";
  one.stop();
  EXPECT_TRUE(eventually([&] { return status(two)["role"] == "leader"; })) << status(two).dump(1);
}

TEST_F(AgentOnKubernetes, AnAgentApartAnswersWhileItFollowsOneElsewhere) {
  fleet::RedisServer redis;
  Directory elsewhere;
  auto here = leading();
  here.environment["SELFSCALE_FLEET"] = redis.url();
  here.environment["SELFSCALE_APART"] = "true";
  auto there = here;
  there.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  there.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  Agent one{here};
  Agent two{there};
  one.start();
  ASSERT_TRUE(eventually([&] { return status(one)["role"] == "leader"; })) << status(one).dump(1);
  two.start();
  ASSERT_TRUE(eventually([&] { return status(two)["role"] == "follower"; })) << status(two).dump(1);
  EXPECT_TRUE(eventually(
      [&] { return std::filesystem::is_socket(elsewhere.path() + "/run/backend.sock"); }));
  EXPECT_EQ(status(two)["instances"], json::array()) << "it is no replica";
}

TEST_F(AgentOnKubernetes, AReplicaThatNobodyEnabledTakesAwayNoCosts) {
  fleet::RedisServer redis;
  const auto cost = std::to_string(drivers::kubernetes::cost_of_leader);
  api.change([&](auto& cluster) { cluster.pods.front().cost = cost; });
  auto given = leading();
  given.enable = false;
  given.environment["SELFSCALE_FLEET"] = redis.url();
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 3; })) << status(agent).dump(1);
  EXPECT_EQ(status(agent)["role"], "leader");
  agent.stop();
  EXPECT_EQ(api.look([](const auto& cluster) { return cluster.pods.front().cost; }), cost);
}

TEST_F(AgentOnKubernetes, AReplicaThatIsCalledOtherwiseThanItsPodSaysSo) {
  fleet::RedisServer redis;
  auto given = leading();
  given.environment["SELFSCALE_FLEET"] = redis.url();
  const auto warns = [](const Agent& agent) {
    return contains(status(agent)["preflight"].dump(), "none of the 2 replicas");
  };
  {
    Agent agent{given};
    agent.start();
    ASSERT_TRUE(eventually([&] { return warns(agent); })) << status(agent).dump(1);
    EXPECT_PRED2(contains, status(agent)["preflight"].dump(), "name: POD_NAME");
  }
  given.environment["SELFSCALE_INSTANCE"] =
      api.look([](const auto& cluster) { return cluster.pods.front().name; });
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return replicas() == 3; })) << status(agent).dump(1);
  EXPECT_FALSE(warns(agent)) << status(agent).dump(1);
}

TEST_F(AgentOnKubernetes, APodAtWorkStaysThoughTheAgentThatLeadsHearsNone) {
  fleet::RedisServer redis;
  Directory elsewhere;
  auto policy = depth_policy();
  policy["platform"] = json::parse(api.platform());
  auto apart = options(policy);
  apart.enable = true;
  apart.enabled_by = "test";
  apart.environment["SELFSCALE_FLEET"] = redis.url();
  auto inside = apart;
  apart.environment["SELFSCALE_APART"] = "true";
  inside.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  inside.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  inside.environment["SELFSCALE_LEADS"] = "none";
  inside.environment["SELFSCALE_INSTANCE"] = "web-5d9c7-0";  // the first to go
  using Costs = std::vector<std::string>;
  const auto costs = [this] {
    return api.look([](const auto& cluster) {
      Costs all;
      for (const auto& pod : cluster.pods) all.push_back(pod.cost);
      return all;
    });
  };
  const auto busy = std::to_string(drivers::kubernetes::cost_of_busy);
  Agent leader{apart};
  leader.start();
  ASSERT_TRUE(eventually([&] { return status(leader)["role"] == "leader"; }));
  Agent follower{inside};
  follower.gauge("busy_workers").set(1);
  follower.start();
  ASSERT_TRUE(eventually([&] { return costs() == (Costs{busy, ""}); })) << status(follower).dump(1);
  leader.scale("backend", 1);
  EXPECT_TRUE(eventually([&] { return costs() == Costs{busy}; })) << status(leader).dump(1);
  follower.gauge("busy_workers").set(0);
  EXPECT_TRUE(eventually([&] { return costs() == Costs{""}; })) << status(follower).dump(1);
}

TEST_F(AgentOnKubernetes, IsNotEnabledWhereEveryReplicaCouldLead) {
  Agent agent{leading()};
  agent.start();
  try {
    agent.enable();
    ADD_FAILURE() << "it was enabled";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_PRED2(contains, error.what(), "SELFSCALE_FLEET=single");
    EXPECT_PRED2(contains, error.what(), "redis://");
  }
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

TEST_F(AgentOnKubernetes, LeadsOnThoughOneLookFailsForAReasonThatMayPass) {
  auto given = leading();
  given.environment["SELFSCALE_FLEET"] = "single";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return replicas() == 3; }));
  const auto set_ready = [&](bool is_ready) {
    api.change([&](auto& cluster) {
      for (auto& pod : cluster.pods) pod.ready = is_ready;
    });
    const int ready = is_ready ? 3 : 0;
    return eventually([&] { return status(agent)["services"][0]["readyReplicas"] == ready; });
  };
  ASSERT_TRUE(set_ready(false)) << status(agent).dump(1);
  auto failed = std::make_shared<std::atomic<int>>(0);
  api.change([&](auto& cluster) {
    cluster.intercept = [failed](http::Peer& peer, const http::Received& request) {
      if (request.target().find("selfsubjectaccessreviews") == std::string::npos) return false;
      ++*failed;
      peer.answer(503, R"({"kind":"Status","message":"etcd is away"})");
      return true;
    };
  });
  ASSERT_TRUE(set_ready(true)) << "which has the preflight look again";
  EXPECT_TRUE(eventually([&] { return *failed > 0; })) << status(agent).dump(1);
  EXPECT_EQ(status(agent)["role"], "leader");
  EXPECT_EQ(status(agent)["preflight"]["wrong"].dump(), "[]");
  agent.stop();
}

TEST_F(AgentOnKubernetes, LeavesAServerAloneThatAsksForIt) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  api.change([&](auto& cluster) {
    cluster.intercept = [asked](http::Peer& peer, const http::Received& request) {
      if (request.target().find("/deployments/web") == std::string::npos) return false;
      if (++*asked != 2) return false;  // the first is the preflight
      peer.answer(429, R"({"kind":"Status","message":"slowly"})", "Retry-After: 3600\r\n");
      return true;
    };
  });
  auto given = leading();
  given.environment["SELFSCALE_FLEET"] = "single";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return status(agent).dump().find("slowly") != std::string::npos; }));
  for (int evaluation = 0; evaluation < 3; ++evaluation) {
    const auto last = status(agent)["services"][0]["lastEvaluation"];
    ASSERT_TRUE(eventually([&] { return status(agent)["services"][0]["lastEvaluation"] != last; }));
  }
  EXPECT_EQ(*asked, 2);
  EXPECT_EQ(replicas(), 2) << "what cannot be read is not written";
  agent.stop();
}

}  // namespace
}  // namespace selfscale::agent
