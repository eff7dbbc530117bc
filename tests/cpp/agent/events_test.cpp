// The life of scaling events, as the journal tells it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <mutex>

#include "agent/agent_fixture.hpp"
#include "journal/journal.hpp"

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

/// One step up is wanted, and no other: a long cooldown follows.
json one_step() {
  auto policy = depth_policy();
  policy["behavior"]["scaleUp"]["cooldown"] = "1h";
  return policy;
}

json steps_of_two() {
  auto policy = one_step();
  policy["scaleUpBy"] = 2;
  policy["scaleDownBy"] = 2;
  return policy;
}

json held_by(const Agent& agent) {
  const auto text = agent.recommendation_json("backend");
  return text ? json::parse(*text)["decision"]["heldBy"] : json{};
}

TEST_F(AgentTest, ReplicasThatDoNotBecomeReadyAreRolledBack) {
  auto policy = one_step();
  policy["startup"]["timeout"] = "200ms";
  platform.ready = 1;
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::succeeded;
  }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::failed);
  EXPECT_EQ(events[1].from_replicas, 1);
  EXPECT_EQ(events[1].to_replicas, 2);
  EXPECT_NE(events[1].error.find("1 of 2 replicas are ready"), std::string::npos)
      << events[1].error;
  EXPECT_EQ(events[0].trigger, Trigger::rollback);
  EXPECT_EQ(events[0].from_replicas, 2);
  EXPECT_EQ(events[0].to_replicas, 1);
  EXPECT_EQ(platform.replicas, 1);
}

TEST_F(AgentTest, ARollbackTakesThoseThatDidNotComeUp) {
  auto policy = one_step();
  policy["minReplicas"] = 2;
  policy["startup"]["timeout"] = "200ms";
  platform.replicas = 2;
  std::mutex mutex;
  std::vector<std::string> victims;
  auto given = enabled(policy);
  given.driver.scale = [&](const ScaleRequest& request) {
    const std::lock_guard lock{mutex};
    platform.replicas = request.desired;
    victims = request.victims;
  };
  given.driver.observe = [&] {
    const int count = platform.replicas;
    ReplicaCounts seen{count, count, 2};
    seen.replicas = {{.instance = "a", .ready = true}, {.instance = "b", .ready = true}};
    if (count == 3) seen.replicas.push_back({.instance = "new", .ready = false});
    return seen;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() == 2 && events[0].trigger == Trigger::rollback;
  }));
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  const std::lock_guard lock{mutex};
  EXPECT_EQ(victims, (std::vector<std::string>{"new", "b", "a"})) << "the own one last";
}

TEST_F(AgentTest, WithoutRollbackAFailedStepStays) {
  auto policy = one_step();
  policy["startup"]["timeout"] = "200ms";
  policy["startup"]["rollback"] = false;
  platform.ready = 1;
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::failed;
  }));
  EXPECT_EQ(agent.history("backend").size(), 1U);
  EXPECT_EQ(platform.replicas, 2);
}

TEST_F(AgentTest, ANewerDecisionForMoreSupersedesAnEventThatIsNotDone) {
  platform.ready = 1;
  Agent agent{enabled()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  agent.scale("backend", 4);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 4; }));
  const auto first = agent.history("backend").back();
  EXPECT_EQ(first.outcome, Outcome::superseded);
  EXPECT_NE(first.error.find("a newer decision"), std::string::npos);
}

TEST_F(AgentTest, AStepDownWaitsForTheEndOfTheChangeThatIsUnderWay) {
  platform.ready = 1;
  Agent agent{enabled(one_step())};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  agent.gauge("depth").set(0);
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  agent.scale("backend", 1);  // an order, too
  const auto decided = recommendation(agent);
  ASSERT_TRUE(eventually([&] { return recommendation(agent) != decided; })) << "evaluated again";
  EXPECT_EQ(agent.history("backend")[0].outcome, Outcome::accepted);
  EXPECT_EQ(platform.replicas, 2);
  platform.ready = Platform::all;
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  EXPECT_EQ(agent.history("backend").back().outcome, Outcome::succeeded);
}

