#include "agent/snapshot.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/compiled.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{Duration{1'000'000'000}};

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() { readings.watch(policy.compiled().metrics); }

  static metrics::Entry gauge(const std::string& name, double value) {
    metrics::Entry entry;
    entry.name = name;
    entry.kind = metrics::Kind::gauge;
    entry.value = value;
    return entry;
  }
  static ProcessView process(const std::string& instance, int slot, double in_flight) {
    ProcessView view;
    view.instance = instance;
    view.slot = slot;
    view.pid = slot;
    view.started_at = start - 60s;
    view.entries = {gauge("in_flight", in_flight)};
    return view;
  }
  static drivers::Observation counted(int current, std::optional<int> ready = {}) {
    drivers::Observation seen;
    seen.desired = seen.current = current;
    seen.ready = ready;
    return seen;
  }
  static int count(const Snapshot& snapshot, Phase phase) {
    return static_cast<int>(std::ranges::count(snapshot.instances, phase, &Instance::phase));
  }
  void feed(std::vector<ProcessView> processes, Duration later = 0s) {
    Tick tick;
    tick.at = start + later;
    tick.processes = std::move(processes);
    readings.feed(tick);
  }
  static drivers::Replica replica(const std::string& name, bool ready, double started_ago) {
    drivers::Replica one;
    one.instance = name;
    one.ready = ready;
    one.started_seconds_ago = started_ago;
    return one;
  }
  Snapshot make(std::optional<drivers::Observation> seen, Duration later = 0s,
                const std::string& failure = {}) {
    Surroundings now;
    now.at = start + later;
    now.observation = std::move(seen);
    now.failure = failure;
    now.own_instance = "own";
    now.others_report_elsewhere = others_report_elsewhere;
    return maker.make(policy, readings, now);
  }

  bool others_report_elsewhere = false;
  Policy policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"metric": "in_flight", "type": "target", "targetPerReplica": 10},
              {"metric": "response_time_p95", "type": "threshold", "scaleUp": 1}]})")
                      .policies.front();
  Readings readings{false};
  SnapshotMaker maker;
};

TEST_F(SnapshotTest, WhoDecidesCouldWakeAServiceThatItIsNoReplicaOf) {
  feed({process("own", 1, 2)});
  EXPECT_FALSE(make(counted(1)).can_be_woken) << "it reports as one of them";
  auto named = counted(1);
  named.replicas = {replica("a", true, 60)};
  EXPECT_TRUE(make(named).can_be_woken);
  named.replicas = {replica("own", true, 60)};
  EXPECT_FALSE(make(named).can_be_woken);
}

TEST_F(SnapshotTest, WhatSilentReplicasHaveAskedForIsKnown) {
  policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "metrics": [{"name": "cpu_usage", "of": "request"}],
    "rules": [{"metric": "cpu_usage", "type": "target", "target": 50}]})")
               .policies.front();
  readings = Readings{false, {0.5, std::nullopt}};
  readings.watch(policy.compiled().metrics);
  feed({process("a", 1, 0)});
  const Snapshot snapshot = make(counted(2));
  ASSERT_EQ(snapshot.instances.size(), 2U);
  ASSERT_TRUE(snapshot.instances[1].metrics[0]);
  EXPECT_TRUE(snapshot.instances[1].metrics[0]->is_missing());
  EXPECT_EQ(snapshot.instances[1].metrics[0]->capacity, 0.5);
}

TEST_F(SnapshotTest, APlatformThatHasNeverAnsweredLeavesTheInstancesSeen) {
  feed({process("a", 1, 3), process("b", 2, 0)});
  const auto snapshot = make(std::nullopt, 0s, "it is away");
  EXPECT_EQ(snapshot.platform.current_replicas, 2);
  EXPECT_EQ(snapshot.platform.error, "it is away");
}

TEST_F(SnapshotTest, WithoutADriverTheInstancesSeenAreAllThereIs) {
  EXPECT_EQ(make(std::nullopt).platform.current_replicas, 1) << "this process, at least";
  feed({process("a", 1, 3), process("b", 2, 0), process("b", 3, 1)});
  const auto snapshot = make(std::nullopt);
  EXPECT_EQ(snapshot.platform.current_replicas, 2);
  EXPECT_EQ(snapshot.platform.desired_replicas, 2);
  EXPECT_FALSE(snapshot.platform.ready_replicas);
  EXPECT_EQ(snapshot.instances.size(), 2U);
}

