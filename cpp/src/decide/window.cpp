#include "decide/window.hpp"

#include <algorithm>
#include <cmath>
#include <selfscale/stages.hpp>
#include <string>

#include "decide/stabilize.hpp"

namespace selfscale {
namespace {

std::int64_t buckets_within(Duration window, Duration bucket) noexcept {
  return (window.count() + bucket.count() - 1) / bucket.count();
}

double power(double base, std::int64_t exponent) noexcept {
  double result = 1.0;
  for (; exponent > 0; --exponent) result *= base;
  return result;
}

/// The share a for which what is left beyond all buckets, (1−a)^buckets, is 0.0001; at least 0.2.
/// Found by halving: a root in bits that are the same everywhere.
double share_of_newest(std::int64_t buckets) noexcept {
  constexpr double left_over = 1.0 - 0.9999;
  double low = 0.2;
  double high = 1.0;
  if (power(1.0 - low, buckets) <= left_over) return low;
  for (int bit = 0; bit < 52; ++bit) {
    const double middle = (low + high) / 2.0;
    (power(1.0 - middle, buckets) <= left_over ? high : low) = middle;
  }
  return high;
}

double rounded(double number) noexcept { return std::round(number * 1e6) / 1e6; }

}  // namespace

BucketWindow::BucketWindow(Duration window, Duration bucket)
    : window_{window},
      bucket_{bucket},
      newest_share_{share_of_newest(buckets_within(window, bucket))},
      sums_(static_cast<std::size_t>(buckets_within(window, bucket))) {}

void BucketWindow::record(Instant at, double value) noexcept {
  const std::int64_t number = number_of(at);
  if (!is_written_ || silence(number) >= window_) {
    std::fill(sums_.begin(), sums_.end(), 0.0);
    total_ = 0.0;
    first_ = latest_ = number;
    is_written_ = true;
  } else if (-silence(number) >= window_) {
    return;
  }
  forget_until(number);
  first_ = std::min(first_, number);
  latest_ = std::max(latest_, number);
  sums_[place_of(number)] += value;
  total_ += value;
}

bool BucketWindow::is_empty(Instant at) const noexcept {
  return !is_written_ || silence(number_of(at)) > window_;
}

double BucketWindow::average(Instant at) const noexcept {
  if (!is_written_) return 0.0;
  const std::int64_t now = std::max(number_of(at), latest_);
  if (now > latest_ && silence(now) >= window_) return 0.0;
  double total = total_;
  for (std::int64_t number = latest_ + 1; number <= now; ++number) total -= sums_[place_of(number)];
  const auto size = static_cast<std::int64_t>(sums_.size());
  const std::int64_t valid = std::min(latest_ - first_ + 1, size - (now - latest_));
  return rounded(total / static_cast<double>(valid));
}

double BucketWindow::weighted_average(Instant at) const noexcept {
  if (is_empty(at)) return 0.0;
  const std::int64_t silent = std::max<std::int64_t>(0, number_of(at) - latest_);
  double weight = newest_share_ * power(1.0 - newest_share_, silent);
  double average = 0.0;
  const auto heard = static_cast<std::int64_t>(sums_.size()) - silent;
  for (std::int64_t number = latest_; number > latest_ - heard; --number) {
    average += sums_[place_of(number)] * weight;
    weight *= 1.0 - newest_share_;
  }
  return average;
}

std::int64_t BucketWindow::number_of(Instant at) const noexcept {
  return at.time_since_epoch() / bucket_;
}

/// From the latest bucket to this one.
Duration BucketWindow::silence(std::int64_t number) const noexcept {
  return (number - latest_) * bucket_;
}

std::size_t BucketWindow::place_of(std::int64_t number) const noexcept {
  const auto size = static_cast<std::int64_t>(sums_.size());
  return static_cast<std::size_t>((number % size + size) % size);
}

/// The ring's places of buckets since the latest hold what is a window old.
void BucketWindow::forget_until(std::int64_t number) noexcept {
  for (std::int64_t passed = latest_ + 1; passed <= number; ++passed) {
    total_ -= sums_[place_of(passed)];
    sums_[place_of(passed)] = 0.0;
  }
}

int sliding_maximum(std::vector<DecisionState::Wanted>& kept, DecisionState::Wanted latest,
                    Duration window, Duration bucket, int most) noexcept {
  const auto number_of = [bucket](const DecisionState::Wanted& wanted) {
    return wanted.at.time_since_epoch() / bucket;
  };
  const std::int64_t now = number_of(latest);
  const std::int64_t buckets = buckets_within(window, bucket);
  const auto is_needed = [&](const DecisionState::Wanted& wanted) {
    return now - number_of(wanted) < buckets;
  };
  while (!kept.empty() && kept.back().replicas <= latest.replicas) kept.pop_back();
  kept.erase(kept.begin(), std::find_if(kept.begin(), kept.end(), is_needed));
  if (kept.empty() || number_of(kept.back()) < now) kept.push_back(latest);
  if (kept.size() > static_cast<std::size_t>(most)) {
    coarsen(kept, std::max(bucket, window / (most / 2)));
  }
  return kept.front().replicas;
}

namespace stages {
namespace {

constexpr std::int64_t most_buckets = 100'000;

void check(Duration window, Duration bucket) {
  if (bucket.count() > 0 && window >= bucket && window / bucket <= most_buckets) return;
  throw Error{Errc::invalid_argument, "a window of " + std::to_string(window.count()) +
                                          " ms in buckets of " + std::to_string(bucket.count()) +
                                          " ms: it must have 1 to 100000 of them"};
}

}  // namespace

Windowed window(std::span<const Load> loads, Duration window, Duration bucket, Instant at,
                bool weighted) {
  check(window, bucket);
  BucketWindow kept{window, bucket};
  for (const Load& load : loads) kept.record(load.at, load.value);
  return {weighted ? kept.weighted_average(at) : kept.average(at), kept.is_empty(at)};
}

int window_maximum(std::span<const DecisionState::Wanted> numbers, Duration window,
                   Duration bucket) {
  check(window, bucket);
  std::vector<DecisionState::Wanted> kept;
  const int most = static_cast<int>(2 * most_buckets);  // all that a window may have: none merge
  int largest = 0;
  for (const auto& number : numbers) {
    largest = sliding_maximum(kept, number, window, bucket, most);
  }
  return largest;
}

}  // namespace stages

}  // namespace selfscale
