/// Response times of many requests, weighted by how many they are, for quantiles.
#pragma once

#include <vector>

namespace selfscale::sim {

/// 64 buckets per power of two, from 2^-16 s up to 2^16 s: a quantile is off by at most 1.6 %, and
/// exact where all requests of its bucket took the same time.
class Latencies {
 public:
  Latencies();
  void add(double seconds, double requests) noexcept;
  void clear() noexcept;
  /// `q` from 0 to 1; 0 when nothing was added.
  [[nodiscard]] double quantile(double q) const noexcept;

 private:
  struct Bucket {
    double requests = 0.0;
    double seconds = 0.0;  ///< their mean
  };
  std::vector<Bucket> buckets_;
  double requests_ = 0.0;
};

}  // namespace selfscale::sim