TEST_F(SnapshotTest, AnAgentApartThatHearsOfNoReplicaCountsNone) {
  Surroundings now;
  now.at = start;
  now.is_replica = false;
  const auto unknown = maker.make(policy, readings, now);
  EXPECT_FALSE(maker.has_counted());
  EXPECT_EQ(unknown.platform.current_replicas, 0);
  EXPECT_TRUE(contains(unknown.platform.error, "how many replicas there are is not known"));
  feed({process("a", 1, 3)});
  const auto heard = maker.make(policy, readings, now);
  EXPECT_TRUE(maker.has_counted());
  EXPECT_EQ(heard.platform.current_replicas, 1);
  EXPECT_EQ(heard.platform.error, "");
}

TEST_F(SnapshotTest, AReplicaOfManyHostsDoesNotTakeItsOwnForAll) {
  feed({process("a", 1, 3)});
  Surroundings now;
  now.at = start;
  now.others_report_elsewhere = true;
  now.failure = "it is away";
  EXPECT_EQ(maker.make(policy, readings, now).platform.current_replicas, 0);
  EXPECT_FALSE(maker.has_counted());
  now.observation = counted(4);
  EXPECT_EQ(maker.make(policy, readings, now).platform.current_replicas, 4);
  now.observation.reset();
  EXPECT_EQ(maker.make(policy, readings, now).platform.current_replicas, 4) << "what it said last";
}

TEST_F(SnapshotTest, WhyThePlatformCannotBeReadIsSaidBeforeThatNobodyCounts) {
  Surroundings now;
  now.at = start;
  now.is_replica = false;
  now.failure = "it is away";
  EXPECT_EQ(maker.make(policy, readings, now).platform.error, "it is away");
  EXPECT_FALSE(maker.has_counted());
  now.observation = counted(0);
  EXPECT_EQ(maker.make(policy, readings, now).platform.error, "");
  EXPECT_TRUE(maker.has_counted()) << "none is a count";
}

TEST_F(SnapshotTest, WhoReportsFromInsideIsKnownToBeReadySinceItsStart) {
  feed({process("a", 1, 3)});
  const auto snapshot = make(std::nullopt);
  EXPECT_EQ(snapshot.instances[0].ready, Ready::yes);
  EXPECT_EQ(snapshot.instances[0].started_at, start - 60s);
  EXPECT_EQ(snapshot.instances[0].ready_changed_at, start - 60s);
}

TEST_F(SnapshotTest, WhoAppearsLaterHasBeenReadySinceThen) {
  feed({process("a", 1, 3)});
  make(std::nullopt);
  feed({process("a", 1, 3), process("b", 2, 0)}, 5s);
  const auto snapshot = make(std::nullopt, 5s);
  EXPECT_EQ(snapshot.instances[1].started_at, start - 60s);
  EXPECT_EQ(snapshot.instances[1].ready_changed_at, start + 5s);
}

TEST_F(SnapshotTest, OneThatHasStoppedReportingIsNotKnownToBeReady) {
  auto hung = process("a", 1, 3);
  hung.reports = false;
  feed({hung});
  EXPECT_EQ(make(std::nullopt).instances[0].ready, Ready::unknown);
}

TEST_F(SnapshotTest, EveryReplicaOfThePlatformIsListedThoughNobodyHearsOfIt) {
  feed({process("a", 1, 3)});
  const auto snapshot = make(counted(4, 2));
  ASSERT_EQ(snapshot.instances.size(), 4U);
  EXPECT_EQ(snapshot.instances[0].id, "a");
  EXPECT_EQ(count(snapshot, Phase::pending), 2) << "so many are not ready";
  for (std::size_t i = 1; i < 4; ++i) {
    const auto& silent = snapshot.instances[i];
    EXPECT_EQ(silent.id, "silent-" + std::to_string(i));
    EXPECT_FALSE(silent.metrics[0]);
    EXPECT_EQ(silent.ready == Ready::no, silent.phase == Phase::pending);
  }
}

TEST_F(SnapshotTest, WhoIsSilentHereMayReportElsewhere) {
  feed({process("a", 1, 3)});
  others_report_elsewhere = true;
  const auto counted_only = make(counted(2, 2));
  ASSERT_TRUE(counted_only.instances[1].metrics[0]);
  EXPECT_EQ(counted_only.instances[1].metrics[0]->missing, Missing::unheard);

  others_report_elsewhere = false;
  auto seen = counted(2, 2);
  seen.replicas = {replica("a", true, 100.0), replica("b", true, 100.0)};
  const auto named = make(seen);
  EXPECT_FALSE(named.instances[0].metrics[0]->is_missing());
  EXPECT_EQ(named.instances[1].metrics[0]->missing, Missing::unheard);
}

