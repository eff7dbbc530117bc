#include "metrics/buckets.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "metrics/registry.hpp"

namespace selfscale::metrics {
namespace {

constexpr double error_at_scale_6 = 0.006;

/// What a distribution holds after it was given the values.
Buckets observed(const std::vector<double>& values, std::string_view labels = {}) {
  Registry registry;
  const auto took = registry.distribution("took", labels);
  for (const double value : values) took.observe(value);
  for (const auto& entry : read(registry.block())) {
    if (entry.name == "took") return entry.buckets;
  }
  return {};
}

double exact_quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = std::ceil(q * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

/// Seconds, evenly over the dense octaves and the four on either side.
rc::Gen<double> seconds() {
  return rc::gen::map(rc::gen::inRange(0, 20'000),
                      [](int i) { return std::exp2(-16.0 + (i + 0.5) / 1000.0); });
}

/// The same octaves, but of so few digits that sums are exact.
rc::Gen<double> short_seconds() {
  return rc::gen::map(rc::gen::inRange(1, 1 << 20), [](int i) { return std::ldexp(i, -16); });
}

RC_GTEST_PROP(Buckets, QuantilesAreWithinTheErrorOfScale6, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(seconds()));
  const double q = *rc::gen::inRange(0, 1001) / 1000.0;
  const double exact = exact_quantile(values, q);
  RC_ASSERT(std::abs(*observed(values).quantile(q) / exact - 1.0) <= error_at_scale_6);
}

RC_GTEST_PROP(Buckets, NoValueIsOverTheHighestEdgeAndTheLargestIsNotFarBelowIt, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(seconds()));
  auto buckets = observed(values);
  buckets.downscale(*rc::gen::inRange(0, 7));
  const double largest = *std::max_element(values.begin(), values.end());
  const double edge = *buckets.highest_edge();
  RC_ASSERT(largest <= edge * (1 + 1e-12));
  const double width = (1 + buckets.relative_error()) * (1 + buckets.relative_error());
  RC_ASSERT(edge <= largest * width * (1 + 1e-12));
}

TEST(Buckets, HaveAnEdgeWhereSomethingWasObserved) {
  EXPECT_EQ(Buckets{}.highest_edge(), std::nullopt);
  EXPECT_EQ(observed({0.0}).highest_edge(), 0.0);
  EXPECT_EQ(observed({1.0, 0.5}).highest_edge(), 1.0);
  Buckets beyond;
  beyond.above = 1;
  EXPECT_EQ(beyond.highest_edge(), std::nullopt);
}

RC_GTEST_PROP(Buckets, QuantilesAreWithinTheErrorThatIsStatedAtEveryScale, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(seconds()));
  const double q = *rc::gen::inRange(0, 1001) / 1000.0;
  auto buckets = observed(values);
  buckets.downscale(*rc::gen::inRange(0, 7));
  const double exact = exact_quantile(values, q);
  RC_ASSERT(std::abs(*buckets.quantile(q) / exact - 1.0) <= buckets.relative_error() * (1 + 1e-12));
}

RC_GTEST_PROP(Buckets, TheIndexIsThatOfTheLogarithm, ()) {
  const double value = *seconds();
  const double exact = std::log2(value) * 64;
  const double nearest = std::round(exact);
  RC_PRE(std::abs(exact - nearest) > 1e-6);
  RC_ASSERT(bucket_at_scale_6(value) == static_cast<std::int32_t>(std::floor(exact)));
}

TEST(Buckets, APowerOfTwoIsTheUpperEdgeOfItsBucket) {
  EXPECT_EQ(bucket_at_scale_6(1.0), -1);
  EXPECT_EQ(bucket_at_scale_6(std::nextafter(1.0, 2.0)), 0);
  EXPECT_EQ(bucket_at_scale_6(2.0), 63);
}

TEST(Buckets, EveryEdgeIsTheUpperOneOfItsBucket) {
  for (int i = -64 * 12; i < 0; ++i) {
    const auto edge = static_cast<double>(std::exp2(static_cast<long double>(i) / 64));
    EXPECT_EQ(bucket_at_scale_6(edge), i - 1);
    EXPECT_EQ(bucket_at_scale_6(std::nextafter(edge, 1.0)), i);
    EXPECT_EQ(observed({edge}).offset, i - 1);
    EXPECT_EQ(observed({std::nextafter(edge, 1.0)}).offset, i);
  }
}

RC_GTEST_PROP(Buckets, MergingIsTheUnionToTheBitInAnyOrderAndGrouping, ()) {
  const auto gen = rc::gen::container<std::vector<double>>(short_seconds());
  const auto first = *gen;
  const auto second = *gen;
  const auto third = *gen;
  auto all = first;
  all.insert(all.end(), second.begin(), second.end());
  all.insert(all.end(), third.begin(), third.end());
  auto from_left = observed(first);
  from_left.add(observed(second));
  from_left.add(observed(third));
  auto from_right = observed(third);
  from_right.add(observed(second));
  auto last = observed(first);
  last.add(from_right);
  from_right.add(observed(first));
  RC_ASSERT(from_left == observed(all));
  RC_ASSERT(from_right == from_left);
  RC_ASSERT(last == from_left);
}

RC_GTEST_PROP(Buckets, DownscalingIsExact, ()) {
  const auto values = *rc::gen::container<std::vector<double>>(seconds());
  auto fine = observed(values);
  fine.downscale(3);
  const auto coarse = observed(values, "route=/");
  RC_ASSERT(fine.counts == coarse.counts);
  RC_ASSERT(fine.counts.empty() || fine.offset == coarse.offset);
}

RC_GTEST_PROP(Buckets, MergingTwoScalesTakesTheCoarser, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(seconds()));
  auto merged = observed(values);
  merged.add(observed(values, "route=/"));
  auto turned = observed(values, "route=/");
  turned.add(observed(values));
  RC_ASSERT(merged.scale == 3);
  RC_ASSERT(merged.count() == 2 * values.size());
  RC_ASSERT(merged.counts == turned.counts);
}

