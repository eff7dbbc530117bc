// What a driver took over by consent is given back, by whoever leads then.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
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

TEST_F(AgentTest, TheAgentOfAReplicaLeavesWhatWasTakenOverToTheNext) {
  fleet::RedisServer redis;
  std::atomic<int> calls{0};
  auto given = enabled();
  given.environment["SELFSCALE_FLEET"] = redis.url();
  given.driver.capabilities.scope = Capabilities::Scope::platform;
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

/// Holds a callback until a test lets it go, and outlives both.
class Gate {
 public:
  void hang() {
    has_come_ = true;
    opened_.wait();
  }
  [[nodiscard]] bool has_come() const { return has_come_; }
  void let_go() { opening_.set_value(); }

 private:
  std::promise<void> opening_;
  std::shared_future<void> opened_{opening_.get_future().share()};
  std::atomic<bool> has_come_{false};
};

/// Two agents of two hosts of one platform, of which the first leads and is stopped.
class AgentsInTurn : public AgentTest {
 protected:
  AgentOptions first() {
    auto given = enabled();
    given.environment["SELFSCALE_FLEET"] = redis.url();
    given.driver.capabilities.scope = Capabilities::Scope::platform;
    return given;
  }
  AgentOptions second() {
    auto given = first();
    given.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
    given.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
    return given;
  }
  /// Whether the second leads soon after the first has ended; a lease runs out in 30 s.
  bool leads_next(AgentOptions leading, const std::function<bool()>& may_end) {
    Agent one{std::move(leading)};
    one.gauge("depth").set(50);
    one.start();
    EXPECT_TRUE(eventually(may_end)) << status(one).dump(1);
    Agent two{second()};
    two.start();
    one.stop();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{3};
    while (std::chrono::steady_clock::now() < end) {
      if (status(two)["role"] == "leader") return true;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return false;
  }

  fleet::RedisServer redis;
  Directory elsewhere;
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();
};

TEST_F(AgentsInTurn, ALeaseIsKeptWhileAWriteHasNoAnswer) {
  auto given = first();
  given.driver.scale = [gate = gate](int /*count*/) { gate->hang(); };
  EXPECT_FALSE(leads_next(given, [&] { return gate->has_come(); }));
  gate->let_go();
}

TEST_F(AgentsInTurn, ALeaseIsKeptWhereAWriteMayStillComeThrough) {
  std::atomic<bool> has_begun{false};
  auto given = first();
  given.driver.scale = [&has_begun](int /*count*/) {
    has_begun = true;
    throw DriverError{Errc::timed_out, "no answer"};
  };
  EXPECT_FALSE(leads_next(given, [&] { return has_begun.load(); }));
}

TEST_F(AgentsInTurn, ALeaseIsGivenBackWhileALookHasNoAnswer) {
  platform.replicas = 5;  // the most: there is nothing to write
  auto given = first();
  const auto looks = std::make_shared<std::atomic<int>>(0);
  given.driver.observe = [gate = gate, looks] {
    if (++*looks == 2) gate->hang();
    return ReplicaCounts{5, 5, 5};
  };
  EXPECT_TRUE(leads_next(given, [&] { return gate->has_come(); }));
  gate->let_go();
}

}  // namespace
}  // namespace selfscale::agent
