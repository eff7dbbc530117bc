#include "metrics/registry.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstring>
#include <latch>
#include <limits>
#include <memory>
#include <optional>
#include <selfscale/error.hpp>
#include <thread>
#include <vector>

#include "metrics/area.hpp"

namespace selfscale::metrics {
namespace {

struct alignas(64) Memory {
  std::array<std::byte, area_bytes> bytes{};
};

Entry entry_of(std::span<const std::byte> block, std::string_view name,
               std::string_view labels = {}) {
  for (auto& entry : read(block)) {
    if (entry.name == name && entry.labels == labels) return entry;
  }
  ADD_FAILURE() << "no metric " << name;
  return {};
}

TEST(Registry, GivesTheSameCellForTheSameName) {
  Registry registry;
  registry.counter("orders").inc();
  registry.counter("orders").inc(2);
  registry.counter("orders", "route=/a").inc(5);
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 3U);
  EXPECT_EQ(entry_of(registry.block(), "orders", "route=/a").count, 5U);
}

TEST(Registry, AGaugeGoesUpAndDown) {
  Registry registry;
  const auto gauge = registry.gauge("queue_length");
  gauge.set(42);
  gauge.inc();
  gauge.dec();
  gauge.add(-40.5);
  EXPECT_EQ(entry_of(registry.block(), "queue_length").value, 1.5);
}

TEST(Registry, ANameIsOfOneKind) {
  Registry registry;
  registry.counter("orders");
  try {
    registry.gauge("orders", "route=/");
    FAIL() << "a second kind was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_STREQ(error.what(),
                 "metric \"orders\" is a counter already; a gauge needs another name");
  }
}

TEST(Registry, RefusesNamesThatAreEmptyOrTooLong) {
  Registry registry;
  EXPECT_THROW(registry.counter(""), Error);
  EXPECT_THROW(registry.counter(std::string(600, 'x')), Error);
}

TEST(Registry, RefusesAndCountsWhatCannotBeRecorded) {
  Registry registry;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  registry.gauge("depth").set(7);
  registry.gauge("depth").set(nan);
  registry.gauge("depth").set(-5);
  registry.gauge("depth").add(-infinity);
  registry.distribution("took").observe(-0.1);
  registry.distribution("took").observe(nan);
  registry.distribution("took").observe(infinity);
  EXPECT_EQ(registry.refused(), 6U);
  EXPECT_EQ(entry_of(registry.block(), "depth").value, 7.0);
  EXPECT_EQ(entry_of(registry.block(), "took").buckets.count(), 0U);
  EXPECT_EQ(entry_of(registry.block(), refused_name).count, 6U);
}

TEST(Registry, AMillionLabelValuesTakeNoMoreRoomThanTheirLimit) {
  Registry registry;
  for (int i = 0; i < 1000; ++i) registry.counter("hits", "id=" + std::to_string(i)).inc();
  int series = 0;
  std::uint64_t sum = 0;
  for (const auto& entry : read(registry.block())) {
    if (entry.name != "hits") continue;
    ++series;
    sum += entry.count;
  }
  EXPECT_EQ(series, label_sets_per_counter + 1);
  EXPECT_EQ(sum, 1000U);
  EXPECT_EQ(registry.refused(), 1000U - label_sets_per_counter);
  EXPECT_EQ(entry_of(registry.block(), "hits", overflow_labels).count,
            1000U - label_sets_per_counter);
  registry.counter("others").inc();
  EXPECT_EQ(entry_of(registry.block(), "others").count, 1U);
}

TEST(Registry, LabelSetsOfADistributionPastTheLimitShareOne) {
  Registry registry;
  for (int i = 0; i < 100; ++i) registry.distribution("took", "id=" + std::to_string(i)).observe(1);
  EXPECT_EQ(entry_of(registry.block(), "took", overflow_labels).buckets.count(),
            100U - label_sets_per_name);
}

TEST(Registry, WhatHasLabelsFindsRoomBesideItsOthersInAFullBlock) {
  Registry registry;
  registry.distribution("took", "id=first").observe(1);
  for (int i = 0; i < 20; ++i) registry.distribution("fills_" + std::to_string(i));
  for (int i = 0; i < 20; ++i) registry.distribution("fills", "id=" + std::to_string(i));
  registry.distribution("took", "id=second").observe(1);
  EXPECT_EQ(entry_of(registry.block(), "took", overflow_labels).buckets.count(), 1U);
}

