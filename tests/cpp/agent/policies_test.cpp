#include "agent/policies.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <selfscale/simulate.hpp>
#include <set>
#include <string>

#include "agent/directory_fixture.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

std::string document(int most, const std::string& service = "backend") {
  return R"({"policies": [{"service": ")" + service + R"(", "maxReplicas": )" +
         std::to_string(most) +
         R"(, "rules": [{"metric": "cpu_usage", "type": "target", "target": 60}]},
          {"service": "worker", "maxReplicas": 3,
           "rules": [{"metric": "cpu_usage", "type": "target", "target": 60}]}]})";
}

class PoliciesTest : public testing::Test {
 protected:
  /// Another size each time: the file's time may be too coarse to tell.
  void write(const std::string& text) {
    std::ofstream{settings.policies_path} << text << std::string(++writes, ' ');
  }
  Directory directory;
  Settings settings;
  std::size_t writes = 0;
};

TEST_F(PoliciesTest, WithoutAFileThePresetRecommends) {
  const Policies policies{settings};
  EXPECT_EQ(policies.service(), "app");
  EXPECT_NE(policies.origin().find("balanced"), std::string::npos);
}

/// Six busy hours, enough to saturate the minimum, then nothing at all: for an app that measures
/// its requests, and for one that is seen from outside alone.
TEST_F(PoliciesTest, WithoutAFileAServiceScalesDownAgainAfterLoadHasGone) {
  constexpr double hour = 3600.0;
  constexpr ServiceModel service{.capacity_per_replica = 20.0, .startup_seconds = 30.0};
  const std::set<std::string> outside{"cpu_usage", "memory_usage"};
  auto inside = outside;
  inside.insert({"in_flight", "requests_per_second", "response_time"});
  for (const auto& metrics : {inside, outside}) {
    Policies policies{settings};
    policies.fit(metrics);
    const Policy policy = policies.policy();
    const Simulation run = simulate(
        policy, {{0, 0}, {hour, 300}, {6 * hour, 300}, {6.1 * hour, 0}, {24 * hour, 0}}, service);
    const auto count = &SimulationStep::current_replicas;
    EXPECT_GT(std::ranges::max(run.steps, {}, count).current_replicas,
              run.steps.front().current_replicas)
        << "the load must have moved it; metrics: " << metrics.size();
    EXPECT_EQ(run.steps.back().desired_replicas, policy.compiled().min_replicas) << metrics.size();
  }
}

TEST_F(PoliciesTest, SayWhichServiceIfThereAreSeveral) {
  settings.policies_text = document(5);
  try {
    const Policies policies{settings};
    FAIL() << "it chose " << policies.service();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_NE(std::string{error.what()}.find("backend, worker"), std::string::npos);
  }
  settings.service = "nobody";
  EXPECT_THROW(Policies{settings}, Error);
  settings.service = "worker";
  const Policies policies{settings};
  EXPECT_EQ(policies.policy().compiled().max_replicas, 3);
  EXPECT_EQ(policies.all().size(), 2U);
}

TEST_F(PoliciesTest, GuardrailsOfTheEnvironmentAreTheFirst) {
  settings.policies_text = document(5);
  settings.service = "backend";
  settings.max_total_replicas = 7;
  settings.min_available_memory_mb = 300.0;
  const Policies policies{settings};
  EXPECT_EQ(policies.policy().compiled().max_total_replicas, 7);
  EXPECT_NE(policies.policy().to_json().find("maxTotalReplicas"), std::string::npos)
      << "replay needs them";
}

TEST_F(PoliciesTest, APresetsRulesComeWithTheirMetrics) {
  Policies policies{settings};
  const auto rules = [&policies] { return policies.policy().compiled().rules.size(); };
  policies.fit({"cpu_usage"});
  const auto few = rules();
  EXPECT_FALSE(policies.policy().compiled().left_out.empty());
  EXPECT_TRUE(policies.fit({"in_flight", "response_time", "error_rate", "memory_usage"}));
  EXPECT_GT(rules(), few);
  EXPECT_FALSE(policies.fit({"cpu_usage"})) << "once seen, a metric stays";
  EXPECT_GT(rules(), few);
}

TEST_F(PoliciesTest, ARuleThatTheUserWroteIsNeverLeftOut) {
  settings.policies_text = document(5);
  settings.service = "backend";
  Policies policies{settings};
  policies.fit({});
  EXPECT_EQ(policies.policy().compiled().rules.size(), 1U);
}

TEST_F(PoliciesTest, AChangedFileIsReadAgain) {
  settings.policies_path = directory.path() + "/policies.json";
  settings.service = "backend";
  write(document(5));
  Policies policies{settings};
  EXPECT_FALSE(policies.refresh());
  write(document(9));
  EXPECT_TRUE(policies.refresh());
  EXPECT_EQ(policies.policy().compiled().max_replicas, 9);
  write("{");
  EXPECT_TRUE(policies.refresh());
  EXPECT_FALSE(policies.problems().empty());
  EXPECT_EQ(policies.policy().compiled().max_replicas, 9);
  EXPECT_FALSE(policies.refresh()) << "a wrong file is told of once";
  write(document(4, "other"));
  EXPECT_TRUE(policies.refresh());
  EXPECT_FALSE(policies.problems().empty()) << "our service has gone from it";
  EXPECT_EQ(policies.policy().compiled().max_replicas, 9);
  write(document(6));
  EXPECT_TRUE(policies.refresh());
  EXPECT_TRUE(policies.problems().empty());
  EXPECT_EQ(policies.policy().compiled().max_replicas, 6);
  std::filesystem::remove(settings.policies_path);
  EXPECT_FALSE(policies.refresh());
  EXPECT_EQ(policies.policy().compiled().max_replicas, 6);
}

}  // namespace
}  // namespace selfscale::agent
