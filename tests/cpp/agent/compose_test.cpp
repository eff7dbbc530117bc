// An agent with the driver `compose`, before a server that plays a Docker Engine.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <vector>

#include "agent/agent_fixture.hpp"
#include "drivers/compose/compose_server.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::agent {
namespace {

/// Two containers, of which there is to be one; whoever goes does so when its work is done.
class AgentOnCompose : public AgentTest {
 protected:
  AgentOnCompose() {
    api.set_intercept(
        [done = work.get_future().share()](http::Peer&, const http::Received& request) {
          if (request.target().find("/stop") != std::string::npos) done.wait();
          return false;
        });
  }
  AgentOptions acting(const std::string& instance) {
    auto policy = depth_policy();
    policy["platform"] = {
        {"driver", "compose"}, {"project", "shop"}, {"service", "web"}, {"host", api.host()}};
    auto made = options(policy);
    made.environment["SELFSCALE_FLEET"] = redis.url();
    made.environment["SELFSCALE_INSTANCE"] = instance;
    made.enable = true;
    made.enabled_by = "test";
    made.log = lines.sink();
    made.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
    return made;
  }
  int asked(const std::string& part) {
    const auto all = api.asked();
    return static_cast<int>(
        std::ranges::count_if(all, [&](const auto& each) { return contains(each, part); }));
  }
  bool evaluates_again(const Agent& agent) {
    const double then = status(agent)["services"][0]["lastEvaluation"];
    return eventually([&] { return status(agent)["services"][0]["lastEvaluation"] > then + 0.2; });
  }

  std::promise<void> work;
  drivers::compose::ComposeServer api;
  fleet::RedisServer redis;
  Lines lines;
};

TEST_F(AgentOnCompose, TakesAwayWhoHasStoppedOnlyWhileItHoldsTheLease) {
  Agent agent{acting("a")};
  agent.gauge("depth").set(0);
  agent.start();
  ASSERT_TRUE(eventually([&] { return asked("/stop") == 1; })) << status(agent).dump(1);
  redis.kill();
  ASSERT_TRUE(eventually([&] { return lines.with("cannot lead") > 0; }));
  work.set_value();
  ASSERT_TRUE(evaluates_again(agent));
  EXPECT_EQ(asked("DELETE"), 0) << "another may lead by now";
  redis.start();
  EXPECT_TRUE(eventually([&] { return api.names() == std::vector<std::string>{"shop-web-1"}; }))
      << status(agent).dump(1);
  EXPECT_EQ(asked("DELETE"), 1);
}

TEST_F(AgentOnCompose, SeesOffWhomTheLeaderBeforeHasAskedToStopThoughItScalesNothing) {
  api.change([](auto& host) { host.containers[1].name += ".leaving-aaaaaaaaaaa2"; });
  Agent agent{acting("a")};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return asked("/stop") == 1; })) << status(agent).dump(1);
  work.set_value();
  EXPECT_TRUE(eventually([&] { return api.replicas() == 1; }));
}

TEST_F(AgentOnCompose, SeesOffNobodyWhereItMayNotAct) {
  work.set_value();
  api.change([](auto& host) { host.containers[1].name += ".leaving-aaaaaaaaaaa2"; });
  auto given = acting("a");
  given.enable = false;
  Agent agent{given};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return status(agent)["role"] == "leader"; }));
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  ASSERT_TRUE(evaluates_again(agent));
  EXPECT_EQ(asked("/stop"), 0);
  EXPECT_EQ(api.replicas(), 2);
}

TEST_F(AgentOnCompose, SaysWhatMayBeCutOffAndTakesItAwayAllTheSame) {
  work.set_value();
  Agent agent{acting("a")};
  agent.gauge("depth").set(0);
  agent.distribution("job_time").observe(45.0);
  agent.start();
  EXPECT_TRUE(eventually([&] {
    const auto found = status(agent)["preflight"]["findings"].dump();
    return contains(found, "a piece of work takes up to 45.") &&
           contains(found, "gracePeriodSeconds\\\": 46");
  })) << status(agent).dump(1);
  EXPECT_TRUE(eventually([&] { return api.replicas() == 1; })) << status(agent).dump(1);
}

}  // namespace
}  // namespace selfscale::agent
