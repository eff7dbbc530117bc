// Once its buffers are warm, decide() allocates nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "decide/policies_fixture.hpp"

namespace {
thread_local std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc{};
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace selfscale {
namespace {

using namespace std::chrono_literals;

/// Every kind of rule and stage: a load of the service that falls and rises, and one per instance.
TEST(Allocations, NoneOnceWarm) {
  const Policy policy = testing::policy_of(R"json({
    "service": "backend", "minReplicas": 0, "maxReplicas": 50, "scaleToZero": {}, "timezone": "Europe/Berlin",
    "guardrails": {"maxTotalReplicas": 60, "minAvailableMemoryMb": 100, "maxScaleEventsPerHour": 1000,
                   "budgets": {"connections": {"limit": 400}}},
    "uses": {"connections": 6},
    "metrics": [{"name": "queue_length"}, {"name": "cpu_usage"}, {"name": "in_flight"}, {"name": "queue_latency"},
                {"name": "share", "value": "queue_length / max(queue_latency, 1)"}],
    "rules": [
      {"type": "concurrency", "metric": "queue_length", "targetPerReplica": 10, "scaleDownDelay": "10m"},
      {"type": "concurrency", "metric": "in_flight", "targetPerReplica": 10},
      {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30, "scaleUpFor": "1m"},
      {"type": "target", "metric": "in_flight", "target": 20},
      {"type": "target", "metric": "share", "targetPerReplica": 20},
      {"type": "target", "as": "ecs", "metric": "cpu_usage", "target": 60},
      {"type": "step", "metric": "cpu_usage", "steps": [{"to": 20, "by": -1}, {"from": 70, "by": 2}]},
      {"type": "backlog", "metric": "queue_length", "targetLatency": "30s", "throughputPerReplica": 2,
       "running": "in_flight", "oldest": "queue_latency"}],
    "schedules": [{"from": "11:00", "to": "12:00", "minReplicas": 2}, {"cron": "0 8 * * mon-fri", "maxReplicas": 40}],
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 60,
                             "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}]},
                 "scaleDown": {"stabilizationWindowSeconds": 300, "cooldown": "30s"}}})json");
  Snapshot seen = testing::snapshot(10);
  seen.metrics.resize(5);
  seen.instances = testing::instances({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  for (Instance& instance : seen.instances) instance.metrics.resize(5);
  seen.shared.other_replicas = 3;
  seen.shared.available_memory_mb = 900;
  seen.shared.budgets_used = {20.0};
  DecisionState state;
  Decision decision;
  const auto tick = [&](int number) {
    seen.at = testing::start + number * 1s;
    seen.wall_time_seconds = static_cast<double>(seen.at.time_since_epoch().count()) / 1000.0;
    for (Instance& instance : seen.instances) {
      instance.metrics[1] = Reading::of(number % 101);
      instance.metrics[2] = Reading::of(number % 53);
    }
    seen.metrics[0] = Reading::of(1000 - number % 100);
    seen.metrics[3] = Reading::of(number % 40);
    decide(policy, seen, state, decision);
  };
  for (int number = 0; number < 1000; ++number) tick(number);
  const std::size_t before = allocations;
  ASSERT_GT(before, 0U) << "counting works";
  for (int number = 1000; number < 2000; ++number) tick(number);
  EXPECT_EQ(allocations - before, 0U);
}

}  // namespace
}  // namespace selfscale
