#include "model/rfc3339.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace selfscale {
namespace {

TEST(Rfc3339, WritesWholeSecondsWithoutAFraction) {
  EXPECT_EQ(to_rfc3339(0.0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(1737282600.0), "2025-01-19T10:30:00Z");
}

TEST(Rfc3339, WritesMilliseconds) {
  EXPECT_EQ(to_rfc3339(1737282600.25), "2025-01-19T10:30:00.250Z");
  EXPECT_EQ(to_rfc3339(-0.001), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(1737282599.9996), "2025-01-19T10:30:00Z");
}

TEST(Rfc3339, HoldsWhatNoCalendarHas) {
  EXPECT_EQ(to_rfc3339(std::numeric_limits<double>::infinity()), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(-1e30), "0000-01-01T00:00:00Z");
  EXPECT_EQ(to_rfc3339(std::nan("")), "1970-01-01T00:00:00Z");
}

TEST(Rfc3339, ReadsEveryOffset) {
  EXPECT_EQ(from_rfc3339("2025-01-19T10:30:00Z"), 1737282600.0);
  EXPECT_EQ(from_rfc3339("2025-01-19t11:30:00.5+01:00"), 1737282600.5);
  EXPECT_EQ(from_rfc3339("2025-01-19 05:00:00-05:30"), 1737282600.0);
  EXPECT_EQ(from_rfc3339("2024-02-29T00:00:00Z"), 1709164800.0);
}

TEST(Rfc3339, RefusesWhatItIsNot) {
  for (const auto* text :
       {"", "now", "2025-01-19", "2025-01-19T10:30:00", "2025-02-29T00:00:00Z",
        "2025-13-01T00:00:00Z", "2025-01-19T24:00:00Z", "2025-01-19T10:60:00Z",
        "2025-01-19T10:30:00.Z", "2025-01-19T10:30:00Zz", "2025-01-19T10:30:00+1:00",
        "+025-01-19T10:30:00Z", "2025-1-19T10:30:00Z", " 2025-01-19T10:30:00Z"}) {
    EXPECT_EQ(from_rfc3339(text), std::nullopt) << text;
  }
}

TEST(Rfc3339, ReadsWhatItWrites) {
  std::mt19937_64 random{3};
  for (int i = 0; i < 2000; ++i) {
    const double seconds = static_cast<double>(random() % 250'000'000'000'000) / 1e3;
    const auto text = to_rfc3339(seconds);
    const auto read = from_rfc3339(text);
    ASSERT_TRUE(read) << text;
    EXPECT_NEAR(*read, seconds, 1e-4) << text;
  }
}

}  // namespace
}  // namespace selfscale
