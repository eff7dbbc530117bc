// What a driver took over by consent is given back, by whoever leads then.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/agent_fixture.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::agent {
namespace {

TEST_F(AgentTest, WhatCouldNotBeGivenBackIsGivenBackLaterAndOnce) {
  std::atomic<int> calls{0};
  auto given = enabled();
  given.driver.release = [&] {
    if (++calls == 1) throw DriverError{Errc::unreachable, "503"};
  };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return status(agent)["mayAct"] == true; }));
  agent.disable("backend");
  ASSERT_TRUE(eventually([&] { return calls == 2; })) << status(agent).dump(1);
  const double then = status(agent)["services"][0]["lastEvaluation"];
  ASSERT_TRUE(
      eventually([&] { return status(agent)["services"][0]["lastEvaluation"] > then + 0.2; }));
  EXPECT_EQ(calls, 2);
}

TEST_F(AgentTest, ALeaderThatMayNotActGivesBackWhatOneBeforeMayHaveTakenOver) {
  std::atomic<int> calls{0};
  auto given = options();
  given.driver = platform.driver();
  given.driver.release = [&] { ++calls; };
  Agent agent{given};
  agent.start();
  EXPECT_TRUE(eventually([&] { return calls == 1; })) << status(agent).dump(1);
}

TEST_F(AgentTest, AnAgentOfTheServiceLeavesWhatWasTakenOverToTheNext) {
  std::atomic<int> calls{0};
  auto given = enabled();
  given.driver.release = [&] { ++calls; };
  for (int deployment = 1; deployment <= 2; ++deployment) {
    Agent agent{given};
    agent.start();
    ASSERT_TRUE(eventually([&] { return status(agent)["mayAct"] == true; }));
    agent.stop();
    EXPECT_EQ(calls, 0);
  }
  Agent last{given};
  last.start();
  ASSERT_TRUE(eventually([&] { return status(last)["mayAct"] == true; }));
  last.disable("backend");
  EXPECT_TRUE(eventually([&] { return calls == 1; })) << status(last).dump(1);
}

TEST_F(AgentTest, NothingIsGivenBackBeforeAWriteThatIsUnderWayHasEnded) {
  std::mutex mutex;
  std::vector<std::string> done;
  const auto note = [&](const char* what) {
    const std::lock_guard lock{mutex};
    done.emplace_back(what);
  };
  std::atomic<bool> has_begun{false};
  std::promise<void> stopping;
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  auto given = enabled(policy);
  given.driver.scale = [&](int /*count*/) {
    has_begun = true;
    stopping.get_future().wait();
    note("scaled");
  };
  given.driver.release = [&] { note("given back"); };
  given.environment["SELFSCALE_APART"] = "true";  // nobody may come after it
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return has_begun.load(); }));
  stopping.set_value();
  agent.stop();
  EXPECT_EQ(done, (std::vector<std::string>{"scaled", "given back"}));
}

TEST_F(AgentTest, ALeaseIsNotGivenBackWhileAWriteHasNoAnswer) {
  fleet::RedisServer redis;
  Directory elsewhere;
  const auto gate = std::make_shared<std::promise<void>>();
  std::atomic<bool> has_begun{false};
  auto here = enabled();
  here.environment["SELFSCALE_FLEET"] = redis.url();
  auto there = here;
  there.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  there.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  here.driver.scale = [&has_begun, opened = gate->get_future().share()](int /*count*/) {
    has_begun = true;
    opened.wait();
  };
  Agent one{here};
  one.gauge("depth").set(50);
  one.start();
  ASSERT_TRUE(eventually([&] { return has_begun.load(); })) << status(one).dump(1);
  Agent two{there};
  two.gauge("depth").set(50);
  two.start();
  one.stop();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{2};
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_NE(status(two)["role"], "leader") << "the write may still come through";
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  EXPECT_EQ(platform.writes, 0);
  gate->set_value();
}

}  // namespace
}  // namespace selfscale::agent
