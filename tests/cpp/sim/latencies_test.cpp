#include "sim/latencies.hpp"

#include <gtest/gtest.h>

namespace selfscale::sim {
namespace {

TEST(Latencies, NothingAddedReadsZero) { EXPECT_EQ(Latencies{}.quantile(0.95), 0.0); }

TEST(Latencies, EqualTimesReadExactly) {
  Latencies latencies;
  latencies.add(0.1, 3.0);
  latencies.add(0.1, 4.5);
  EXPECT_DOUBLE_EQ(latencies.quantile(0.0), 0.1);
  EXPECT_DOUBLE_EQ(latencies.quantile(0.5), 0.1);
  EXPECT_DOUBLE_EQ(latencies.quantile(1.0), 0.1);
}

TEST(Latencies, QuantilesWeighByRequests) {
  Latencies latencies;
  latencies.add(0.1, 94.0);
  latencies.add(2.0, 6.0);
  EXPECT_DOUBLE_EQ(latencies.quantile(0.5), 0.1);
  EXPECT_DOUBLE_EQ(latencies.quantile(0.94), 0.1);
  EXPECT_DOUBLE_EQ(latencies.quantile(0.95), 2.0);
}

TEST(Latencies, UniformTimesReadWithinTheirResolution) {
  Latencies latencies;
  for (int i = 1; i <= 10'000; ++i) latencies.add(i * 1e-3, 1.0);
  for (const double q : {0.1, 0.5, 0.9, 0.95, 0.99}) {
    EXPECT_NEAR(latencies.quantile(q), 10.0 * q, 10.0 * q * 0.016) << q;
  }
}

TEST(Latencies, ExtremesStayInTheOuterBuckets) {
  Latencies latencies;
  latencies.add(0.0, 1.0);
  latencies.add(1e9, 1.0);
  EXPECT_EQ(latencies.quantile(0.5), 0.0);
  EXPECT_EQ(latencies.quantile(1.0), 1e9);
  latencies.clear();
  EXPECT_EQ(latencies.quantile(1.0), 0.0);
}

}  // namespace
}  // namespace selfscale::sim