TEST_F(SnapshotTest, WithoutItsWordOnReadinessSilentReplicasAreTakenToRun) {
  EXPECT_EQ(count(make(counted(3)), Phase::running), 3);
  EXPECT_EQ(count(make(counted(3, 9)), Phase::running), 3) << "more ready than there are";
}

TEST_F(SnapshotTest, ThoseThatThePlatformNamesAreCompletedToItsCount) {
  auto seen = counted(4, 1);
  seen.replicas = {replica("a", true, 100.0), replica("b", false, 1.0)};
  const auto snapshot = make(seen);
  ASSERT_EQ(snapshot.instances.size(), 4U);
  EXPECT_EQ(count(snapshot, Phase::pending), 2) << "b is the third that is not ready";
}

TEST_F(SnapshotTest, MoreInstancesThanReplicasStayAsTheyAre) {
  feed({process("a", 1, 3), process("b", 2, 0)});
  EXPECT_EQ(make(counted(1, 1)).instances.size(), 2U);
}

TEST_F(SnapshotTest, WhenThePlatformFailsItsLastCountIsStillCompleted) {
  feed({process("a", 1, 3)});
  make(counted(3, 3));
  EXPECT_EQ(make(std::nullopt, 1s, "connection refused").instances.size(), 3U);
}

TEST_F(SnapshotTest, WhatTheOnlyReporterCountsForTheServiceIsTheServices) {
  policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"metric": "in_flight", "type": "target", "targetPerReplica": 10},
              {"metric": "jobs", "type": "threshold", "scaleUp": 9, "scaleDown": 1}]})")
               .policies.front();
  readings.watch(policy.compiled().metrics);
  auto only = process("a", 1, 3);
  only.entries.push_back(gauge("jobs", 40));
  feed({only});
  const auto alone = make(counted(3, 3));
  ASSERT_TRUE(alone.metrics[1]);
  EXPECT_EQ(alone.metrics[1]->value, 40.0);
  EXPECT_FALSE(alone.instances[0].metrics[1]);
  EXPECT_EQ(alone.instances[0].metrics[0]->value, 3.0) << "every replica has requests of its own";

  auto named = counted(3, 3);
  named.replicas = {replica("a", true, 9.0), replica("b", true, 9.0), replica("c", true, 9.0)};
  EXPECT_FALSE(make(named).metrics[1]) << "the platform names the others: they are silent";
  feed({only, process("b", 2, 0)});
  EXPECT_FALSE(make(counted(3, 3)).metrics[1]) << "others report, too";
}

TEST_F(SnapshotTest, WhatAnAgentBesideTheReplicasCountsIsTheServices) {
  policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"metric": "jobs", "type": "threshold", "scaleUp": 9, "scaleDown": 1}]})")
               .policies.front();
  readings.watch(policy.compiled().metrics);
  auto beside = process("agent", 1, 0);
  beside.entries.push_back(gauge("jobs", 40));
  feed({beside});
  auto named = counted(1, 1);
  named.replicas = {replica("web-1", true, 9.0)};
  const auto snapshot = make(named);
  ASSERT_TRUE(snapshot.metrics[0]);
  EXPECT_EQ(snapshot.metrics[0]->value, 40.0);
  EXPECT_EQ(snapshot.instances.size(), 1U) << "it is no replica";
}

