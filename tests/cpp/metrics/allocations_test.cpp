// Recording takes no lock, and allocates nothing once a thread has recorded.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <limits>
#include <new>
#include <thread>

#include "metrics/registry.hpp"

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

namespace selfscale::metrics {
namespace {

struct Handles {
  explicit Handles(Registry& registry)
      : orders{registry.counter("orders", "route=/a")},
        depth{registry.gauge("depth")},
        took{registry.distribution("took")} {}

  void record(int number) const {
    orders.inc();
    depth.set(number);
    depth.add(0.5);
    took.observe(0.001 * number);
    took.observe(std::numeric_limits<double>::quiet_NaN());
  }

  Counter orders;
  Gauge depth;
  Distribution took;
};

TEST(Recording, AllocatesNothingAfterTheFirstTime) {
  Registry registry;
  const Handles handles{registry};
  handles.record(1);
  const std::size_t before = allocations;
  ASSERT_GT(before, 0U) << "counting works";
  for (int number = 0; number < 10'000; ++number) handles.record(number);
  EXPECT_EQ(allocations - before, 0U);
}

TEST(Recording, WaitsForNoLock) {
  Registry registry;
  const Handles handles{registry};
  std::promise<void> recorded;
  registry.lock_for_fork();  // the one lock that there is
  std::thread other{[&] {
    for (int number = 0; number < 1'000; ++number) handles.record(number);
    recorded.set_value();
  }};
  const auto outcome = recorded.get_future().wait_for(std::chrono::seconds{20});
  registry.unlock_after_fork();
  other.join();
  EXPECT_EQ(outcome, std::future_status::ready);
}

}  // namespace
}  // namespace selfscale::metrics
