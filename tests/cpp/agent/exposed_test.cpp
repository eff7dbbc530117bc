// What an agent exposes to scrapers and to others on its host.
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "agent/agent_fixture.hpp"
#include "segment/segment.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, WhatTheAgentCostsIsAmongTheMetrics) {
  Agent agent{options()};
  agent.start();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  const auto gauge = [&](std::string_view name) {
    for (const auto& process : (*segment)->read().processes) {
      for (const auto& entry : process.entries) {
        if (entry.name == name) return entry.value;
      }
    }
    return 0.0;
  };
  EXPECT_TRUE(eventually([&] { return gauge("agent_cpu_seconds") > 0.0; }));
  EXPECT_TRUE(eventually([&] { return gauge("agent_process_resident_bytes") > 1e6; }));
}

TEST_F(AgentTest, ExposesWhatItRecordedWhetherItRunsOrNot) {
  Agent agent{options()};
  agent.counter("orders").inc(3);
  EXPECT_TRUE(contains(agent.exposition().body, "\norders_total 3\n"));
  agent.start();
  EXPECT_TRUE(contains(agent.exposition().body, "\norders_total 3\n"));
  agent.stop();
  agent.counter("orders").inc(1);
  const auto exposition = agent.exposition("application/openmetrics-text");
  EXPECT_TRUE(contains(exposition.content_type, "application/openmetrics-text; version=1.0.0"));
  EXPECT_TRUE(contains(exposition.body, "\norders_total 4\n"));
}

/// The value of a series without labels.
double exposed(const std::string& text, const std::string& series) {
  const auto line = text.find("\n" + series + " ");
  if (line == std::string::npos) return std::numeric_limits<double>::quiet_NaN();
  return std::stod(text.substr(line + series.size() + 2));
}

TEST_F(AgentTest, ExposesItsLastWordAndWhatItCosts) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto text = agent.exposition().body;
  EXPECT_TRUE(contains(text, "\nselfscale_replicas{kind=\"recommended\",service=\"backend\"} "));
  EXPECT_TRUE(contains(text, "\nselfscale_paused{service=\"backend\"} 0\n"));
  EXPECT_GT(exposed(text, "process_cpu_seconds_total"), 0.0);
  EXPECT_GT(exposed(text, "selfscale_agent_cpu_seconds_total"), 0.0);
  EXPECT_TRUE(contains(text, "\nprocess_resident_memory_bytes "));
}

}  // namespace
}  // namespace selfscale::agent
