// Backlog rules: enough replicas for what is due, room for what runs, and what is not known.
#include "decide/rules/backlog.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::policy_of;
using testing::snapshot;
using namespace std::chrono_literals;

struct Row {
  const char* says;
  Backlog backlog;
  int current;
  Answer answer;
  int replicas;
  Code code;
};

/// At 10 jobs a second each, within 10 seconds.
Backlog of(double due, double running = 0.0) {
  Backlog backlog;
  backlog.due = due;
  backlog.in_hand = due + running;
  backlog.throughput = backlog.surest_throughput = 10.0;
  return backlog;
}
Backlog aged(double due, double seconds) {
  Backlog backlog = of(due);
  backlog.oldest_age = seconds;
  return backlog;
}
Backlog partly_known(double due) {
  Backlog backlog = of(due);
  backlog.may_lower = false;
  return backlog;
}

TEST(Backlogs, Table) {
  const Row rows[] = {
      {"AWS' example", of(1500), 10, Answer::up, 15, Code::backlog_due},
      {"rounded up", of(1001), 10, Answer::up, 11, Code::backlog_due},
      {"just enough", of(1000), 10, Answer::hold, 10, Code::backlog_due},
      {"wakes on one job", of(1), 0, Answer::up, 1, Code::backlog_due},
      {"nothing due", of(0), 10, Answer::down, 0, Code::backlog_due},
      {"fewer are enough", of(300), 10, Answer::down, 3, Code::backlog_due},
      {"room for what runs", of(300, 400), 10, Answer::down, 7, Code::backlog_due},
      {"what runs asks for no more", of(300, 4000), 10, Answer::hold, 10, Code::backlog_due},
      {"not all is known", partly_known(300), 10, Answer::hold, 10, Code::backlog_due},
      {"late", aged(300, 10.5), 10, Answer::up, 11, Code::oldest_job_late},
      {"just in time", aged(300, 10), 10, Answer::down, 3, Code::backlog_due},
      {"late, and the backlog wants more", aged(1500, 60), 10, Answer::up, 15, Code::backlog_due},
  };
  BacklogRule rule;
  rule.target_latency = 10s;
  for (const Row& row : rows) {
    const Proposal proposal = judge_backlog(rule, row.backlog, row.current);
    EXPECT_EQ(proposal.answer, row.answer) << row.says;
    EXPECT_EQ(proposal.replicas, row.replicas) << row.says;
    EXPECT_EQ(proposal.code, row.code) << row.says;
  }
}

Decision decide_once(const char* rule, Snapshot seen) {
  DecisionState state;
  const std::string policy =
      R"({"service": "w", "maxReplicas": 50, "behavior": "none", "rules": [)";
  return decide(policy_of(policy + rule + "]}"), seen, state);
}

constexpr auto learned = R"({"type": "backlog", "metric": "queue_length", "targetLatency": "10s"})";

TEST(Backlogs, UntilTheThroughputIsKnownTheRuleSaysThatItNeedsANumber) {
  const auto decision = decide_once(learned, snapshot(3, {Reading::of(900)}));
  const Proposal& proposal = decision.recommendation.proposals[0];
  EXPECT_EQ(decision.to_replicas, 3);
  EXPECT_EQ(proposal.answer, Answer::missing);
  EXPECT_EQ(proposal.code, Code::throughput_unknown);
}

TEST(Backlogs, ALearnedThroughputDecidesUpAndItsLowerEndDown) {
  Snapshot seen = snapshot(3, {Reading::of(900)});
  seen.estimates.throughput_per_replica = Throughput{10.0, 5.0, 1200};
  EXPECT_EQ(decide_once(learned, seen).to_replicas, 9);
  seen = snapshot(20, {Reading::of(900)});
  seen.estimates.throughput_per_replica = Throughput{10.0, 5.0, 1200};
  EXPECT_EQ(decide_once(learned, seen).to_replicas, 18) << "900 / (5 x 10)";
  seen.estimates.throughput_per_replica->low = 0.0;
  EXPECT_EQ(decide_once(learned, seen).to_replicas, 20) << "it may be nothing at all";
}

TEST(Backlogs, RunningAndOldestAreMetricsOfTheirOwn) {
  constexpr auto rule = R"({"type": "backlog", "metric": "queue_length", "targetLatency": "10s",
    "throughputPerReplica": 10, "running": "in_hand", "oldest": "queue_latency"})";
  const auto seen = [](std::optional<Reading> running, std::optional<Reading> oldest) {
    return snapshot(10, {Reading::of(300), std::move(running), std::move(oldest)});
  };
  EXPECT_EQ(decide_once(rule, seen(Reading::of(300), Reading::of(1))).to_replicas, 6);
  EXPECT_EQ(decide_once(rule, seen(std::nullopt, Reading::of(1))).to_replicas, 10);
  EXPECT_EQ(decide_once(rule, seen(Reading::of(300), std::nullopt)).to_replicas, 10);
  EXPECT_EQ(decide_once(rule, seen(Reading::of(300), Reading::of(11))).to_replicas, 11);
}

RC_GTEST_PROP(Backlogs, MoreWorkNeverGivesFewer, ()) {
  BacklogRule rule;
  rule.target_latency = 1s * *rc::gen::inRange(1, 100);
  const int current = *rc::gen::inRange(0, 50);
  const double running = *rc::gen::inRange(0, 2000);
  const double due = *rc::gen::inRange(0, 2000);
  const double more = due + *rc::gen::inRange(0, 2000);
  RC_ASSERT(judge_backlog(rule, of(due, running), current).replicas <=
            judge_backlog(rule, of(more, running), current).replicas);
}

}  // namespace
}  // namespace selfscale
