/// Loads over time, as Knative's autoscaler aggregates them (pkg/autoscaler/aggregation): averages
/// over buckets that hold sums, and the largest number of a sliding window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <selfscale/decision.hpp>
#include <vector>

namespace selfscale {

/// A load over the last `window`, in buckets of `bucket` each. A bucket holds the sum of what was
/// recorded in its time. A plain value; nothing is allocated after construction.
class BucketWindow {
 public:
  /// Both above 0; as many buckets as cover the window.
  BucketWindow(Duration window, Duration bucket);

  /// Adds to the bucket of `at`. Buckets that were passed over hold 0. A whole window of silence
  /// makes the window start anew; what is a whole window older than the latest is passed over.
  void record(Instant at, double value) noexcept;

  /// Nothing was recorded within the window.
  [[nodiscard]] bool is_empty(Instant at) const noexcept;

  /// Sum ÷ number of buckets from the first one recorded to the latest, rounded to 6 decimals:
  /// times before the first and after the latest shrink the divisor. 0 once a window has passed in
  /// silence.
  [[nodiscard]] double average(Instant at) const noexcept;

  /// Newest first, buckets weigh a, a(1−a), a(1−a)², …, so that all of them hold 99.99 % of the
  /// weight, a being at least 0.2; buckets since the latest count as 0. 0 of an empty window.
  [[nodiscard]] double weighted_average(Instant at) const noexcept;

 private:
  [[nodiscard]] std::int64_t number_of(Instant at) const noexcept;
  [[nodiscard]] Duration silence(std::int64_t number) const noexcept;
  [[nodiscard]] std::size_t place_of(std::int64_t number) const noexcept;
  void forget_until(std::int64_t number) noexcept;

  Duration window_;
  Duration bucket_;
  double newest_share_;
  std::vector<double> sums_;  ///< a ring, by the bucket's number
  double total_ = 0.0;
  bool is_written_ = false;
  std::int64_t first_ = 0;   ///< number of the first bucket written since the last silence
  std::int64_t latest_ = 0;  ///< number of the latest bucket written
};

/// The largest of the numbers of the last `window`, the latest included, counted in buckets of
/// `bucket`; of one bucket the largest counts. A number from before the latest changes nothing
/// unless it is as large.
///
/// `kept` holds what a later maximum can still need, oldest first: each younger than the one before
/// it and smaller. It is bounded: where there would be more than `most`, those of one part of the
/// window become one, of `most` ÷ 2 equal parts. What was merged is as large as its largest and as
/// old as its youngest, so it holds for longer than it should, by less than that part; the maximum
/// is never too small. With room for `most` + 1 nothing is allocated. `most` is at least 2.
int sliding_maximum(std::vector<DecisionState::Wanted>& kept, DecisionState::Wanted latest,
                    Duration window, Duration bucket, int most) noexcept;

}  // namespace selfscale
