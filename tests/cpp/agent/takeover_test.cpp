// What a driver took over by consent is given back, by whoever leads then.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
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

/// An agent that leads and has evaluated twice since.
bool has_led(const Agent& agent) {
  const auto evaluated_at = [&]() -> double {
    auto said = json::parse(agent.status_json());
    const auto at = said["services"][0]["lastEvaluation"];
    return said["role"] == "leader" && at.is_number() ? at.get<double>() : 0.0;
  };
  double first = 0.0;
  return eventually([&] { return (first = evaluated_at()) > 0.0; }) &&
         eventually([&] { return evaluated_at() > first + 0.1; });
}

struct Hushed {
  std::string name;
  bool enable = false;
  std::map<std::string, std::string> environment;
};
class AgentThatWritesNothing : public AgentTest, public testing::WithParamInterface<Hushed> {};

// What is taken over there is another agent's, which acts.
TEST_P(AgentThatWritesNothing, GivesBackNothingThatItsLeaseDoesNotKnow) {
  std::atomic<int> calls{0};
  auto given = enabled();
  given.enable = GetParam().enable;
  given.environment.insert(GetParam().environment.begin(), GetParam().environment.end());
  given.driver.release = [&] { ++calls; };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(has_led(agent)) << status(agent).dump(1);
  agent.stop();
  EXPECT_EQ(calls, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, AgentThatWritesNothing,
                         testing::Values(Hushed{"NeverEnabled", false, {}},
                                         Hushed{"DryRun", true, {{"AUTOSCALING_DRY_RUN", "true"}}},
                                         Hushed{"Killed", true, {{"SELFSCALE_KILL", "1"}}}),
                         [](const auto& row) { return row.param.name; });

TEST_F(AgentTest, TheLeaseSaysThatSomethingIsTakenOverBeforeItIs) {
  std::string lease;
  std::atomic<bool> has_scaled{false};
  auto given = enabled();
  given.driver.scale = [&](int count) {
    if (has_scaled) return;
    std::ostringstream text;
    text << std::ifstream{directory.path() + "/state/lease-backend.json"}.rdbuf();
    lease = text.str();
    platform.replicas = count;
    has_scaled = true;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return has_scaled.load(); }));
  agent.stop();
  EXPECT_EQ(json::parse(lease).value("takenOver", json{}), json::array({"backend"}));
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

TEST_F(AgentTest, WhatALeaderBeforeTookOverIsGivenBackByOneThatIsOffButNotInADryRun) {
  fleet::RedisServer redis;
  std::atomic<int> calls{0};
  Lines lines;
  auto given = enabled();
  given.environment["SELFSCALE_FLEET"] = redis.url();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warn";
  given.log = lines.sink();
  given.driver.capabilities.scope = Capabilities::Scope::platform;
  given.driver.release = [&] { ++calls; };
  {
    Agent before{given};
    before.start();
    ASSERT_TRUE(eventually([&] { return status(before)["mayAct"] == true; }));
  }
  for (const std::string by : {"AUTOSCALING_DRY_RUN", "SELFSCALE_KILL"}) {
    auto quiet = given;
    quiet.environment[by] = "true";
    Agent agent{quiet};
    agent.start();
    ASSERT_TRUE(has_led(agent)) << status(agent).dump(1);
    agent.stop();
    EXPECT_EQ(calls, 0) << by;
    EXPECT_EQ(lines.with(by), 1) << "what is not given back is said";
  }
  given.enable = false;
  for (int start = 1; start <= 2; ++start) {
    Agent off{given};
    off.start();
    ASSERT_TRUE(has_led(off)) << status(off).dump(1);
    EXPECT_EQ(calls, 1) << "it is given back once";
  }
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
  /// Whether the second leads so soon after the first has ended; a lease runs out in 30 s.
  bool leads_next(AgentOptions leading, std::chrono::seconds within,
                  const std::function<bool()>& may_end) {
    Agent one{std::move(leading)};
    one.gauge("depth").set(50);
    one.start();
    EXPECT_TRUE(eventually(may_end)) << status(one).dump(1);
    Agent two{second()};
    two.start();
    one.stop();
    const auto end = std::chrono::steady_clock::now() + within;
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
  EXPECT_FALSE(leads_next(given, std::chrono::seconds{3}, [&] { return gate->has_come(); }));
  gate->let_go();
}

TEST_F(AgentsInTurn, ALeaseIsKeptWhereAWriteMayStillComeThrough) {
  std::atomic<bool> has_begun{false};
  auto given = first();
  given.driver.scale = [&has_begun](int /*count*/) {
    has_begun = true;
    throw DriverError{Errc::timed_out, "no answer"};
  };
  EXPECT_FALSE(leads_next(given, std::chrono::seconds{3}, [&] { return has_begun.load(); }));
}

TEST_F(AgentsInTurn, ALeaseIsGivenBackWhileALookHasNoAnswer) {
  platform.replicas = 5;  // the most: there is nothing to write
  auto given = first();
  const auto looks = std::make_shared<std::atomic<int>>(0);
  given.driver.observe = [gate = gate, looks] {
    if (++*looks == 2) gate->hang();
    return ReplicaCounts{5, 5, 5};
  };
  EXPECT_TRUE(leads_next(given, deadline, [&] { return gate->has_come(); }));
  gate->let_go();
}

}  // namespace
}  // namespace selfscale::agent
