#include "drivers/railway/regions.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace selfscale::drivers::railway {
namespace {

TEST(RailwayRegions, KeepTheirProportions) {
  EXPECT_EQ(shared_out({{"a", 2}}, 5), (Regions{{"a", 5}}));
  EXPECT_EQ(shared_out({{"a", 6}, {"b", 2}}, 4), (Regions{{"a", 3}, {"b", 1}}));
  EXPECT_EQ(shared_out({{"a", 6}, {"b", 2}}, 12), (Regions{{"a", 9}, {"b", 3}}));
  EXPECT_EQ(shared_out({{"a", 1}, {"b", 1}, {"c", 1}}, 4), (Regions{{"a", 2}, {"b", 1}, {"c", 1}}))
      << "the first of equals";
}

TEST(RailwayRegions, EachKeepsOneAndNoneIsOpened) {
  EXPECT_EQ(shared_out({{"a", 9}, {"b", 1}}, 2), (Regions{{"a", 1}, {"b", 1}}));
  EXPECT_EQ(shared_out({{"a", 9}, {"b", 1}}, 3), (Regions{{"a", 2}, {"b", 1}}));
  EXPECT_EQ(shared_out({{"a", 2}, {"b", 0}}, 6), (Regions{{"a", 6}, {"b", 0}}));
}

RC_GTEST_PROP(RailwayRegions, AreWithinOneOfTheirExactSharesUnlessTheyKeepOne, ()) {
  Regions shares;
  const int regions = *rc::gen::inRange(1, 6);
  for (int i = 0; i < regions; ++i) shares["r" + std::to_string(i)] = *rc::gen::inRange(0, 51);
  RC_PRE(in_use(shares) > 0);
  const int count = *rc::gen::inRange(in_use(shares), 51);
  const auto shared = shared_out(shares, count);
  RC_ASSERT(total(shared) == count);
  bool one_is_held = false;
  for (const auto& [region, replicas] : shared) {
    RC_ASSERT((replicas == 0) == (shares.at(region) == 0));
    one_is_held = one_is_held || count * shares.at(region) < total(shares);
  }
  RC_ASSERT(count != total(shares) || shared == shares);
  if (one_is_held) return;
  for (const auto& [region, replicas] : shared) {
    RC_ASSERT(std::abs(replicas - 1.0 * count * shares.at(region) / total(shares)) < 1.0);
  }
}

}  // namespace
}  // namespace selfscale::drivers::railway
