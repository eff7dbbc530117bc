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

/// Seconds between the edges of what is dense, evenly over the octaves.
rc::Gen<double> seconds() {
  return rc::gen::map(rc::gen::inRange(0, 16'000),
                      [](int i) { return std::exp2(-12.0 + (i + 0.5) / 1000.0); });
}

RC_GTEST_PROP(Buckets, QuantilesAreWithinTheErrorOfScale6, ()) {
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(seconds()));
  const double q = *rc::gen::inRange(0, 1001) / 1000.0;
  const double exact = exact_quantile(values, q);
  RC_ASSERT(std::abs(*observed(values).quantile(q) / exact - 1.0) <= error_at_scale_6);
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

RC_GTEST_PROP(Buckets, MergingIsTheUnionToTheBit, ()) {
  const auto gen = rc::gen::container<std::vector<double>>(seconds());
  const auto first = *gen;
  const auto second = *gen;
  auto together = first;
  together.insert(together.end(), second.begin(), second.end());
  auto merged = observed(first);
  merged.add(observed(second));
  auto turned = observed(second);
  turned.add(observed(first));
  const auto at_once = observed(together);
  RC_ASSERT(merged.counts == at_once.counts);
  RC_ASSERT(turned.counts == at_once.counts);
  RC_ASSERT(at_once.counts.empty() || merged.offset == at_once.offset);
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

TEST(Buckets, ValuesOutsideTheDenseOctavesAreCountedBesideThem) {
  const auto buckets = observed({0.0, 1e-5, 0.1, 1000.0});
  EXPECT_EQ(buckets.zero, 2U);
  EXPECT_EQ(buckets.above, 1U);
  EXPECT_EQ(buckets.count(), 4U);
  EXPECT_EQ(buckets.quantile(0.0), 0.0);
  EXPECT_EQ(buckets.quantile(1.0), 16.0);  // at least that
  EXPECT_DOUBLE_EQ(buckets.sum, 1000.10001);
}

TEST(Buckets, NothingObservedHasNoQuantile) {
  EXPECT_EQ(Buckets{}.quantile(0.5), std::nullopt);
  EXPECT_EQ(Buckets{}.mean(), std::nullopt);
}

}  // namespace
}  // namespace selfscale::metrics
