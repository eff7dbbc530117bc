#include "agent/startup_times.hpp"

#include <gtest/gtest.h>

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{Duration{1'000'000}};

ScalingEvent up(Duration took) {
  ScalingEvent event;
  event.from_replicas = 1;
  event.to_replicas = 2;
  event.started_at = start;
  event.accepted_at = start + 1s;
  event.duration = took + 1s;
  event.ready_replicas = 2;
  event.outcome = Outcome::succeeded;
  return event;
}

TEST(StartupTimes, NothingIsKnownBeforeTheFirstStep) {
  StartupTimes times;
  times.note_ready(3, start);
  times.note_ready(5, start + 9s);
  EXPECT_EQ(times.estimates(), Estimates{}) << "nobody asked for them here";
}

TEST(StartupTimes, EachNewReplicaIsTimedFromTheAcceptedWrite) {
  StartupTimes times;
  times.note_ready(2, start);
  times.note_step(2, 4, start);
  times.note_ready(2, start + 1s);
  times.note_ready(3, start + 3s);
  EXPECT_EQ(times.estimates().startup_seconds_p50, 3.0);
  times.note_ready(4, start + 7s);
  const auto learned = times.estimates();
  EXPECT_EQ(learned.startup_seconds_p50, 3.0);
  EXPECT_EQ(learned.startup_seconds_p95, 7.0);
  EXPECT_EQ(learned.startup_samples, 2);
}

TEST(StartupTimes, AStepOnTopOfAnotherKeepsTheirTimesApart) {
  StartupTimes times;
  times.note_ready(1, start);
  times.note_step(1, 2, start);
  times.note_step(2, 3, start + 4s);
  times.note_ready(3, start + 10s);
  const auto learned = times.estimates();
  EXPECT_EQ(learned.startup_seconds_p95, 10.0);
  EXPECT_EQ(learned.startup_seconds_p50, 6.0);
}

TEST(StartupTimes, WhatIsTakenBackIsNotWaitedFor) {
  StartupTimes times;
  times.note_ready(1, start);
  times.note_step(1, 3, start);
  times.note_step(3, 2, start + 1s);
  times.note_ready(2, start + 5s);
  times.note_ready(3, start + 90s);
  EXPECT_EQ(times.estimates().startup_samples, 1);
  times.note_step(3, 4, start + 100s);
  times.forget_pending();
  times.note_ready(4, start + 500s);
  EXPECT_EQ(times.estimates().startup_samples, 1);
}

TEST(StartupTimes, AReplicaThatEndsIsNoStart) {
  StartupTimes times;
  times.note_ready(3, start);
  times.note_ready(2, start + 1s);
  times.note_ready(3, start + 2s);
  EXPECT_EQ(times.estimates().startup_samples, 0);
}

TEST(StartupTimes, LearnsFromEventsThatSucceededUpAndWereSeen) {
  auto down = up(3s);
  down.to_replicas = 0;
  auto failed = up(3s);
  failed.outcome = Outcome::failed;
  auto unseen = up(3s);
  unseen.ready_replicas.reset();
  StartupTimes times;
  times.learn({up(8s), down, failed, unseen, up(2s)});
  const auto learned = times.estimates();
  EXPECT_EQ(learned.startup_samples, 2);
  EXPECT_EQ(learned.startup_seconds_p50, 2.0);
  EXPECT_EQ(learned.startup_seconds_p95, 8.0);
}

TEST(StartupTimes, TheOldestAreForgotten) {
  StartupTimes times;
  times.learn({up(500s)});
  times.note_ready(0, start);
  for (int i = 0; i < 100; ++i) {
    times.note_step(i, i + 1, start);
    times.note_ready(i + 1, start + 1s);
  }
  EXPECT_EQ(times.estimates().startup_samples, 100);
  EXPECT_EQ(times.estimates().startup_seconds_p95, 1.0);
}

}  // namespace
}  // namespace selfscale::agent
