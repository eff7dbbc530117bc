// What a driver took over by consent is given back, by whoever leads then.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "agent/agent_fixture.hpp"

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

TEST_F(AgentTest, NothingIsGivenBackBeforeAWriteThatIsUnderWayHasEnded) {
  std::mutex mutex;
  std::vector<std::string> done;
  const auto note = [&](const char* what) {
    const std::lock_guard lock{mutex};
    done.emplace_back(what);
  };
  std::atomic<bool> has_begun{false};
  std::promise<void> stopping;
  auto given = enabled();
  given.driver.scale = [&](int /*count*/) {
    has_begun = true;
    stopping.get_future().wait();
    note("scaled");
  };
  given.driver.release = [&] { note("given back"); };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return has_begun.load(); }));
  stopping.set_value();
  agent.stop();
  EXPECT_EQ(done, (std::vector<std::string>{"scaled", "given back"}));
}

}  // namespace
}  // namespace selfscale::agent