TEST(Registry, WhatStandsForFurtherLabelSetsIsReadOnceThereAreSome) {
  Registry registry;
  registry.counter("hits", "id=1").inc();
  registry.distribution("took", "id=1").observe(1);
  for (const auto& entry : read(registry.block())) EXPECT_NE(entry.labels, overflow_labels);
}

TEST(Registry, LabelSetsOfAGaugePastTheLimitAreNotMixedWithTheOthers) {
  Registry registry;
  for (int i = 0; i < 100; ++i) registry.gauge("depth", "id=" + std::to_string(i)).set(1);
  double sum = 0.0;
  for (const auto& entry : read(registry.block())) sum += entry.name == "depth" ? entry.value : 0;
  EXPECT_EQ(sum, label_sets_per_name);
}

TEST(Registry, AFullBlockStillRecordsSomewhere) {
  Registry registry;
  for (int i = 0; i < 20; ++i) registry.distribution("took_" + std::to_string(i)).observe(0.1);
  EXPECT_GT(registry.refused(), 0U);
  const auto overflow = entry_of(registry.block(), "selfscale_overflow_distribution", "labels=any");
  EXPECT_EQ(overflow.buckets.count(), registry.refused());
}

TEST(Registry, ThreadsLoseNoCount) {
  Registry registry;
  constexpr int threads = 8;
  constexpr int rounds = 20'000;
  std::vector<std::thread> running;
  running.reserve(threads);
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&registry] {
      const auto counter = registry.counter("orders");
      const auto gauge = registry.gauge("in_flight");
      const auto took = registry.distribution("took");
      for (int round = 0; round < rounds; ++round) {
        gauge.inc();
        counter.inc();
        took.observe(0.25);
        gauge.dec();
      }
    });
  }
  for (auto& thread : running) thread.join();
  EXPECT_EQ(entry_of(registry.block(), "orders").count, std::uint64_t{threads} * rounds);
  EXPECT_EQ(entry_of(registry.block(), "in_flight").value, 0.0);
  const auto took = entry_of(registry.block(), "took").buckets;
  EXPECT_EQ(took.count(), std::uint64_t{threads} * rounds);
  EXPECT_EQ(took.sum, 0.25 * threads * rounds);
}

/// Runs `work` on that many threads at once.
template <class Work>
void on_threads(int count, const Work& work) {
  std::vector<std::thread> running;
  running.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) running.emplace_back(work);
  for (auto& thread : running) thread.join();
}

TEST(Registry, MoreThreadsThanBlocksLoseNoCount) {
  Registry registry;
  constexpr int threads = 40;
  constexpr int rounds = 2'000;
  const auto counter = registry.counter("orders");
  const auto took = registry.distribution("took");
  std::barrier all_record{threads};
  on_threads(threads, [&] {
    for (int round = 0; round < rounds; ++round) {
      counter.inc();
      took.observe(0.25);
      took.observe(30.0);
      if (round == 0) all_record.arrive_and_wait();
    }
  });
  EXPECT_EQ(block_count(registry.block()), 16U);
  EXPECT_EQ(entry_of(registry.block(), "orders").count, std::uint64_t{threads} * rounds);
  const auto read_back = entry_of(registry.block(), "took").buckets;
  EXPECT_EQ(read_back.count(), std::uint64_t{threads} * rounds * 2);
  EXPECT_EQ(read_back.above, 0U);
  EXPECT_EQ(read_back.sum, 30.25 * threads * rounds);
}

TEST(Registry, AThreadContinuesInTheBlockOfOneThatEnded) {
  Registry registry;
  const auto counter = registry.counter("orders");
  for (int i = 0; i < 100; ++i) on_threads(1, [&] { counter.inc(); });
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 100U);
  EXPECT_EQ(block_count(registry.block()), 2U);
}

