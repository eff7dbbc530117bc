/// The exponential buckets of OpenTelemetry and of Prometheus' native histograms: at scale s,
/// bucket i holds the values in (b^i, b^(i+1)] with b = 2^(2^-s). At scale 6 a bucket's geometric
/// middle is within 0.55 % of everything in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <selfscale/detail/recording.hpp>
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
  double above_edge = 0.0;  ///< that edge
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
  /// `zero`. Empty when nothing was observed, and when it lies in `above`, of which no more is
  /// known than that it is over the edge. `q` in [0, 1].
  [[nodiscard]] std::optional<double> quantile(double q) const noexcept;
  /// How far a quantile lies from the observation of that rank at most, as a part of it: 0.0054 at
  /// scale 6, and about twice as much at each coarser one. (Not for one in `zero` or `above`.)
  [[nodiscard]] double relative_error() const noexcept;
  [[nodiscard]] std::optional<double> mean() const noexcept;
  /// The upper edge of the highest bucket in which something was observed: not less than the
  /// largest observation that is not in `above`, and larger by twice the relative error at most. 0
  /// when all lies in `zero`; empty when no bucket has anything.
  [[nodiscard]] std::optional<double> highest_edge() const noexcept;
  bool operator==(const Buckets&) const = default;

 private:
  void cover(std::int32_t first, std::int32_t last);
};

}  // namespace selfscale::metrics