TEST_F(AgentTest, ACountThatSomebodySetsBetweenTheLookAndTheWriteIsNotOverwritten) {
  auto policy = depth_policy();
  policy["maxReplicas"] = 4;
  auto given = enabled(policy);
  given.driver.observe = [this, truly = given.driver.observe, is_first = true]() mutable {
    auto seen = truly();
    if (std::exchange(is_first, false)) platform.replicas = 4;
    return seen;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() == 2; }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::superseded);
  EXPECT_EQ(events[0].outcome, Outcome::adopted);
  EXPECT_EQ(events[0].from_replicas, 1) << "what stood, not what was wanted";
  EXPECT_EQ(events[0].to_replicas, 4);
  EXPECT_EQ(platform.writes, 0);
}

struct Meeting {
  const char* name;
  int stood;
  double depth;  ///< has us want two more, or two fewer
  int foreign;
};
class SomebodyElsesCountThatMeetsAStep : public AgentTest,
                                         public testing::WithParamInterface<Meeting> {};

TEST_P(SomebodyElsesCountThatMeetsAStep, HasTheCooldownOfItsOwnDirection) {
  const auto& row = GetParam();
  auto policy = steps_of_two();
  policy["maxReplicas"] = 8;
  policy["behavior"]["scaleDown"]["cooldown"] = "1h";
  platform.replicas = row.stood;
  auto given = enabled(policy);
  std::atomic<int> calls{0};
  given.driver.scale = [&](int count) {
    const bool is_first = ++calls == 1;
    platform.replicas = is_first ? row.foreign : count;
    if (is_first) throw DriverError{Errc::conflict, "somebody was faster"};
  };
  Agent agent{given};
  agent.gauge("depth").set(row.depth);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() >= 2; }));
  ASSERT_TRUE(eventually([&] { return held_by(agent) == "cooldown"; })) << calls;
  const auto events = agent.history("backend");
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].trigger, Trigger::foreign);
  EXPECT_EQ(events[0].from_replicas, row.stood);
  EXPECT_EQ(events[0].to_replicas, row.foreign);
  EXPECT_EQ(calls, 1) << "a person's count stands";
}

INSTANTIATE_TEST_SUITE_P(Of, SomebodyElsesCountThatMeetsAStep,
                         testing::Values(Meeting{"AStepUp", 2, 50, 3},
                                         Meeting{"AStepDown", 6, 0, 5}),
                         [](const auto& each) { return each.param.name; });

TEST_F(AgentTest, ReadsThatLagBehindAWriteAreNobodyElsesChange) {
  std::atomic<int> stale_reads{3};
  auto given = enabled(one_step());
  given.driver.observe = [&, truly = given.driver.observe] {
    auto seen = truly();
    if (seen.desired == 2 && stale_reads-- > 0) return ReplicaCounts{1, 1, 1};
    return seen;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome != Outcome::accepted;
  }));
  EXPECT_EQ(agent.history("backend").size(), 1U);
  EXPECT_EQ(agent.history("backend")[0].outcome, Outcome::succeeded);
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(AgentTest, AReadThatLagsBehindTheStepBeforeIsNobodyElsesChangeWhereAWriteIsRefused) {
  auto given = enabled(one_step());
  // The driver's functions run on one thread.
  std::optional<std::chrono::steady_clock::time_point> fresh_again;
  given.driver.observe = [&, truly = given.driver.observe] {
    const bool is_stale = fresh_again && std::chrono::steady_clock::now() < *fresh_again;
    return is_stale ? ReplicaCounts{1, 1, 1} : truly();
  };
  given.driver.scale = [&](int count) {
    if (count == 4 && !fresh_again) {
      fresh_again = std::chrono::steady_clock::now() + 2s;  // the longest wait before a look
      throw DriverError{Errc::conflict, "1 replica is asked for, not 2"};
    }
    platform.replicas = count;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  agent.scale("backend", 4);
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(agent.history("backend")[0].to_replicas, 4);
  EXPECT_EQ(agent.history("backend")[0].trigger, Trigger::manual);
}

TEST_F(AgentTest, AfterSomebodyElsesCountAStepGoesOnFromThere) {
  platform.replicas = 3;
  auto given = enabled();
  std::mutex mutex;
  std::vector<std::optional<int>> from;
  given.driver.scale = [&](const ScaleRequest& request) {
    const std::lock_guard guard{mutex};
    from.push_back(request.from);
    platform.replicas = request.desired;
    if (from.size() == 1) platform.replicas = 4;  // somebody is faster than the next look
  };
  Agent agent{given};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 3; }));
  agent.scale("backend", 2);
  ASSERT_TRUE(eventually([&] {
    return std::ranges::any_of(agent.history("backend"), [](const ScalingEvent& event) {
      return event.outcome == Outcome::adopted;
    });
  }));
  agent.scale("backend", 5);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; }));
  const std::lock_guard guard{mutex};
  EXPECT_EQ(from, (std::vector<std::optional<int>>{3, 4}));
}

