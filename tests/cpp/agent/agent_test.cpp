// An agent as the app holds it: made, started, asked, stopped.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <stdexcept>

#include "agent/agent_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

int count_threads() {
  int threads = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
    ++threads;
  }
  return threads;
}

TEST_F(AgentTest, MakingOneStartsNothing) {
  const int before = count_threads();
  Agent agent{options()};
  agent.counter("orders").inc();
  EXPECT_EQ(count_threads(), before);
  EXPECT_FALSE(agent.is_running());
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/run"));
}

TEST_F(AgentTest, AnUnknownServiceIsRefused) {
  Agent agent{enabled()};
  agent.start();
  try {
    agent.enable("nobody");
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
  EXPECT_FALSE(agent.recommendation_json("nobody"));
}

TEST_F(AgentTest, SubscribersHearOfDecisionsAndEvents) {
  std::mutex mutex;
  std::vector<json> heard;
  Agent agent{enabled()};
  agent.subscribe([](std::string_view) { throw std::runtime_error{"no"}; });
  agent.subscribe([&](std::string_view text) {
    const std::lock_guard lock{mutex};
    heard.push_back(json::parse(text));
  });
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return std::any_of(heard.begin(), heard.end(),
                       [](const json& one) { return one.value("outcome", "") == "succeeded"; });
  }));
  EXPECT_TRUE(agent.is_running());
  EXPECT_GT(status(agent)["calls"]["failed"].get<int>(), 0);
  agent.stop();
  EXPECT_TRUE(heard[0].contains("recommendation"));
}

TEST_F(AgentTest, StopsWhileACallbackHangs) {
  const auto entered = std::make_shared<std::promise<void>>();
  const auto release = std::make_shared<std::promise<void>>();
  const auto left = std::make_shared<std::promise<void>>();
  auto given = enabled();
  given.driver.observe = {};
  given.driver.scale = [entered, left, gate = release->get_future().share()](int) {
    entered->set_value();
    gate.wait();
    left->set_value();
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_EQ(entered->get_future().wait_for(deadline), std::future_status::ready);
  agent.stop();
  EXPECT_FALSE(agent.is_running());
  release->set_value();
  EXPECT_EQ(left->get_future().wait_for(deadline), std::future_status::ready);
}

TEST_F(AgentTest, StartsAndStopsAgainAndAgain) {
  Agent agent{enabled()};
  const auto orders = agent.counter("orders");
  agent.start();  // a sanitizer's own thread begins with the first of ours
  agent.stop();
  const int before = count_threads();
  for (int i = 0; i < 5; ++i) {
    orders.inc();
    agent.start();
    agent.start();
    orders.inc();
    ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
    agent.stop();
    agent.stop();
    EXPECT_FALSE(agent.recommendation_json("backend"));
  }
  // The kernel takes a thread out of /proc shortly after it was joined.
  EXPECT_TRUE(eventually([&] { return count_threads() <= before; }))
      << count_threads() << " threads, before: " << before;
}

TEST_F(AgentTest, WhatIsRecordedBeforeTheStartCounts) {
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  orders.inc(2);
  agent.start();
  orders.inc();
  std::uint64_t count = 0;
  for (const auto& metric : json::parse(agent.metrics_json())) {
    if (metric["name"] == "orders") count = metric["count"];
  }
  EXPECT_EQ(count, 3U);
}

TEST_F(AgentTest, OptionsCannotChangeWhileItRuns) {
  Agent agent{options()};
  agent.start();
  EXPECT_THROW(agent.configure(options()), Error);
  agent.stop();
  agent.configure(enabled());
  agent.gauge("depth").set(50);
  agent.start();
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; }));
}

TEST_F(AgentTest, AWrongPolicyIsRefusedAtTheStart) {
  auto given = options();
  given.policies_text = R"({"policies": 7})";
  Agent agent{given};
  EXPECT_THROW(agent.start(), PolicyError);
  EXPECT_FALSE(agent.is_running());
}

TEST_F(AgentTest, AServiceWhoseNameCouldBeNoFilesIsRefusedWithoutAPolicyToo) {
  auto given = options();
  given.policies_text.clear();
  given.environment["HOME"] = directory.path();
  given.service = "a/b";  // files and sockets are named after services
  Agent agent{given};
  EXPECT_THROW(agent.start(), PolicyError);
}

TEST_F(AgentTest, APolicyFileMadeWrongKeepsTheLastGoodOne) {
  const auto path = directory.path() + "/policies.json";
  const auto write = [&path](const std::string& text) {
    std::ofstream{path + ".new"} << text;
    std::filesystem::rename(path + ".new", path);
  };
  auto policy = depth_policy();
  write(policy.dump());
  auto given = options();
  given.policies_text.clear();
  given.policies = path;
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 2; }));

  write(R"({"policies": [{"service": "backend", "maxReplicas": 0, "rulez": []}]})");
  ASSERT_TRUE(eventually([&] { return !status(agent)["policies"]["problems"].empty(); }));
  EXPECT_EQ(recommended(agent), 2) << "the policies of before stay in force";
  EXPECT_GE(status(agent)["policies"]["problems"].size(), 2U) << "every mistake is listed";

  policy["minReplicas"] = 4;
  write(policy.dump(2));
  EXPECT_TRUE(eventually([&] { return recommended(agent) >= 4; }));
  EXPECT_TRUE(status(agent)["policies"]["problems"].empty());
}

TEST_F(AgentTest, AnUnwritableDirectoryDegradesAndItRecommendsAllTheSame) {
  std::ofstream{directory.path() + "/file"} << "not a directory";
  auto given = enabled();
  given.environment["SELFSCALE_RUN_DIR"] = directory.path() + "/file";
  given.environment["SELFSCALE_STATE_DIR"] = directory.path() + "/file";
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  Lines lines;
  given.log = lines.sink();
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto said = status(agent);
  for (const auto& sentence : said["degraded"]) {
    EXPECT_PRED2(contains, sentence.get<std::string>(), "SELFSCALE_") << "it says what to do";
  }
  EXPECT_PRED2(contains, said["degraded"].dump(), "in SELFSCALE_RUN_DIR");
  EXPECT_PRED2(contains, said["journal"]["degraded"].get<std::string>(), "in SELFSCALE_STATE_DIR");
  ASSERT_TRUE(eventually([&] { return lines.with("in SELFSCALE_STATE_DIR") > 0; }));
  const auto now = (*recommendation(agent))["at"].get<double>();
  ASSERT_TRUE(eventually([&] { return (*recommendation(agent))["at"].get<double>() > now; }));
  EXPECT_EQ(lines.with("in SELFSCALE_STATE_DIR"), 1);
  EXPECT_EQ((*recommendation(agent))["mayAct"], false);
  EXPECT_EQ(platform.writes, 0);
}

}  // namespace
}  // namespace selfscale::agent
