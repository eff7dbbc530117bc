#include "sim/latencies.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace selfscale::sim {
namespace {

constexpr int lowest_exponent = -16;
constexpr int highest_exponent = 16;
constexpr int per_octave = 64;

std::size_t bucket_of(double seconds) noexcept {
  int exponent = 0;
  const double mantissa = std::frexp(seconds, &exponent);  // [0.5, 1)
  if (exponent <= lowest_exponent) return 0;
  if (exponent > highest_exponent) return (highest_exponent - lowest_exponent) * per_octave - 1;
  const int within = static_cast<int>((mantissa - 0.5) * 2.0 * per_octave);
  return static_cast<std::size_t>((exponent - lowest_exponent - 1) * per_octave + within);
}

}  // namespace

Latencies::Latencies()
    : buckets_(static_cast<std::size_t>((highest_exponent - lowest_exponent) * per_octave)) {}

void Latencies::add(double seconds, double requests) noexcept {
  if (requests <= 0.0) return;
  Bucket& bucket = buckets_[bucket_of(seconds)];
  bucket.requests += requests;
  bucket.seconds += (seconds - bucket.seconds) * (requests / bucket.requests);
  requests_ += requests;
}

void Latencies::clear() noexcept {
  if (requests_ > 0.0) std::fill(buckets_.begin(), buckets_.end(), Bucket{});
  requests_ = 0.0;
}

double Latencies::quantile(double q) const noexcept {
  const double rank = q * requests_;
  double seen = 0.0;
  double last = 0.0;
  for (const Bucket& bucket : buckets_) {
    if (bucket.requests <= 0.0) continue;
    seen += bucket.requests;
    last = bucket.seconds;
    if (seen >= rank) break;
  }
  return last;
}

}  // namespace selfscale::sim
