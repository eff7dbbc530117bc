#include "agent/snapshot.hpp"

#include <gtest/gtest.h>

#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{Duration{1'000'000'000}};

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() { readings.watch(policy.compiled().metrics); }

  static ProcessView process(const std::string& instance, int slot, double in_flight) {
    ProcessView view;
    view.instance = instance;
    view.slot = slot;
    view.pid = slot;
    view.entries = {{.name = "in_flight",
                     .labels = {},
                     .kind = metrics::Kind::gauge,
                     .count = 0,
                     .value = in_flight,
                     .buckets = {}}};
    return view;
  }
  void feed(std::vector<ProcessView> processes) {
    Tick tick;
    tick.at = start;
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
    return maker.make(policy, readings, now);
  }

  Policy policy = load_policies(R"({"service": "backend", "maxReplicas": 5,
    "rules": [{"metric": "in_flight", "type": "target", "targetPerReplica": 10},
              {"metric": "response_time_p95", "type": "threshold", "scaleUp": 1}]})")
                      .policies.front();
  Readings readings{false};
  SnapshotMaker maker;
};

TEST_F(SnapshotTest, WithoutADriverTheInstancesSeenAreAllThereIs) {
  EXPECT_EQ(make(std::nullopt).platform.current_replicas, 1) << "this process, at least";
  feed({process("a", 1, 3), process("b", 2, 0), process("b", 3, 1)});
  const auto snapshot = make(std::nullopt);
  EXPECT_EQ(snapshot.platform.current_replicas, 2);
  EXPECT_EQ(snapshot.platform.desired_replicas, 2);
  EXPECT_FALSE(snapshot.platform.ready_replicas);
  ASSERT_EQ(snapshot.instances.size(), 2U);
  EXPECT_EQ(snapshot.instances[0].ready, Ready::yes) << "it reports from inside";
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
  EXPECT_FALSE(snapshot.instances[0].ready_changed_at) << "it was so when first seen";
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
  EXPECT_EQ(victims(make(seen)), wanted);
}

}  // namespace
}  // namespace selfscale::agent
