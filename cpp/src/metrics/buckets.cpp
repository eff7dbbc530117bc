#include "metrics/buckets.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace selfscale::metrics {

std::uint64_t Buckets::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), zero + above);
}

void Buckets::downscale(int to_scale) {
  if (to_scale >= scale) return;
  const int shift = scale - to_scale;
  scale = to_scale;
  if (counts.empty()) return;
  const std::int32_t first = offset >> shift;
  const std::int32_t last = (offset + static_cast<std::int32_t>(counts.size()) - 1) >> shift;
  std::vector<std::uint64_t> coarse(static_cast<std::size_t>(last - first) + 1);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int32_t index = (offset + static_cast<std::int32_t>(i)) >> shift;
    coarse[static_cast<std::size_t>(index - first)] += counts[i];
  }
  offset = first;
  counts = std::move(coarse);
}

void Buckets::cover(std::int32_t first, std::int32_t last) {
  if (counts.empty()) {
    offset = first;
    counts.resize(static_cast<std::size_t>(last - first) + 1);
    return;
  }
  if (first < offset) {
    counts.insert(counts.begin(), static_cast<std::size_t>(offset - first), 0);
    offset = first;
  }
  const auto needed = static_cast<std::size_t>(last - offset) + 1;
  if (counts.size() < needed) counts.resize(needed);
}

void Buckets::add(const Buckets& other) {
  downscale(other.scale);
  if (other.scale > scale) {
    Buckets coarse = other;
    coarse.downscale(scale);
    return add(coarse);
  }
  if (!other.counts.empty()) {
    cover(other.offset, other.offset + static_cast<std::int32_t>(other.counts.size()) - 1);
    const auto shift = static_cast<std::size_t>(other.offset - offset);
    for (std::size_t i = 0; i < other.counts.size(); ++i) counts[shift + i] += other.counts[i];
  }
  zero += other.zero;
  above += other.above;
  if (other.above_edge > 0) {
    above_edge = above_edge > 0 ? std::min(above_edge, other.above_edge) : other.above_edge;
  }
  sum += other.sum;
}

void Buckets::subtract(const Buckets& earlier) {
  downscale(earlier.scale);
  if (earlier.scale > scale) {
    Buckets coarse = earlier;
    coarse.downscale(scale);
    return subtract(coarse);
  }
  for (std::size_t i = 0; i < earlier.counts.size(); ++i) {
    const auto at = earlier.offset + static_cast<std::int32_t>(i) - offset;
    if (at < 0 || at >= static_cast<std::int32_t>(counts.size())) continue;
    auto& mine = counts[static_cast<std::size_t>(at)];
    mine -= std::min(mine, earlier.counts[i]);
  }
  zero -= std::min(zero, earlier.zero);
  above -= std::min(above, earlier.above);
  sum = std::max(0.0, sum - earlier.sum);
}

std::optional<double> Buckets::quantile(double q) const noexcept {
  const auto total = count();
  if (total == 0) return std::nullopt;
  const double wanted = std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(total));
  const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
  std::uint64_t seen = zero;
  if (seen >= rank) return 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    seen += counts[i];
    if (seen >= rank) {
      const double middle = static_cast<double>(offset) + static_cast<double>(i) + 0.5;
      return std::exp2(std::ldexp(middle, -scale));
    }
  }
  return std::nullopt;
}

double Buckets::relative_error() const noexcept {
  // From a bucket's geometric middle to its upper edge, b^(1/2) with b = 2^(2^-scale).
  return std::exp2(std::exp2(-scale) / 2.0) - 1.0;
}

std::optional<double> Buckets::highest_edge() const noexcept {
  for (auto i = counts.size(); i > 0; --i) {
    if (counts[i - 1] == 0) continue;
    return std::exp2(std::ldexp(static_cast<double>(offset) + static_cast<double>(i), -scale));
  }
  return zero > 0 ? std::optional{0.0} : std::nullopt;
}

std::optional<double> Buckets::mean() const noexcept {
  const auto total = count();
  if (total == 0) return std::nullopt;
  return sum / static_cast<double>(total);
}

}  // namespace selfscale::metrics
