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

TEST(Allocations, NoneOnceWarm) {
  const Policy policy = testing::policy_of(R"({
    "service": "backend", "minReplicas": 0, "maxReplicas": 50, "scaleToZero": {}, "rules": [
      {"type": "concurrency", "metric": "requests_per_second", "targetPerReplica": 10, "scaleDownDelay": "10m"},
      {"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30, "scaleUpFor": "1m"},
      {"type": "target", "metric": "in_flight", "target": 20}],
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 60, "policies": []},
                 "scaleDown": {"stabilizationWindowSeconds": 300, "policies": []}}})");
  Snapshot seen = testing::snapshot(10);
  seen.metrics.resize(3);
  seen.instances = testing::instances({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  for (Instance& instance : seen.instances) instance.metrics.resize(3);
  DecisionState state;
  Decision decision;
  const auto tick = [&](int number) {
    seen.at = testing::start + number * 1s;
    for (Instance& instance : seen.instances) {
      instance.metrics[1] = Reading::of(number % 101);
      instance.metrics[2] = Reading::of(number % 53);
    }
    seen.metrics[0] = Reading::of(1000 - number % 100);
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