TEST(Registry, AThreadThatFoundNoBlockTakesThatOfOneThatEnded) {
  Registry registry;
  const auto counter = registry.counter("orders");
  const auto cell = find(registry.block(), "orders", {})->record.cell;
  const auto shared = [&] {
    return word(cell_at(block_at(registry.block().data(), 0), cell), 0).load();
  };
  std::latch all_record{15};
  std::latch may_end{1};
  std::thread others{[&] {
    on_threads(15, [&] {
      counter.inc();
      all_record.count_down();
      may_end.wait();
    });
  }};
  all_record.wait();
  counter.inc();
  EXPECT_EQ(shared(), 1U);
  may_end.count_down();
  others.join();
  for (int i = 0; i < 4; ++i) counter.inc();
  EXPECT_EQ(shared(), 1U);
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 20U);
}

TEST(Registry, AThreadRecordsInSeveralRegistries) {
  std::array<Registry, 3> registries;
  for (int round = 0; round < 10; ++round) {
    for (auto& registry : registries) registry.counter("orders").inc();
  }
  for (auto& registry : registries) {
    EXPECT_EQ(entry_of(registry.block(), "orders").count, 10U);
    EXPECT_EQ(block_count(registry.block()), 2U);
  }
}

TEST(Registry, ARegistryInThePlaceOfAnotherBeginsAtZero) {
  std::optional<Registry> registry;
  for (int i = 0; i < 3; ++i) {
    registry.emplace();
    registry->counter("orders").inc();
    EXPECT_EQ(entry_of(registry->block(), "orders").count, 1U);
  }
}

TEST(Registry, WhatAThreadRecordsWhileItEndsCounts) {
  Registry registry;
  struct Last {
    const Counter* counter = nullptr;
    ~Last() { counter->inc(); }
  };
  const auto counter = registry.counter("orders");
  on_threads(4, [&] {
    static thread_local Last last;  // ends after what recording makes later
    last.counter = &counter;
    counter.inc();
  });
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 8U);
}

TEST(Registry, AGaugeTracksWhatIsInsideAndADistributionTimesIt) {
  Registry registry;
  const auto in_flight = registry.gauge("in_flight");
  const auto took = registry.distribution("took");
  {
    const auto here = in_flight.track();
    const auto timing = took.time();
    EXPECT_EQ(entry_of(registry.block(), "in_flight").value, 1.0);
    EXPECT_EQ(entry_of(registry.block(), "took").buckets.count(), 0U);
  }
  EXPECT_EQ(entry_of(registry.block(), "in_flight").value, 0.0);
  EXPECT_EQ(entry_of(registry.block(), "took").buckets.count(), 1U);
}

TEST(Registry, AForkedChildCountsItsOwnAlone) {
  Registry registry;
  const auto counter = registry.counter("orders");
  const auto took = registry.distribution("took");
  const auto record = [&] {
    counter.inc(3);
    took.observe(0.25);
  };
  on_threads(3, record);
  record();
  const pid_t child = ::fork();
  if (child == 0) {
    registry.restart_at_home();
    record();
    on_threads(2, record);
    const bool right = entry_of(registry.block(), "orders").count == 9 &&
                       entry_of(registry.block(), "took").buckets.count() == 3;
    ::_exit(right ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 12U);
}

TEST(Registry, MovingUnderFireLosesNoCount) {
  Registry registry;
  const auto slots = std::make_unique<std::array<Memory, 20>>();
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> made{0};
  std::vector<std::thread> running;
  running.reserve(4);
  for (int i = 0; i < 4; ++i) {
    running.emplace_back([&] {
      const auto counter = registry.counter("orders");
      const auto gauge = registry.gauge("in_flight");
      const auto took = registry.distribution("took");
      std::uint64_t mine = 0;
      while (!stop.load()) {
        gauge.inc();
        counter.inc();
        took.observe(0.5);
        took.observe(30.0);
        gauge.dec();
        ++mine;
      }
      made += mine;
    });
  }
  registry.counter("orders");
  for (auto& slot : *slots) {
    registry.move_to(slot.bytes);
    const auto before = entry_of(registry.block(), "orders").count;
    while (entry_of(registry.block(), "orders").count < before + 100) std::this_thread::yield();
  }
  stop = true;
  for (auto& thread : running) thread.join();
  registry.settle();
  EXPECT_EQ(entry_of(registry.block(), "orders").count, made.load());
  EXPECT_EQ(entry_of(registry.block(), "in_flight").value, 0.0);
  const auto took = entry_of(registry.block(), "took").buckets;
  EXPECT_EQ(took.count(), 2 * made.load());
  EXPECT_EQ(took.above, 0U);
  EXPECT_EQ(took.sum, 30.5 * static_cast<double>(made.load()));
}

TEST(Registry, MovingHomeLeavesTheCountsInTheSlot) {
  Registry registry;
  Memory slot;
  const auto counter = registry.counter("orders");
  const auto gauge = registry.gauge("depth");
  counter.inc(3);
  gauge.set(5);
  registry.move_to(slot.bytes);
  counter.inc(4);
  registry.move_home();
  counter.inc(10);
  EXPECT_EQ(entry_of(slot.bytes, "orders").count, 7U);
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 10U);
  EXPECT_EQ(entry_of(registry.block(), "depth").value, 5.0);
}

