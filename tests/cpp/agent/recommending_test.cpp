// What is recommended where nothing is scaled.
#include <gtest/gtest.h>

#include <fstream>

#include "agent/agent_fixture.hpp"
#include "journal/journal.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, RecommendsWithoutADriver) {
  Agent agent{options()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto said = *recommendation(agent);
  EXPECT_EQ(said["mayAct"], false);
  EXPECT_EQ(said["because"], "not_enabled");
  EXPECT_GE(said["age"].get<double>(), 0.0);
  EXPECT_EQ(said["replicas"]["current"], 1);
  EXPECT_NE(said["decision"]["recommendation"]["reason"].get<std::string>().find("depth"),
            std::string::npos);
  EXPECT_EQ(status(agent)["role"], "recommender");
}

TEST_F(AgentTest, ApartAndWithoutADriverItInventsNoCount) {
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  auto given = options(policy);
  given.environment["SELFSCALE_APART"] = "true";
  Lines lines;
  given.log = lines.sink();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_TRUE((*recommendation(agent))["replicas"]["current"].is_null());
  const auto seen = status(agent)["services"][0];
  for (const auto* key : {"currentReplicas", "desiredReplicas", "recommendedReplicas"}) {
    EXPECT_TRUE(seen[key].is_null()) << key;
  }
  EXPECT_EQ(seen["action"], "none");
  EXPECT_TRUE(contains(seen["error"].get<std::string>(), "is not known"));
  EXPECT_TRUE(contains(status(agent)["degraded"].dump(), "Name the platform in the policy"));
  EXPECT_FALSE(contains(agent.exposition().body, "kind=\"recommended\""));
  EXPECT_TRUE(
      eventually([&] { return lines.with("how many replicas there are is not known") == 1; }));
  EXPECT_EQ(lines.with("recommends backend"), 0);

  auto inside = options(policy);
  inside.environment["SELFSCALE_INSTANCE"] = "b";
  inside.environment["SELFSCALE_LEADS"] = "none";
  Agent replica{inside};
  replica.start();
  EXPECT_TRUE(eventually([&] { return status(agent)["services"][0]["currentReplicas"] == 1; }));
  EXPECT_TRUE(eventually([&] { return recommended(agent) == 2; }));
}

TEST_F(AgentTest, ApartAndWithoutARunDirectoryItDoesNotCountItself) {
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  auto given = options(policy);
  given.environment["SELFSCALE_APART"] = "true";
  given.environment["SELFSCALE_RUN_DIR"] = directory.path() + "/file";
  std::ofstream{directory.path() + "/file"} << "no directory";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_TRUE(status(agent)["services"][0]["currentReplicas"].is_null());
  EXPECT_TRUE(status(agent)["instances"].empty());
}

TEST_F(AgentTest, WhatIsOnlyRecommendedIsJournalledToo) {
  Agent agent{options()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto id = (*recommendation(agent))["decisionId"].get<std::string>();
  agent.stop();
  const auto journal = journal::open_sqlite(directory.path() + "/state");
  const auto record = json::parse(journal->decision(id).value().json);
  EXPECT_EQ(record["mayAct"], false);
  EXPECT_EQ(record["because"], "not_enabled");
  EXPECT_FALSE(journal->evaluations("backend", Instant{}, Instant::max()).value().empty());
}

TEST_F(AgentTest, RecommendsByAPresetWithoutAnyPolicy) {
  auto given = options();
  given.policies_text.clear();
  given.environment["HOME"] = directory.path();
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto seen = status(agent);
  EXPECT_NE(seen["policies"]["origin"].get<std::string>().find("balanced"), std::string::npos);
  EXPECT_FALSE(seen["services"][0]["leftOut"].empty()) << "nobody records in_flight here";
  EXPECT_PRED2(
      ends_with, seen["services"][0]["reason"].get<std::string>(),
      "the minimum of 2; the bounds are those of the preset balanced, as there is no policy "
      "file: name one in SELFSCALE_POLICIES");
}

TEST_F(AgentTest, BoundsThatAPolicyChoseAreNobodyElses) {
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  Agent agent{options(policy)};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_PRED2(ends_with, status(agent)["services"][0]["reason"].get<std::string>(),
               "the minimum of 2");
}

TEST_F(AgentTest, ADriverThatCannotWorkHereLeavesWhatReportsToBeCounted) {
  auto policy = depth_policy();
  policy["platform"]["driver"] = "local";
  policy["minReplicas"] = 2;
  Agent agent{options(policy)};
  agent.start();
  ASSERT_TRUE(eventually([&] { return !status(agent)["services"].empty(); }));
  const auto service = status(agent)["services"][0];
  EXPECT_EQ(service["currentReplicas"], 1);
  EXPECT_EQ(service["recommendedReplicas"], 2);
  EXPECT_EQ(service["mayAct"], false);
}

TEST_F(AgentTest, APolicyCanScaleByFilesThreadsAndTheHostsCpu) {
  for (const char* measured : {"open_files", "threads", "host_cpu_usage"}) {
    auto policy = depth_policy();
    policy["metrics"] = {{{"name", measured}, {"window", "1s"}}};
    policy["scaleDown"] = "never";
    policy["rules"] = {
        {{"name", "only"}, {"type", "threshold"}, {"metric", measured}, {"scaleUp", 0.001}}};
    Agent agent{options(policy)};
    agent.start();
    EXPECT_TRUE(eventually([&] { return recommended(agent) > 1; })) << measured;
  }
}

}  // namespace
}  // namespace selfscale::agent
