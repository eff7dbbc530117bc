// Who may lead and act: what a driver reaches, where agents meet, and which services a process was
// given.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "agent/agent_fixture.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "fleet/postgres_server.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::agent {
namespace {

enum class Reach { nothing, host, unsaid, platform };
constexpr std::string_view redis = "redis://…";
constexpr std::string_view postgres = "postgresql://…";

struct Row {
  const char* name;
  Reach reach;
  std::string_view fleet;    ///< SELFSCALE_FLEET
  std::string_view leads;    ///< SELFSCALE_LEADS
  std::string_view because;  ///< it does not act; empty: it does
  std::string_view words;    ///< that status has for it
  bool may_be_enabled;
};

const Row rows[] = {
    {"NoDriver", Reach::nothing, "auto", "auto", "no_driver", "", true},
    {"AHost", Reach::host, "auto", "auto", "", "", true},
    {"AHostThatIsNamed", Reach::host, "host", "auto", "", "", true},
    {"AHostByAPersonsWord", Reach::host, "single", "auto", "", "", true},
    {"AHostWhoseAgentsMeetElsewhere", Reach::host, redis, "auto", "", "", true},
    {"AHostWhereNobodyLeads", Reach::host, "none", "auto", "not_candidate", "SELFSCALE_FLEET=none",
     false},
    {"AHostWhoseProcessLeadsNothing", Reach::host, "auto", "none", "not_candidate",
     "SELFSCALE_LEADS", true},
    {"AHostWhoseProcessLeadsAnother", Reach::host, "auto", "worker,back", "not_candidate",
     "SELFSCALE_LEADS", true},
    {"AHostWhoseProcessLeadsThisOne", Reach::host, "auto", "worker, backend", "", "", true},
    {"AnOwnDriverThatSaysNotHowFarItReaches", Reach::unsaid, "auto", "auto", "not_candidate",
     "have its capabilities say so", false},
    {"AnOwnDriverThatSaysNotHowFarItReachesByAPersonsWord", Reach::unsaid, "single", "auto", "", "",
     true},
    {"APlatform", Reach::platform, "auto", "auto", "not_candidate", "SELFSCALE_FLEET=single",
     false},
    {"APlatformWhoseAgentsMeetOnTheirHosts", Reach::platform, "host", "auto", "not_candidate",
     "SELFSCALE_FLEET=single", false},
    {"APlatformWhereNobodyLeads", Reach::platform, "none", "auto", "not_candidate",
     "SELFSCALE_FLEET=none", false},
    {"APlatformByAPersonsWord", Reach::platform, "single", "auto", "", "", true},
    {"APlatformWhoseAgentsMeetAtRedis", Reach::platform, redis, "auto", "", "", true},
    {"APlatformWhoseAgentsMeetAtPostgres", Reach::platform, postgres, "auto", "", "", true},
    {"APlatformWhoseProcessLeadsNothing", Reach::platform, redis, "none", "not_candidate",
     "SELFSCALE_LEADS", true},
};

class WhoMayLead : public AgentTest, public testing::WithParamInterface<Row> {
 protected:
  /// One replica or two, of which there are to be three at least; a person's word at the start.
  AgentOptions given() {
    auto policy = depth_policy();
    policy["minReplicas"] = 3;
    if (GetParam().reach == Reach::platform) {
      api_ = std::make_unique<drivers::kubernetes::ApiServer>();
      policy["platform"] = json::parse(api_->platform());
    }
    auto made = options(policy);
    if (GetParam().reach == Reach::host) made.driver = platform.driver();
    if (GetParam().reach == Reach::unsaid) {
      made.driver = platform.driver();
      made.driver.capabilities = {};
    }
    made.enable = true;
    made.enabled_by = "test";
    made.environment["SELFSCALE_FLEET"] = fleet();
    made.environment["SELFSCALE_LEADS"] = GetParam().leads;
    return made;
  }
  int writes() {
    if (!api_) return platform.writes;
    return api_->look([](const auto& cluster) { return cluster.writes; });
  }