class SumTest : public SnapshotTest {
 protected:
  SumTest() {
    policy = load_policies(R"({"service": "backend", "maxReplicas": 20,
      "metrics": [{"name": "jobs_total", "aggregation": "rate", "across": "sum"}],
      "rules": [{"metric": "jobs_total", "type": "threshold", "scaleUp": 900, "scaleDown": 300}]})")
                 .policies.front();
    readings.watch(policy.compiled().metrics);
  }
  static ProcessView counting(const std::string& instance, int slot, std::uint64_t jobs) {
    auto view = process(instance, slot, 0);
    auto& entry = view.entries.emplace_back();
    entry.name = "jobs_total";
    entry.kind = metrics::Kind::counter;
    entry.count = jobs;
    return view;
  }
  /// Of each of these a thousand jobs in ten seconds.
  void feed_jobs(const std::vector<std::string>& instances) {
    for (const int second : {0, 10}) {
      std::vector<ProcessView> views;
      for (const auto& name : instances) {
        views.push_back(counting(name, static_cast<int>(views.size()) + 1,
                                 static_cast<std::uint64_t>(100 * second)));
      }
      feed(std::move(views), second * 1s);
    }
  }
  Snapshot made(std::optional<drivers::Observation> seen, bool others_report_elsewhere) {
    Surroundings now;
    now.at = start + 10s;
    now.observation = std::move(seen);
    now.own_instance = "a";
    now.others_report_elsewhere = others_report_elsewhere;
    return maker.make(policy, readings, now);
  }
  static drivers::Observation named(const std::vector<std::string>& names) {
    auto seen = counted(static_cast<int>(names.size()), static_cast<int>(names.size()));
    for (const auto& name : names) seen.replicas.push_back(replica(name, true, 60));
    return seen;
  }
};

TEST_F(SumTest, IsNotKnownWhereReplicasCannotBeHeard) {
  feed_jobs({"a"});
  for (const auto& seen : {named({"a", "b", "c"}), counted(3, 3)}) {
    const auto sum = made(seen, /*others_report_elsewhere=*/true).metrics[0];
    ASSERT_TRUE(sum);
    EXPECT_TRUE(sum->is_missing());
    EXPECT_EQ(sum->detail, "of 3 replicas that serve 1 can be heard here, and a sum needs all");
  }
}

TEST_F(SumTest, IsKnownOfThoseThatServe) {
  feed_jobs({"a", "b"});
  auto seen = named({"a", "b", "c"});
  seen.ready = 2;
  seen.replicas[2].ready = false;
  const auto sum = made(seen, /*others_report_elsewhere=*/true).metrics[0];
  ASSERT_TRUE(sum && !sum->is_missing());
  EXPECT_NEAR(sum->value, 200.0, 1.0);
}

TEST_F(SumTest, OfAnAgentBesideTheReplicasIsTheServices) {
  feed_jobs({"gateway"});
  const auto sum = made(named({"a", "b", "c"}), /*others_report_elsewhere=*/true).metrics[0];
  ASSERT_TRUE(sum && !sum->is_missing());
}

TEST_F(SnapshotTest, OneOfManyReplicasIsNotTakenForAnAgentBesideThem) {
  policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"metric": "jobs", "type": "threshold", "scaleUp": 9, "scaleDown": 1}]})")
               .policies.front();
  readings.watch(policy.compiled().metrics);
  auto only = process("a", 1, 3);
  only.entries.push_back(gauge("jobs", 0));
  feed({only});
  Surroundings now;
  now.at = start;
  now.observation = counted(3, 3);
  now.own_instance = "a";
  now.others_report_elsewhere = true;
  EXPECT_FALSE(maker.make(policy, readings, now).metrics[0]);
}

TEST_F(SnapshotTest, ReadingsStandWhereTheyBelong) {
  feed({process("a", 1, 3)});
  const auto snapshot = make(std::nullopt);
  ASSERT_EQ(snapshot.metrics.size(), 2U);
  EXPECT_FALSE(snapshot.metrics[0]) << "in_flight is read per instance";
  ASSERT_TRUE(snapshot.instances[0].metrics[0]);
  EXPECT_EQ(snapshot.instances[0].metrics[0]->value, 3.0);
  EXPECT_TRUE(snapshot.metrics[1]) << "a distribution is merged";
  EXPECT_FALSE(snapshot.instances[0].metrics[1]);
}

TEST_F(SnapshotTest, WhenThePlatformIsSilentTheLastCountsStand) {
  drivers::Observation seen;
  seen.desired = 4;
  seen.current = 3;
  seen.ready = 2;
  EXPECT_EQ(make(seen).platform.current_replicas, 3);
  const auto silent = make(std::nullopt, 1s, "connection refused");
  EXPECT_EQ(silent.platform.desired_replicas, 4);
  EXPECT_EQ(silent.platform.ready_replicas, 2);
  EXPECT_EQ(silent.platform.error, "connection refused");
  EXPECT_TRUE(make(seen, 2s).platform.error.empty());
}