TEST_F(AgentTest, AWriteThatIsAcceptedAndIgnoredFailsAndNobodyIsBlamed) {
  auto policy = one_step();
  policy["startup"]["timeout"] = "200ms";
  auto given = enabled(policy);
  given.driver.scale = [this](int) { ++platform.writes; };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events.back().outcome == Outcome::failed;
  }));
  EXPECT_NE(agent.history("backend").back().error.find("accepted 2 replicas and did not do it"),
            std::string::npos);
  const auto decided = recommendation(agent);
  ASSERT_TRUE(eventually([&] { return recommendation(agent) != decided; })) << "evaluated again";
  EXPECT_EQ(agent.history("backend").size(), 1U);
}

TEST_F(AgentTest, SomebodyElsesCountSupersedesAnEventAndIsAdopted) {
  platform.ready = 1;
  Agent agent{enabled(one_step())};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
  platform.replicas = 4;
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() == 2; }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::superseded);
  EXPECT_EQ(events[0].outcome, Outcome::adopted);
  EXPECT_EQ(events[0].trigger, Trigger::foreign);
  EXPECT_EQ(events[0].to_replicas, 4);
}

TEST_F(AgentTest, AWriteThatIsRepeatedIsNotMadeOnceMoreByTheEvaluationOfTheSameStep) {
  auto policy = depth_policy();
  policy["maxReplicas"] = 2;
  policy["evaluationInterval"] = "1ms";  // shorter than any step, so that one is due in each
  auto given = enabled(policy);
  std::atomic<int> calls{0};
  given.driver.scale = [&](int count) {
    if (++calls == 1) throw DriverError{Errc::timed_out, "no answer"};
    platform.replicas = count;
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(agent.history("backend").size(), 1U);
}

TEST_F(AgentTest, AnEventThatALeaderLeftUnfinishedIsSeenThrough) {
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    platform.ready = 1;  // of this process's copy: the event does not end here
    Agent agent{enabled(one_step())};
    agent.gauge("depth").set(50);
    agent.start();
    eventually([&] { return agent.history("backend").size() == 1; });
    ::raise(SIGKILL);
  }
  ::waitpid(first, nullptr, 0);
  platform.replicas = 2;  // what the first one asked for
  platform.ready = 1;
  Agent next{enabled(one_step())};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] { return recommended(next) == 2; }));
  const auto left = next.history("backend");
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].outcome, Outcome::accepted);
  platform.ready = Platform::all;
  ASSERT_TRUE(eventually([&] { return next.history("backend")[0].outcome == Outcome::succeeded; }));
  EXPECT_EQ(next.history("backend")[0].id, left[0].id);
}

/// What the lease's record says of the event under way.
json left_in_lease(const Directory& directory) {
  std::ifstream file{directory.path() + "/state/lease-backend.json"};
  auto lease = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!lease.is_object() || !lease["events"].contains("backend")) return json::object();
  return json::parse(lease["events"]["backend"].get<std::string>());
}

