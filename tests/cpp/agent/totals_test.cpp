// Decisions and scaling events as counters: of the service, whoever counts them.
#include "agent/totals.hpp"

#include <gtest/gtest.h>

#include "agent/agent_fixture.hpp"

namespace selfscale::agent {
namespace {

/// The value of a series, as text has it; 0 without one.
double value_of(const Agent& agent, const std::string& series) {
  const auto text = agent.exposition().body;
  const auto at = text.find('\n' + series + ' ');
  return at == std::string::npos ? 0.0 : std::stod(text.substr(at + series.size() + 2));
}

/// The sum over the series of a counter.
double sum_of(const Agent& agent, const std::string& name) {
  const auto text = agent.exposition().body;
  double sum = 0.0;
  for (auto at = text.find('\n' + name + '{'); at != std::string::npos;
       at = text.find('\n' + name + '{', at + 1)) {
    sum += std::stod(text.substr(text.find("} ", at) + 2));
  }
  return sum;
}

constexpr auto decisions = "selfscale_decisions_total";
constexpr auto up =
    R"(selfscale_scaling_events_total{direction="up",outcome="succeeded",service="backend",trigger="policy"})";

TEST_F(AgentTest, CountsDecisionsByWhatTheyComeToAndWhy) {
  Agent agent{options()};
  agent.gauge("depth").set(50);
  agent.start();
  EXPECT_TRUE(eventually([&] {
    return value_of(agent, R"(selfscale_decisions_total{outcome="scale",reason="largest_up",)"
                           R"(service="backend"})") > 1.0;
  })) << agent.exposition().body;
  EXPECT_EQ(sum_of(agent, "selfscale_scaling_events_total"), 0.0) << "it recommends only";
}

TEST_F(AgentTest, CountsScalingEventsOnceTheyHaveEnded) {
  Agent agent{enabled()};
  agent.gauge("depth").set(50);
  agent.start();
  EXPECT_TRUE(eventually([&] { return value_of(agent, up) == 4.0; })) << agent.exposition().body;
  platform.replicas = 2;
  EXPECT_TRUE(eventually([&] {
    return value_of(agent, R"(selfscale_scaling_events_total{direction="down",outcome="adopted",)"
                           R"(service="backend",trigger="foreign"})") == 1.0;
  })) << agent.exposition().body;
}

TEST_F(AgentTest, WhoeverDecidesNextGoesOnCounting) {
  Platform others;
  auto second_options = enabled();
  second_options.driver = others.driver();
  second_options.environment["SELFSCALE_INSTANCE"] = "b";
  Agent first{enabled()};
  Agent second{second_options};
  first.gauge("depth").set(50);
  first.start();
  ASSERT_TRUE(eventually([&] { return value_of(first, up) == 4.0; }));
  second.start();
  ASSERT_TRUE(eventually([&] { return value_of(second, up) == 4.0; })) << "it reads the leader's";
  const double counted = sum_of(second, decisions);
  first.stop();
  ASSERT_TRUE(eventually([&] { return status(second)["role"] == "leader"; }));
  EXPECT_GE(value_of(second, up), 4.0);
  EXPECT_TRUE(eventually([&] { return sum_of(second, decisions) > counted; }));
}

TEST_F(AgentTest, WhereNobodyLeadsTheNextOneGoesOnCounting) {
  auto second_options = options();
  second_options.environment["SELFSCALE_INSTANCE"] = "b";
  Agent first{options()};
  Agent second{second_options};
  first.start();
  ASSERT_TRUE(eventually([&] { return status(first)["role"] == "recommender"; }));
  second.start();
  ASSERT_TRUE(eventually([&] { return sum_of(second, decisions) > 5.0; })) << "of the first";
  ASSERT_EQ(status(second)["role"], "follower");
  const double counted = sum_of(second, decisions);
  first.stop();
  ASSERT_TRUE(eventually([&] { return status(second)["role"] == "recommender"; }));
  ASSERT_TRUE(eventually([&] { return sum_of(second, decisions) > 0.0; }));
  EXPECT_GT(sum_of(second, decisions), counted);
}

TEST_F(AgentTest, AnAgentThatIsStartedAgainGoesOnCounting) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return sum_of(agent, decisions) > 3.0; }));
  const double counted = sum_of(agent, decisions);
  agent.stop();
  agent.start();
  ASSERT_TRUE(eventually([&] { return sum_of(agent, decisions) > 0.0; }));
  EXPECT_GT(sum_of(agent, decisions), counted);
}

TEST_F(AgentTest, TotalsAreNoPartOfARecommendation) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_FALSE(recommendation(agent)->contains("totals"));
}

TEST(Totals, AnEventUnderWayIsNotCountedYet) {
  Totals totals;
  ScalingEvent event;
  event.to_replicas = 1;
  totals.count(event);
  EXPECT_TRUE(totals.to_json()["events"].empty());
  event.outcome = Outcome::failed;
  totals.count(event);
  EXPECT_EQ(totals.to_json()["events"]["direction=up,outcome=failed,trigger=policy"], 1);
}

TEST(Totals, TakingUpLowersNothing) {
  Totals totals;
  totals.count(Decision{});
  totals.count(Decision{});
  totals.take_up({{"decisions", {{"outcome=none,reason=all_hold", 1U}, {"outcome=scale", 7U}}}});
  EXPECT_EQ(totals.to_json()["decisions"]["outcome=none,reason=all_hold"], 2);
  EXPECT_EQ(totals.to_json()["decisions"]["outcome=scale"], 7);
}

TEST(Totals, WhatIsOfAnotherFormCountsAsNothing) {
  Totals totals;
  totals.take_up("text");
  totals.take_up({{"decisions", 7}, {"events", {{"direction=up", -1}, {"direction=down", "x"}}}});
  EXPECT_TRUE(totals.to_json()["decisions"].empty());
  EXPECT_TRUE(totals.to_json()["events"].empty());
  EXPECT_TRUE(families_of_totals("text", "backend").empty());
}

}  // namespace
}  // namespace selfscale::agent
