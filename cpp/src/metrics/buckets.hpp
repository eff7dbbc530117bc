/// The exponential buckets of OpenTelemetry and of Prometheus' native histograms: at scale s,
/// bucket i holds the values in (b^i, b^(i+1)] with b = 2^(2^-s). At scale 6 a bucket's geometric
/// middle is within 0.55 % of everything in it.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace selfscale::metrics {

/// Contents of one distribution, cumulative or over a window; a window is the difference of two
/// cumulative ones. Plain value.
struct Buckets {
  int scale = 6;
  std::int32_t offset = 0;  ///< index of the bucket that counts[0] counts
  std::vector<std::uint64_t> counts;
  std::uint64_t zero = 0;   ///< at or below the smallest bucket's lower edge
  std::uint64_t above = 0;  ///< over the largest bucket's upper edge
  double above_edge = 0.0;  ///< that edge: what is known of the values counted in `above`
  double sum = 0.0;

  [[nodiscard]] std::uint64_t count() const noexcept;
  /// Merges exactly, in any order; the result has the coarser of the two scales.
  void add(const Buckets& other);
  /// Takes an earlier reading of the same distribution away. Counts that would fall below zero
  /// become zero.
  void subtract(const Buckets& earlier);
  /// Rewrites to a coarser scale, exactly. A finer one changes nothing.
  void downscale(int to_scale);
  /// The value of rank ceil(q × count), as the geometric middle of its bucket; 0 when it lies in
  /// `zero`, the edge when in `above`. Empty when nothing was observed. `q` in [0, 1].
  [[nodiscard]] std::optional<double> quantile(double q) const noexcept;
  [[nodiscard]] std::optional<double> mean() const noexcept;
  bool operator==(const Buckets&) const = default;

 private:
  void cover(std::int32_t first, std::int32_t last);
};

namespace detail {

constexpr long double square_root(long double x) {
  long double root = x;
  for (int i = 0; i < 64; ++i) root = (root + x / root) / 2;
  return root;
}

/// Mantissa bits of 2^(i/64) for i = 0 … 64; the last stands for the next octave.
constexpr std::array<std::uint64_t, 65> make_edges() {
  std::array<long double, 6> roots{};  // 2^(1/2), 2^(1/4), …, 2^(1/64)
  long double root = 2;
  for (auto& each : roots) each = root = square_root(root);
  std::array<std::uint64_t, 65> edges{};
  for (std::size_t i = 0; i < 64; ++i) {
    long double edge = 1;
    for (std::size_t bit = 0; bit < 6; ++bit) {
      if ((i >> (5 - bit)) & 1U) edge *= roots[bit];
    }
    edges[i] = std::bit_cast<std::uint64_t>(static_cast<double>(edge)) & ((1ULL << 52) - 1);
  }
  edges[64] = 1ULL << 52;
  return edges;
}
inline constexpr auto edges = make_edges();

/// For the seven leading mantissa bits, the bucket in which their interval begins. The interval is
/// narrower (1/128) than the narrowest bucket (0.0109), so that at most one edge lies in it and one
/// comparison finds the bucket.
constexpr std::array<std::uint8_t, 128> make_first_bucket() {
  std::array<std::uint8_t, 128> first{};
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < 128; ++i) {
    while (edges[bucket + 1] <= (static_cast<std::uint64_t>(i) << 45)) ++bucket;
    first[i] = static_cast<std::uint8_t>(bucket);
  }
  return first;
}
inline constexpr auto first_bucket = make_first_bucket();

}  // namespace detail

/// The bucket of a positive, finite, normal value at scale 6. No logarithm, no search.
constexpr std::int32_t bucket_at_scale_6(double value) noexcept {
  const auto bits =
      std::bit_cast<std::uint64_t>(value) - 1;  // the upper edge belongs to the bucket
  const auto octave = static_cast<std::int32_t>(bits >> 52) - 1023;
  const auto mantissa = bits & ((1ULL << 52) - 1);
  const auto first = static_cast<std::size_t>(detail::first_bucket[mantissa >> 45]);
  const auto within =
      static_cast<std::int32_t>(first) + (mantissa >= detail::edges[first + 1] ? 1 : 0);
  return octave * 64 + within;
}

}  // namespace selfscale::metrics