TEST_F(AgentTest, AnUnfinishedEventTravelsWithTheLeaseAndNotWithTheJournal) {
  auto given = enabled(one_step());
  given.environment["SELFSCALE_STORE"] = "memory";
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    platform.ready = 1;
    Agent agent{given};
    agent.gauge("depth").set(50);
    agent.start();
    eventually([&] { return left_in_lease(directory).value("acceptedAt", json{}).is_number(); });
    ::raise(SIGKILL);
  }
  ::waitpid(first, nullptr, 0);
  const auto left = left_in_lease(directory);
  ASSERT_EQ(left.value("toReplicas", 0), 2);
  platform.replicas = 2;
  Agent next{given};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] { return !next.history("backend").empty(); }));
  const auto event = next.history("backend")[0];
  EXPECT_EQ(event.id, left["id"]);
  EXPECT_EQ(event.outcome, Outcome::succeeded);
  EXPECT_EQ(platform.writes, 0) << "the platform has the count already";
  EXPECT_TRUE(eventually([&] { return left_in_lease(directory).empty(); }));
}

/// An agent in a process of its own, which does not survive this.
void die(const AgentOptions& given, const std::function<void(Agent&)>& how) {
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    Agent agent{given};
    how(agent);
    eventually([] { return false; });
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(first, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/// Scales from 1 to 2, and is killed before the platform has answered.
void die_while_writing(AgentOptions given) {
  given.driver.scale = [](int) { ::raise(SIGKILL); };
  die(given, [](Agent& agent) {
    agent.gauge("depth").set(50);
    agent.start();
  });
}

TEST_F(AgentTest, AWriteWhoseAnswerNobodySawIsReadBack) {
  die_while_writing(enabled(one_step()));
  ASSERT_EQ(left_in_lease(directory).value("toReplicas", 0), 2);
  platform.replicas = 2;  // it came through
  Agent next{enabled(one_step())};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] { return !next.history("backend").empty(); }));
  EXPECT_EQ(next.history("backend")[0].outcome, Outcome::succeeded);
  ASSERT_TRUE(eventually([&] { return held_by(next) == "cooldown"; })) << "its cooldown runs";
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(AgentTest, AWriteThatDidNotComeThroughIsDecidedAnew) {
  die_while_writing(enabled(one_step()));
  Agent next{enabled(one_step())};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::succeeded;
  }));
  const auto events = next.history("backend");
  EXPECT_EQ(events[1].outcome, Outcome::superseded);
  EXPECT_FALSE(events[1].accepted_at);
  EXPECT_EQ(events[0].trigger, Trigger::policy);
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(AgentTest, WhatALeaderLeftHalfDoneIsOurs) {
  die_while_writing(enabled(steps_of_two()));
  ASSERT_EQ(left_in_lease(directory).value("toReplicas", 0), 3);
  platform.replicas = 2;  // one of two
  Agent next{enabled(steps_of_two())};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  ASSERT_TRUE(eventually([&] { return held_by(next) == "cooldown"; }));
  const auto events = next.history("backend");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].trigger, Trigger::policy);
  EXPECT_EQ(events[0].from_replicas, 1);
  EXPECT_EQ(events[0].to_replicas, 2);
  EXPECT_PRED2(contains, events[0].reason, "the agent that began it ended on the way to 3");
  EXPECT_EQ(platform.writes, 0) << "what is wanted now is decided anew";
}

TEST_F(AgentTest, WhatAPlatformDidOfAStepThatItRefusedIsOurs) {
  auto given = enabled(steps_of_two());
  given.driver.scale = [this](int /*count*/) {
    platform.replicas = 2;  // one of two
    throw DriverError{Errc::denied, "no room for a third"};
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return held_by(agent) == "cooldown"; }));
  platform.replicas = 4;
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() == 3; }));
  const auto events = agent.history("backend");
  EXPECT_EQ(events[2].outcome, Outcome::failed);
  EXPECT_EQ(events[2].to_replicas, 3);
  EXPECT_EQ(events[1].trigger, Trigger::policy);
  EXPECT_EQ(events[1].outcome, Outcome::superseded);
  EXPECT_EQ(events[1].from_replicas, 1);
  EXPECT_EQ(events[1].to_replicas, 2);
  EXPECT_TRUE(events[1].accepted_at);
  EXPECT_EQ(events[1].error, "the platform refused the rest of the way to 3");
  EXPECT_EQ(events[0].trigger, Trigger::foreign) << "no part of that step";
}