TEST(Registry, AChildBeginsAtZeroWithTheSameHandles) {
  Registry registry;
  Memory slot;
  Memory childs;
  const auto counter = registry.counter("orders");
  const auto took = registry.distribution("took");
  registry.move_to(slot.bytes);
  counter.inc(3);
  took.observe(1.5);
  registry.restart_in(childs.bytes);
  counter.inc(2);
  took.observe(0.5);
  EXPECT_EQ(entry_of(slot.bytes, "orders").count, 3U);
  EXPECT_EQ(entry_of(childs.bytes, "orders").count, 2U);
  EXPECT_EQ(entry_of(childs.bytes, "took").buckets.count(), 1U);
  registry.restart_at_home();
  counter.inc();
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 1U);
  EXPECT_EQ(entry_of(childs.bytes, "orders").count, 2U);
  registry.restart_at_home();
  EXPECT_EQ(entry_of(registry.block(), "orders").count, 0U);
}

TEST(Read, AForeignOrTornBlockYieldsNothing) {
  Registry registry;
  registry.counter("orders").inc();
  Memory copy;
  std::memcpy(copy.bytes.data(), registry.block().data(), area_bytes);
  ASSERT_FALSE(read(copy.bytes).empty());
  for (std::size_t at = 0; at < 64; ++at) {
    Memory torn = copy;
    torn.bytes[at] ^= std::byte{0xff};
    read(torn.bytes);  // whatever it yields, it stays in bounds
  }
  copy.bytes[0] = std::byte{0};
  EXPECT_TRUE(read(copy.bytes).empty());
  EXPECT_TRUE(read(std::span{copy.bytes}.first(7)).empty());
  EXPECT_TRUE(read(Memory{}.bytes).empty());
}

TEST(Read, ARecordLongerThanTheDirectoryYieldsNothing) {
  Registry registry;
  Memory copy;
  std::memcpy(copy.bytes.data(), registry.block().data(), area_bytes);
  const std::uint32_t far = 1U << 30;
  std::memcpy(copy.bytes.data() + sizeof(Header), &far, sizeof far);
  EXPECT_TRUE(read(copy.bytes).empty());
}

TEST(Fold, AddsCountsAndLeavesGaugesOut) {
  Registry first;
  Registry second;
  first.counter("orders").inc(3);
  first.gauge("depth").set(9);
  first.distribution("took").observe(0.5);
  second.counter("orders").inc(4);
  second.counter("orders", "route=/").inc(1);
  second.distribution("took").observe(0.5);
  Memory sums;
  EXPECT_TRUE(fold(first.block(), sums.bytes));
  EXPECT_TRUE(fold(second.block(), sums.bytes));
  EXPECT_EQ(entry_of(sums.bytes, "orders").count, 7U);
  EXPECT_EQ(entry_of(sums.bytes, "orders", "route=/").count, 1U);
  EXPECT_EQ(entry_of(sums.bytes, "took").buckets.count(), 2U);
  EXPECT_EQ(entry_of(sums.bytes, "took").buckets.sum, 1.0);
  for (const auto& entry : read(sums.bytes)) EXPECT_NE(entry.kind, Kind::gauge);
}

TEST(Fold, SaysWhenThereIsNoRoomForAll) {
  Memory sums;
  bool complete = true;
  for (int i = 0; i < 10 && complete; ++i) {
    Registry registry;
    for (int j = 0; j < 3; ++j) {
      registry.distribution("took_" + std::to_string(i) + "_" + std::to_string(j)).observe(0.1);
    }
    complete = fold(registry.block(), sums.bytes);
  }
  EXPECT_FALSE(complete);
}

}  // namespace
}  // namespace selfscale::metrics
