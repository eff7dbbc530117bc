/// The readings of instances as one load, in the three ways in which a target rule counts: HPA's
/// two in whole thousandths, and ours in doubles.
///
/// Each takes one instance after the other (`list` every listed one first), and may then be filled
/// in for those that are silent: for the missing with full load or none, for the unready with none.
/// `usage` is what people see, `ratio` what is held against the target.
#pragma once

#include "decide/readings.hpp"

namespace selfscale {

/// A quantity in whole thousandths, as Kubernetes counts.
using Milli = std::int64_t;

inline constexpr Milli most_milli = std::numeric_limits<Milli>::max();

/// To the nearest thousandth, saturated at both ends.
inline Milli milli(double quantity) noexcept {
  const double thousandths = std::round(quantity * 1000.0);
  constexpr auto most = static_cast<double>(most_milli);  // one more than that
  if (!(thousandths < most)) return most_milli;
  return thousandths > -most ? static_cast<Milli>(thousandths) : -most_milli;
}

/// Of two that are not negative.
inline Milli saturated_sum(Milli one, Milli other) noexcept {
  return one > most_milli - other ? most_milli : one + other;
}

/// HPA's utilization: 100 × sum of use ÷ sum of requests, cut to whole percent.
class RequestShare {
 public:
  explicit RequestShare(const TargetRule& rule) noexcept;
  void list(const Reading* reading) noexcept {
    lacks_request_ = lacks_request_ || reading == nullptr || !reading->capacity;
  }
  /// A sample of an instance that is not listed counts in `samples` alone: nobody knows its
  /// request.
  void add(const Reading& reading, bool is_listed) noexcept {
    ++samples_;
    if (!is_listed) return;
    const double capacity = reading.capacity.value_or(0.0);
    used_ = saturated_sum(used_, milli(reading.amount.value_or(reading.value * capacity / 100.0)));
    requested_ = saturated_sum(requested_, milli(capacity));
  }
  void add_missing(const Reading* reading) noexcept;
  void add_unready(const Reading* reading) noexcept;
  void fill_missing(bool loaded) noexcept;
  void fill_unready() noexcept { fill(unready_, 0); }
  /// Every listed instance has a request, those included that do not count.
  [[nodiscard]] bool is_known() const noexcept { return !lacks_request_ && requested_ > 0; }
  [[nodiscard]] int samples() const noexcept { return samples_; }
  [[nodiscard]] double usage() const noexcept;
  [[nodiscard]] double ratio() const noexcept { return usage() / target_; }

 private:
  struct Silent {
    int count = 0;
    Milli requested = 0;
  };
  void fill(const Silent& silent, Milli used) noexcept;

  double target_;
  Milli full_percent_;
  Milli used_ = 0;
  Milli requested_ = 0;
  int samples_ = 0;
  bool lacks_request_ = false;
  Silent missing_;
  Milli missing_full_ = 0;  ///< what the missing would use, fully loaded
  Silent unready_;
};

/// HPA's average value: the mean, cut to whole thousandths.
class MeanLoad {
 public:
  explicit MeanLoad(const TargetRule& rule) noexcept : target_{milli(rule.target)} {}
  void list(const Reading*) noexcept {}
  /// HPA's mean is that of all samples, whoever they are of.
  void add(const Reading& reading, bool) noexcept {
    ++samples_;
    total_ = saturated_sum(total_, milli(reading.value));
  }
  void add_missing(const Reading*) noexcept { ++missing_; }
  void add_unready(const Reading*) noexcept { ++unready_; }
  void fill_missing(bool loaded) noexcept;
  void fill_unready() noexcept { samples_ += unready_; }
  [[nodiscard]] bool is_known() const noexcept { return true; }
  [[nodiscard]] int samples() const noexcept { return samples_; }
  [[nodiscard]] double usage() const noexcept;
  [[nodiscard]] double ratio() const noexcept;

 private:
  [[nodiscard]] Milli mean() const noexcept { return total_ / samples_; }

  Milli target_;
  Milli total_ = 0;
  int samples_ = 0;
  int missing_ = 0;
  int unready_ = 0;
};

/// The metric's `across` over the values. Of an average, where all tell what they are a percentage
/// of, sum ÷ sum takes the place.
class AcrossLoad {
 public:
  AcrossLoad(const TargetRule& rule, const MetricSpec& metric) noexcept;
  void list(const Reading*) noexcept {}
  void add(const Reading& reading, bool is_listed) noexcept {
    values_.add(reading.value);
    if (!is_listed) return;
    const double capacity = reading.capacity.value_or(0.0);
    is_share_ = is_share_ && reading.amount && capacity > 0.0;
    amount_ += reading.amount.value_or(0.0);
    capacity_ += capacity;
    ++reporting_;
    reported_capacity_ += capacity;
  }
  void add_missing(const Reading* reading) noexcept { add_silent(reading, missing_); }
  void add_unready(const Reading* reading) noexcept { add_silent(reading, unready_); }
  void fill_missing(bool loaded) noexcept { fill(missing_, loaded ? full_ : 0.0); }
  void fill_unready() noexcept { fill(unready_, 0.0); }
  [[nodiscard]] bool is_known() const noexcept { return true; }
  [[nodiscard]] int samples() const noexcept { return values_.count(); }
  [[nodiscard]] double usage() const noexcept;
  [[nodiscard]] double ratio() const noexcept { return usage() / target_; }

 private:
  /// A capacity that is not known is taken to be that of the others.
  struct Silent {
    int count = 0;
    int known = 0;
    double capacity = 0.0;  ///< of those whose capacity is known
  };
  static void add_silent(const Reading* reading, Silent& silent) noexcept;
  void fill(const Silent& silent, double value) noexcept;

  double target_;
  double full_;  ///< what a fully loaded instance shows
  bool is_share_;
  Reduction values_;
  double amount_ = 0.0;
  double capacity_ = 0.0;
  int reporting_ = 0;
  double reported_capacity_ = 0.0;  ///< what `capacity_` is before anything is filled in
  Silent missing_;
  Silent unready_;
};

}  // namespace selfscale