TEST_F(AgentTest, SomebodyElsesCountAfterALeadersEndIsAdopted) {
  die_while_writing(enabled(one_step()));
  platform.replicas = 4;
  Agent next{enabled(one_step())};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] { return next.history("backend").size() == 2; }));
  EXPECT_EQ(next.history("backend")[1].outcome, Outcome::superseded);
  EXPECT_EQ(next.history("backend")[0].outcome, Outcome::adopted);
  EXPECT_EQ(next.history("backend")[0].from_replicas, 1);
  EXPECT_EQ(next.history("backend")[0].to_replicas, 4);
}

/// A leader that ends in the rollback of a step from 1 to 4, of which one became ready.
class ALostRollback : public AgentTest {
 protected:
  AgentOptions acting() {
    auto policy = one_step();
    policy["scaleUpBy"] = 3;
    policy["startup"]["timeout"] = "200ms";
    return enabled(policy);
  }
  void die_while_rolling_back() {
    platform.ready = 1;
    auto given = acting();
    given.driver.scale = [this](int count) {
      if (count < platform.replicas) ::raise(SIGKILL);
      platform.replicas = count;
    };
    die(given, [](Agent& agent) {
      agent.gauge("depth").set(50);
      agent.start();
    });
    ASSERT_EQ(left_in_lease(directory).value("trigger", ""), "rollback");
  }
};

TEST_F(ALostRollback, IsMadeByTheNextLeader) {
  die_while_rolling_back();
  platform.replicas = 4;
  auto given = acting();
  std::mutex mutex;
  std::vector<std::string> victims;
  given.driver.scale = [&](const ScaleRequest& request) {
    const std::lock_guard lock{mutex};
    ++platform.writes;
    platform.replicas = request.desired;
    victims = request.victims;
  };
  given.driver.observe = [&] {
    const int count = platform.replicas;
    ReplicaCounts seen{count, count, 1};
    seen.replicas = {{.instance = "new", .ready = false}, {.instance = "a", .ready = true}};
    return seen;
  };
  Agent next{given};
  next.gauge("depth").set(50);
  next.start();
  EXPECT_TRUE(eventually([&] {
    const auto services = status(next)["services"];
    return !services.empty() && !services[0]["circuit"].is_null();
  })) << "the step that is rolled back has failed";
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  const auto events = next.history("backend");
  ASSERT_EQ(events.size(), 2U) << "the step that failed, and its rollback";
  EXPECT_EQ(events[0].trigger, Trigger::rollback);
  EXPECT_EQ(events[0].to_replicas, 1);
  EXPECT_EQ(platform.replicas, 1);
  EXPECT_EQ(platform.writes, 1);
  const std::lock_guard lock{mutex};
  EXPECT_EQ(victims, (std::vector<std::string>{"new", "a"}));
}

TEST_F(ALostRollback, IsFinishedWhereItWasBrokenOffHalfWay) {
  die_while_rolling_back();
  platform.replicas = 3;
  Agent next{acting()};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(next.history("backend").size(), 2U);
  EXPECT_EQ(next.history("backend")[0].from_replicas, 4);
  EXPECT_EQ(platform.replicas, 1);
}

TEST_F(ALostRollback, TakesNoneAwayThatHasBecomeReadySince) {
  die_while_rolling_back();
  platform.replicas = 4;
  platform.ready = 4;
  Agent next{acting()};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return !events.empty() && events[0].outcome == Outcome::superseded;
  }));
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(ALostRollback, IsNotMadeByOneThatMayNotAct) {
  die_while_rolling_back();
  platform.replicas = 4;
  auto given = acting();
  given.environment["SELFSCALE_KILL"] = "1";
  Agent next{given};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return events.size() == 2 && events[0].outcome == Outcome::failed;
  }));
  EXPECT_EQ(next.history("backend")[0].trigger, Trigger::rollback);
  EXPECT_EQ(platform.writes, 0);
}