RC_GTEST_PROP(Buckets, TheDifferenceOfTwoReadingsIsWhatCameBetween, ()) {
  const auto gen = rc::gen::container<std::vector<double>>(seconds());
  const auto before = *gen;
  const auto between = *rc::gen::nonEmpty(gen);
  auto all = before;
  all.insert(all.end(), between.begin(), between.end());
  auto window = observed(all);
  window.subtract(observed(before));
  const auto alone = observed(between);
  RC_ASSERT(window.count() == alone.count());
  RC_ASSERT(window.quantile(0.95) == alone.quantile(0.95));
}

TEST(Buckets, ValuesOutsideTheDenseOctavesHavePagesOfTheirOwn) {
  const auto buckets = observed({1e-11, 1e-5, 0.1, 1000.0, 1e11});
  EXPECT_EQ(buckets.zero, 0U);
  EXPECT_EQ(buckets.above, 0U);
  EXPECT_EQ(buckets.count(), 5U);
  EXPECT_NEAR(*buckets.quantile(0.0) / 1e-11, 1.0, error_at_scale_6);
  EXPECT_NEAR(*buckets.quantile(1.0) / 1e11, 1.0, error_at_scale_6);
}

TEST(Buckets, WhatIsTooSmallOrTooLargeForAnyBucketIsCountedBesideThem) {
  const auto buckets = observed({0.0, 5e-324, 1e-14, 0.1, 1e14, 1.7e308});
  EXPECT_EQ(buckets.zero, 3U);
  EXPECT_EQ(buckets.above, 2U);
  EXPECT_EQ(buckets.count(), 6U);
  EXPECT_EQ(buckets.quantile(0.0), 0.0);
  EXPECT_EQ(buckets.quantile(1.0), std::nullopt);  // nobody knows
}

TEST(Buckets, MoreOctavesThanThereArePagesAreCountedBesideThem) {
  std::vector<double> values;
  for (int octave = 0; octave < 20; ++octave) values.push_back(std::ldexp(1.5, octave));
  const auto buckets = observed(values);
  EXPECT_EQ(buckets.count(), 20U);
  EXPECT_EQ(buckets.above, 12U);
}

TEST(Buckets, NothingObservedHasNoQuantile) {
  EXPECT_EQ(Buckets{}.quantile(0.5), std::nullopt);
  EXPECT_EQ(Buckets{}.mean(), std::nullopt);
}

}  // namespace
}  // namespace selfscale::metrics
