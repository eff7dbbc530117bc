// Several hosts of one service, each of which a driver scales by itself: every host has a leader,
// and what people say of the service all of them hear.
#include <gtest/gtest.h>

#include <string>

#include "agent/agent_fixture.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::agent {
namespace {

/// Two hosts with one environment: three processes each are wanted.
class AgentsOfTwoHosts : public AgentTest {
 protected:
  AgentOptions here() { return on(directory, platform); }
  AgentOptions there() { return on(elsewhere, other_platform); }
  bool both_scale(const Agent& one, const Agent& two) {
    return eventually([&] { return platform.replicas == 3 && other_platform.replicas == 3; }) &&
           eventually([&] { return leads(one) && leads(two); });
  }
  static bool leads(const Agent& agent) { return status(agent)["role"] == "leader"; }
  static bool is_held(const Agent& agent, const std::string& because) {
    return eventually([&] { return status(agent)["because"] == because; });
  }

  fleet::RedisServer redis;
  Directory elsewhere;
  Platform other_platform;

 private:
  AgentOptions on(const Directory& host, Platform& scaled) {
    auto policy = depth_policy();
    policy["minReplicas"] = 3;
    policy["enabled"] = true;
    auto made = options(policy);
    made.driver = scaled.driver();
    made.environment["SELFSCALE_RUN_DIR"] = host.path() + "/run";
    made.environment["SELFSCALE_STATE_DIR"] = host.path() + "/state";
    made.environment["SELFSCALE_FLEET"] = redis.url();
    made.environment["AUTOSCALING_ENABLED"] = "true";
    return made;
  }
};

TEST_F(AgentsOfTwoHosts, ScaleOneEach) {
  Agent one{here()};
  Agent two{there()};
  one.start();
  two.start();
  EXPECT_TRUE(both_scale(one, two)) << status(one).dump(1) << status(two).dump(1);
  EXPECT_EQ(platform.writes, 1);
  EXPECT_EQ(other_platform.writes, 1);
  EXPECT_EQ(recommended(one), 3);
  EXPECT_EQ(recommended(two), 3);
}

TEST_F(AgentsOfTwoHosts, HearWhatPeopleSayOnEither) {
  Agent one{here()};
  Agent two{there()};
  one.start();
  two.start();
  ASSERT_TRUE(both_scale(one, two)) << status(one).dump(1) << status(two).dump(1);
  two.pause("backend");
  EXPECT_TRUE(is_held(one, "paused")) << status(one).dump(1);
  one.resume("backend");
  one.disable();
  EXPECT_TRUE(is_held(two, "not_enabled")) << status(two).dump(1);
}

TEST_F(AgentsOfTwoHosts, CarryOutTheOrdersOfTheirOwnHost) {
  Agent one{here()};
  Agent two{there()};
  one.start();
  two.start();
  ASSERT_TRUE(both_scale(one, two)) << status(one).dump(1) << status(two).dump(1);
  one.scale("backend", 5);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; })) << status(one).dump(1);
  two.scale("backend", 4);
  ASSERT_TRUE(eventually([&] { return other_platform.replicas == 4; })) << status(two).dump(1);
  EXPECT_EQ(platform.replicas, 5);
}

TEST_F(AgentsOfTwoHosts, DoNothingWhileWhatPeopleSayCannotBeHeard) {
  redis.kill();
  Agent one{here()};
  one.start();
  ASSERT_TRUE(eventually([&] {
    return contains(status(one)["degraded"].dump(), "the switches cannot be read");
  })) << status(one).dump(1);
  EXPECT_EQ(platform.writes, 0);
  redis.start();
  EXPECT_TRUE(eventually([&] { return platform.replicas == 3; })) << status(one).dump(1);
}

}  // namespace
}  // namespace selfscale::agent