/// A leader that ends in the write of a person's order for 4 instead of 1.
class ALostOrder : public AgentTest {
 protected:
  void die_while_carrying_out() {
    auto given = enabled();
    given.driver.scale = [](int) { ::raise(SIGKILL); };
    die(given, [](Agent& agent) {
      agent.gauge("depth").set(5);
      agent.start();
      eventually([&] { return recommended(agent) == 1; });
      agent.scale("backend", 4);
    });
    ASSERT_EQ(left_in_lease(directory).value("trigger", ""), "manual");
  }
  /// The outcomes, the oldest first, once the count is there.
  std::vector<Outcome> carried_out() {
    Agent next{enabled()};
    next.gauge("depth").set(5);
    next.start();
    EXPECT_TRUE(eventually([&] {
      const auto events = next.history("backend");
      return !events.empty() && events[0].outcome == Outcome::succeeded &&
             events[0].to_replicas == 4;
    }));
    std::vector<Outcome> outcomes;
    for (const auto& event : next.history("backend")) {
      EXPECT_EQ(event.trigger, Trigger::manual);
      outcomes.insert(outcomes.begin(), event.outcome);
    }
    return outcomes;
  }
};

TEST_F(ALostOrder, IsCarriedOutByTheNextLeader) {
  die_while_carrying_out();
  EXPECT_EQ(carried_out(), (std::vector{Outcome::superseded, Outcome::succeeded}));
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(ALostOrder, IsFinishedWhereItWasBrokenOffHalfWay) {
  die_while_carrying_out();
  platform.replicas = 2;
  EXPECT_EQ(carried_out().size(), 2U);
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(ALostOrder, IsNotWrittenAgainWhereItCameThrough) {
  die_while_carrying_out();
  platform.replicas = 4;
  EXPECT_EQ(carried_out(), (std::vector{Outcome::succeeded}));
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(ALostOrder, GivesWayToSomebodyElsesCount) {
  die_while_carrying_out();
  platform.replicas = 5;
  Agent next{enabled()};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] { return next.history("backend").size() == 2; }));
  const auto decided = recommendation(next);
  ASSERT_TRUE(eventually([&] { return recommendation(next) != decided; })) << "evaluated again";
  EXPECT_EQ(next.history("backend")[0].outcome, Outcome::adopted);
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(AgentTest, OnceSomebodySaidNoNothingIsWrittenBackEither) {
  auto policy = one_step();
  policy["evaluationInterval"] = "1h";  // it looks at the event alone
  policy["startup"]["timeout"] = "2s";
  platform.ready = 1;
  auto follower = enabled(policy);
  follower.enable = false;
  follower.environment["SELFSCALE_INSTANCE"] = "b";
  Agent leading{enabled(policy)};
  Agent following{follower};
  leading.start();
  ASSERT_TRUE(eventually([&] { return status(leading)["role"] == "leader"; }));
  following.start();
  leading.scale("backend", 3);
  ASSERT_TRUE(eventually([&] { return platform.writes == 1; }));
  following.disable("backend");
  ASSERT_TRUE(eventually([&] { return leading.history("backend").size() == 2; }));
  ASSERT_TRUE(eventually([&] { return leading.history("backend")[0].outcome == Outcome::failed; }));
  EXPECT_EQ(leading.history("backend")[0].trigger, Trigger::rollback);
  EXPECT_NE(leading.history("backend")[0].error.find("switched off"), std::string::npos);
  EXPECT_EQ(platform.writes, 1);
}

TEST_F(AgentTest, AfterARollbackTheNextStepWaitsAWhile) {
  auto policy = depth_policy();
  policy["startup"]["timeout"] = "200ms";
  policy["behavior"]["scaleUp"]["stabilizationWindowSeconds"] = 0;
  policy["maxReplicas"] = 2;
  platform.ready = 1;
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return agent.history("backend").size() >= 3; }));
  auto events = agent.history("backend");
  const auto& again = events[events.size() - 3];
  const auto& failed = events[events.size() - 1];
  ASSERT_TRUE(failed.duration && again.trigger == Trigger::policy);
  EXPECT_GE(again.started_at, failed.started_at + *failed.duration + std::chrono::seconds{1});
}

