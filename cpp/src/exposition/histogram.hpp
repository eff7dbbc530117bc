/// A distribution as Prometheus' histograms have it: classic buckets with fixed bounds, and native
/// ones, whose bounds are powers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "metrics/buckets.hpp"

namespace selfscale::exposition {

/// The bounds of OpenTelemetry's http.server.request.duration, in seconds; then +Inf.
inline constexpr std::array classic_bounds{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25,
                                           0.5,   0.75, 1.0,   2.5,  5.0,   7.5, 10.0};

/// How many were at or below each classic bound. A bucket that a bound divides counts as where its
/// geometric middle is, so that a bound is off by at most half a bucket: 0.6 % at scale 6, 4.5 % at
/// scale 3.
std::array<std::uint64_t, classic_bounds.size()> cumulative_counts(
    const metrics::Buckets& buckets) noexcept;

/// What distributions count in `zero` is at most this, as long as they have pages for the octaves
/// in between. It never changes: a scraper takes a lower one for a restart.
inline constexpr double zero_threshold = 1.0 / (std::uint64_t{1} << 40U);

/// A native histogram without negative values (https://prometheus.io/docs/specs/native_histograms).
struct Native {
  struct Span {
    std::int32_t offset = 0;  ///< from the end of the span before, or from index 0
    std::uint32_t length = 0;
    bool operator==(const Span&) const = default;
  };
  int schema = 0;  ///< -4 … 8
  std::uint64_t zero_count = 0;
  std::vector<Span> spans;
  std::vector<std::int64_t> deltas;  ///< the first count, then differences
};
/// What lies over the largest bucket is in the one that ends at infinity.
Native native_histogram(metrics::Buckets buckets);

}  // namespace selfscale::exposition