 private:
  std::string fleet() {
    if (GetParam().fleet == redis) {
      redis_ = std::make_unique<fleet::RedisServer>();
      return redis_->url();
    }
    if (GetParam().fleet == postgres) {
      postgres_ = std::make_unique<fleet::PostgresServer>();
      return postgres_->url();
    }
    return std::string{GetParam().fleet};
  }

  std::unique_ptr<drivers::kubernetes::ApiServer> api_;
  std::unique_ptr<fleet::RedisServer> redis_;
  std::unique_ptr<fleet::PostgresServer> postgres_;
};

TEST_P(WhoMayLead, ActsWhereOneWriterIsCertainAndElseSaysWhyNot) {
  const auto& row = GetParam();
  const bool acts = row.because.empty();
  Agent agent{given()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 3; })) << status(agent).dump(1);
  EXPECT_EQ(status(agent)["role"], acts ? "leader" : "recommender");
  if (acts) {
    EXPECT_TRUE(eventually([&] { return writes() == 1; })) << status(agent).dump(1);
  } else {
    EXPECT_EQ((*recommendation(agent))["because"], std::string{row.because});
    EXPECT_PRED2(contains, status(agent)["preflight"]["wrong"].dump(), row.words);
    EXPECT_EQ(writes(), 0);
  }
  EXPECT_EQ(status(agent).dump().find("secret"), std::string::npos) << "a password";
  try {
    agent.enable();
    EXPECT_TRUE(row.may_be_enabled) << "it was enabled";
  } catch (const Error& error) {
    EXPECT_FALSE(row.may_be_enabled) << error.what();
    EXPECT_EQ(error.code(), Errc::unsupported);
    EXPECT_PRED2(contains, error.what(), "name ") << "a way out";
  }
}

INSTANTIATE_TEST_SUITE_P(Agents, WhoMayLead, testing::ValuesIn(rows),
                         [](const auto& each) { return each.param.name; });

class OneOfThoseThatItScales : public AgentTest {
 protected:
  /// In the first pod, which every one after it is like.
  AgentOptions told_that_it_is_alone() {
    auto policy = depth_policy();
    policy["minReplicas"] = 3;
    policy["platform"] = json::parse(api.platform());
    auto made = options(policy);
    made.enable = true;
    made.environment["SELFSCALE_FLEET"] = "single";
    made.environment["SELFSCALE_INSTANCE"] =
        api.look([](const auto& cluster) { return cluster.pods.front().name; });
    return made;
  }

  drivers::kubernetes::ApiServer api;
};

TEST_F(OneOfThoseThatItScales, IsNotAloneWhateverAPersonSays) {
  Agent agent{told_that_it_is_alone()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 3; })) << status(agent).dump(1);
  EXPECT_TRUE(evaluates_on(agent));
  EXPECT_EQ((*recommendation(agent))["because"], "not_candidate") << status(agent).dump(1);
  EXPECT_EQ(api.look([](const auto& cluster) { return cluster.writes; }), 0);
  try {
    agent.enable();
    ADD_FAILURE() << "it was enabled";
  } catch (const Error& error) {
    EXPECT_PRED2(contains, error.what(), "one of the replicas that it scales");
    EXPECT_PRED2(contains, error.what(), "SELFSCALE_FLEET=single there alone");
  }
}

TEST_F(OneOfThoseThatItScales, ActsWhereItIsBesideThem) {
  auto given = told_that_it_is_alone();
  given.environment["SELFSCALE_APART"] = "true";
  Agent agent{given};
  agent.start();
  EXPECT_TRUE(eventually([&] {
    return api.look([](const auto& cluster) { return cluster.writes; }) == 1;
  })) << status(agent).dump(1);
}

}  // namespace
}  // namespace selfscale::agent
