// Windows beyond the recorded cases: the bounded maximum held against one that forgets nothing.
#include "decide/window.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using Wanted = DecisionState::Wanted;
using testing::start;
using namespace std::chrono_literals;

constexpr Duration bucket{2'000};

int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}

/// The largest of those whose bucket lies within the window.
int most_of(const std::vector<Wanted>& all, Duration window) {
  const auto number_of = [](Instant at) { return at.time_since_epoch() / bucket; };
  int most = 0;
  for (const Wanted& one : all) {
    const bool counts = (number_of(all.back().at) - number_of(one.at)) * bucket < window;
    if (counts) most = std::max(most, one.replicas);
  }
  return most;
}

RC_GTEST_PROP(SlidingMaximum, IsNeverTooSmallAndTooLargeForLessThanOnePart, ()) {
  const Duration window = 1s * within(1, 600);
  const int most = within(2, 32);
  const Duration part = std::max(bucket, window / (most / 2));
  std::vector<Wanted> all;
  std::vector<Wanted> kept;
  Instant at = start;
  for (int count = within(1, 200); count > 0; --count) {
    at += 1ms * within(0, 5'000);
    all.push_back({at, within(0, count)});
    const int found = sliding_maximum(kept, all.back(), window, bucket, most);
    RC_ASSERT(found >= most_of(all, window));
    RC_ASSERT(found <= most_of(all, window + part + bucket));
    RC_ASSERT(kept.size() <= static_cast<std::size_t>(most));
  }
}

RC_GTEST_PROP(SlidingMaximum, IsExactWhileThereIsRoom, ()) {
  const Duration window = 1s * within(1, 60);
  std::vector<Wanted> all;
  std::vector<Wanted> kept;
  Instant at = start;
  for (int count = within(1, 200); count > 0; --count) {
    at += 1ms * within(0, 5'000);
    all.push_back({at, within(0, 100)});
    RC_ASSERT(sliding_maximum(kept, all.back(), window, bucket, 32) == most_of(all, window));
  }
}

TEST(BucketWindow, KeepsTheSumsOfItsOwnTime) {
  BucketWindow window{4s, 1s};
  window.record(start, 3);
  window.record(start + 500ms, 5);
  EXPECT_DOUBLE_EQ(window.average(start + 900ms), 8.0) << "a bucket holds a sum";
  window.record(start + 2s, 4);
  EXPECT_DOUBLE_EQ(window.average(start + 2s), 4.0) << "what was passed over is 0";
  EXPECT_DOUBLE_EQ(window.average(start + 3s), 4.0) << "the time since the latest does not count";
  EXPECT_FALSE(window.is_empty(start + 6s));
  EXPECT_TRUE(window.is_empty(start + 7s));
}

}  // namespace
}  // namespace selfscale
