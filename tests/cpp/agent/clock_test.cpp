#include "agent/clock.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "agent/ulid.hpp"

namespace selfscale::agent {
namespace {

TEST(EngineClock, StartsAtTheWallsTime) {
  const EngineClock clock;
  const double engine = static_cast<double>(clock.now().time_since_epoch().count()) / 1000.0;
  EXPECT_LT(std::abs(engine - wall_seconds()), 60.0);
}

TEST(EngineClock, IsPutForwardToALaterStateAndNeverBack) {
  EngineClock clock;
  const auto later = clock.now() + Duration{3'600'000};
  const auto behind = clock.catch_up(later);
  EXPECT_GT(behind, Duration{3'500'000});
  EXPECT_LE(behind, Duration{3'600'000});
  EXPECT_GE(clock.now(), later);
  EXPECT_EQ(clock.catch_up(later - Duration{1'000'000}), Duration{0});
  EXPECT_GE(clock.now(), later);
}

TEST(EngineClock, GoesOnByTheBootClock) {
  const EngineClock clock;
  const auto engine = clock.now();
  const auto boot = boot_milliseconds();
  while (boot_milliseconds() < boot + 20) {
  }
  EXPECT_GE(clock.now(), engine + Duration{19});
}

TEST(Ulids, AreLongAndOfTheRightLetters) {
  Ulids ulids;
  const auto id = ulids.next(Instant{Duration{1'469'918'176'385}});
  EXPECT_EQ(id.size(), 26U);
  EXPECT_EQ(id.substr(0, 10), "01ARYZ6S41");  // the specification's example
  EXPECT_EQ(id.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), std::string::npos);
}

TEST(Ulids, GrowAlsoWithinAMillisecondAndWhenTheTimeStands) {
  Ulids ulids;
  std::string last;
  for (int i = 0; i < 1'000; ++i) {
    const auto id = ulids.next(Instant{Duration{1'000'000 - i / 100}});
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(Ulids, OfTwoMakersDiffer) {
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) all.insert(Ulids{}.next(Instant{Duration{5}}));
  EXPECT_EQ(all.size(), 100U);
}

}  // namespace
}  // namespace selfscale::agent