TEST_F(AgentTest, AfterARefusalTheCircuitIsOpenAndStatusSaysWhy) {
  auto given = enabled();
  std::atomic<int> calls{0};
  given.driver.scale = [&](int /*count*/) {
    ++calls;
    throw DriverError{Errc::denied, "you may not scale web"};
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 2; }));
  const auto service = [&] { return status(agent)["services"].at(0); };
  ASSERT_TRUE(eventually([&] { return calls == 1 && !service()["circuit"].is_null(); }));
  const double evaluated = service()["lastEvaluation"];
  ASSERT_TRUE(eventually([&] { return service()["lastEvaluation"] > evaluated + 0.2; }));
  const auto circuit = service()["circuit"];
  EXPECT_EQ(circuit["because"], "scale(2) raised: you may not scale web");
  EXPECT_EQ(circuit["code"], "denied");
  EXPECT_EQ(agent.history("backend")[0].code, "denied");
  EXPECT_EQ(circuit["failures"], 1);
  EXPECT_GT(circuit["openUntil"], evaluated + 50.0) << "a minute from the refusal";
  EXPECT_EQ(calls, 1) << "though four evaluations went by";
}

TEST_F(AgentTest, AnEventNamesTheDecisionThatItCameOf) {
  auto given = options(one_step());
  given.driver = platform.driver();
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 2; }));
  agent.enable();
  agent.enable("backend");
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  agent.stop();
  const auto event = agent.history("backend")[0];
  const auto journal = journal::open_sqlite(directory.path() + "/state");
  const auto record = json::parse(journal->decision(event.id).value().json);
  EXPECT_EQ(record["mayAct"], true) << "not the first, which was recommended only";
  EXPECT_EQ(record["decision"]["toReplicas"], event.to_replicas);
}

TEST_F(AgentTest, LearnsHowLongReplicasTakeToStartAndRemembersIt) {
  const auto estimated = [this](const Agent& agent) {
    const auto said = recommendation(agent);
    if (!said) return json::object();
    const auto journal = journal::open_sqlite(directory.path() + "/state");
    const auto record = journal->decision((*said)["decisionId"].get<std::string>());
    if (!record) return json::object();
    const auto estimates = json::parse(record->json)["snapshot"]["estimates"];
    return estimates.value("startupSeconds", json::object());
  };
  platform.ready = 1;
  {
    Agent agent{enabled(one_step())};
    const auto depth = agent.gauge("depth");
    depth.set(50);
    agent.start();
    ASSERT_TRUE(eventually([&] { return platform.replicas == 2; }));
    EXPECT_TRUE(estimated(agent).empty());
    platform.ready = 2;
    ASSERT_TRUE(eventually([&] {
      return !agent.history("backend").empty() &&
             agent.history("backend")[0].outcome == Outcome::succeeded;
    }));
    depth.set(5);
    ASSERT_TRUE(eventually([&] { return estimated(agent).value("samples", 0) == 1; }));
    EXPECT_GT(estimated(agent)["p50"], 0.0);
    EXPECT_EQ(estimated(agent)["p50"], estimated(agent)["p95"]);
  }
  Agent next{enabled(one_step())};
  next.gauge("depth").set(5);
  next.start();
  EXPECT_TRUE(eventually([&] { return estimated(next).value("samples", 0) == 1; }));
}

TEST_F(AgentTest, OneThatMayNotActSeesThroughWhatWasLeftUnfinished) {
  const pid_t first = ::fork();
  if (first == 0) {
    ::alarm(60);
    platform.ready = 1;
    Agent agent{enabled(one_step())};
    agent.gauge("depth").set(50);
    agent.start();
    eventually([&] { return agent.history("backend").size() == 1; });
    ::raise(SIGKILL);
  }
  ::waitpid(first, nullptr, 0);
  platform.replicas = 2;
  platform.ready = 2;
  auto given = enabled(one_step());
  given.environment["SELFSCALE_KILL"] = "1";
  Agent next{given};
  next.gauge("depth").set(5);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = next.history("backend");
    return events.size() == 1 && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(platform.writes, 0);
}

}  // namespace
}  // namespace selfscale::agent