TEST_F(SnapshotTest, TellsSinceWhenAReplicaIsReadyIfItSawTheChange) {
  drivers::Observation seen;
  seen.desired = seen.current = 2;
  seen.replicas = {replica("a", true, 100.0), replica("b", false, 1.0)};
  auto snapshot = make(seen);
  EXPECT_EQ(snapshot.instances[0].ready_changed_at, start - 100s) << "it was so when first seen";
  EXPECT_EQ(snapshot.instances[1].started_at, start - 1s);
  seen.replicas[1].ready = true;
  snapshot = make(seen, 5s);
  EXPECT_EQ(snapshot.instances[1].ready_changed_at, start + 5s);
  snapshot = make(seen, 9s);
  EXPECT_EQ(snapshot.instances[1].ready_changed_at, start + 5s);
}

TEST_F(SnapshotTest, TheIdleGoFirstThenTheNewest) {
  feed({process("busy", 1, 2), process("old", 2, 0), process("new", 3, 0)});
  drivers::Observation seen;
  seen.desired = seen.current = 4;
  seen.replicas = {replica("busy", true, 1.0), replica("old", true, 100.0),
                   replica("new", true, 10.0), replica("starting", false, 0.1)};
  seen.replicas.push_back(replica("leaving", true, 5.0));
  seen.replicas.back().deleting = true;
  const std::vector<std::string> wanted{"new", "old", "busy"};
  EXPECT_EQ(victims(make(seen), "beside"), wanted);
  const std::vector<std::string> without_leader{"old", "busy", "new"};
  EXPECT_EQ(victims(make(seen), "new"), without_leader) << "who decides goes last";
}

TEST(OtherServices, TakeOfWhatIsShared) {
  const auto policies = load_policies(R"({
    "guardrails": {"budgets": {"connections": {"limit": 100}, "usd": {"limit": 9}}},
    "policies": [
      {"service": "backend", "maxReplicas": 9, "preset": "balanced", "uses": {"usd": 1, "connections": 20}},
      {"service": "worker", "maxReplicas": 9, "preset": "balanced", "uses": {"connections": 5}},
      {"service": "mail", "maxReplicas": 9, "preset": "balanced", "uses": {"connections": 2}}]})")
                            .policies;
  Shared shared;
  add_other_service(policies[0], policies[1],
                    R"({"replicas": {"current": 4}, "eventsLastHour": 3})", shared);
  add_other_service(policies[0], policies[2],
                    R"({"replicas": {"current": 1}, "eventsLastHour": 1})", shared);
  EXPECT_EQ(shared.other_replicas, 5);
  EXPECT_EQ(shared.other_events_last_hour, 4);
  ASSERT_EQ(shared.budgets_used.size(), 2U);
  EXPECT_EQ(shared.budgets_used[0], 22.0);
  EXPECT_EQ(shared.budgets_used[1], std::nullopt) << "nobody else takes of usd";
}

TEST(OtherServices, WhatCannotBeReadIsNotCounted) {
  const auto policies = load_policies(R"({"policies": [
      {"service": "backend", "maxReplicas": 9, "preset": "balanced"},
      {"service": "worker", "maxReplicas": 9, "preset": "balanced"}]})")
                            .policies;
  Shared shared;
  for (const char* published :
       {"", "{", "[]", "{}", R"({"replicas": 4})", R"({"replicas": {"current": "4"}})",
        R"({"replicas": {"current": -1}})"}) {
    add_other_service(policies[0], policies[1], published, shared);
  }
  EXPECT_EQ(shared, Shared{});
}

TEST(VictimsOfARollback, AreThoseThatDidNotComeUpThenTheNewOnesThenTheIdleOnes) {
  using drivers::Replica;
  const std::vector<Replica> seen{
      {.instance = "busy", .ready = true},    {.instance = "idle", .ready = true},
      {.instance = "ill", .ready = false},    {.instance = "starting", .ready = false},
      {.instance = "just up", .ready = true}, {.instance = "going", .deleting = true},
      {.instance = "", .ready = false},
  };
  EXPECT_EQ(victims_of_rollback(seen, {"idle", "ill", "busy"}, "busy"),
            (std::vector<std::string>{"ill", "starting", "just up", "idle", "busy"}));
  EXPECT_EQ(victims_of_rollback(seen, {}, "idle"),
            (std::vector<std::string>{"ill", "starting", "busy", "just up", "idle"}));
  EXPECT_EQ(victims_of_rollback({}, {"idle", "busy"}, "other"),
            (std::vector<std::string>{"idle", "busy"}))
      << "a platform that names none";
}

}  // namespace
}  // namespace selfscale::agent
