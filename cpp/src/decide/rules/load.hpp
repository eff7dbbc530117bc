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

/// To the nearest thousandth, saturated at both ends.
Milli milli(double quantity) noexcept;

/// HPA's utilization: 100 × sum of use ÷ sum of requests, cut to whole percent.
class RequestShare {
 public:
  explicit RequestShare(const TargetRule& rule) noexcept;
  void list(const Reading* reading) noexcept;
  /// A sample of an instance that is not listed counts in `samples` alone: nobody knows its
  /// request.
  void add(const Reading& reading, bool is_listed) noexcept;
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
  void add(const Reading& reading, bool is_listed) noexcept;
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
  void add(const Reading& reading, bool is_listed) noexcept;
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
  Silent reporting_;
  Silent missing_;
  Silent unready_;
};

}  // namespace selfscale
