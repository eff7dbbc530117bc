#include "decide/rules/load.hpp"

#include <algorithm>

namespace selfscale {
namespace {

/// whole × percent ÷ 100, cut; 100 × part ÷ whole likewise: neither product leaves 64 bits.
Milli percent_of(Milli whole, Milli percent) noexcept {
  return saturated_sum(whole / 100 * percent, whole % 100 * percent / 100);
}
double whole_percent(Milli part, Milli whole) noexcept {
  const Milli rest = part % whole;
  const Milli fraction = rest > most_milli / 100 ? rest / (whole / 100) : rest * 100 / whole;
  return 100.0 * static_cast<double>(part / whole) + static_cast<double>(fraction);
}

std::optional<double> capacity_of(const Reading* reading) noexcept {
  return reading == nullptr ? std::nullopt : reading->capacity;
}

Milli request_of(const Reading* reading) noexcept {
  return milli(capacity_of(reading).value_or(0.0));
}

}  // namespace

RequestShare::RequestShare(const TargetRule& rule) noexcept
    : target_{rule.target}, full_percent_{static_cast<Milli>(std::max(100.0, rule.target))} {}

void RequestShare::add_missing(const Reading* reading) noexcept {
  const Milli request = request_of(reading);
  ++missing_.count;
  missing_.requested = saturated_sum(missing_.requested, request);
  missing_full_ = saturated_sum(missing_full_, percent_of(request, full_percent_));
}

void RequestShare::add_unready(const Reading* reading) noexcept {
  ++unready_.count;
  unready_.requested = saturated_sum(unready_.requested, request_of(reading));
}

void RequestShare::fill_missing(bool loaded) noexcept {
  fill(missing_, loaded ? missing_full_ : 0);
}

void RequestShare::fill(const Silent& silent, Milli used) noexcept {
  samples_ += silent.count;
  requested_ = saturated_sum(requested_, silent.requested);
  used_ = saturated_sum(used_, used);
}

double RequestShare::usage() const noexcept { return whole_percent(used_, requested_); }

void MeanLoad::fill_missing(bool loaded) noexcept {
  samples_ += missing_;
  if (!loaded) return;
  for (int i = 0; i < missing_; ++i) total_ = saturated_sum(total_, target_);
}

double MeanLoad::usage() const noexcept { return static_cast<double>(mean()) / 1000.0; }

double MeanLoad::ratio() const noexcept {
  return static_cast<double>(mean()) / static_cast<double>(target_);
}

AcrossLoad::AcrossLoad(const TargetRule& rule, const MetricSpec& metric) noexcept
    : target_{rule.target},
      full_{metric.metric == "cpu_usage" || metric.metric == "memory_usage"
                ? std::max(100.0, rule.target)
                : rule.target},
      is_share_{metric.across == Across::avg},
      values_{metric.across} {}

void AcrossLoad::add_silent(const Reading* reading, Silent& silent) noexcept {
  ++silent.count;
  const auto capacity = capacity_of(reading);
  if (!capacity) return;
  ++silent.known;
  silent.capacity += *capacity;
}

void AcrossLoad::fill(const Silent& silent, double value) noexcept {
  values_.add(value, silent.count);
  if (reporting_ == 0) return;
  const double mean_capacity = reported_capacity_ / static_cast<double>(reporting_);
  const double capacity =
      silent.capacity + mean_capacity * static_cast<double>(silent.count - silent.known);
  capacity_ += capacity;
  amount_ += capacity * value / 100.0;
}

double AcrossLoad::usage() const noexcept {
  return is_share_ && capacity_ > 0.0 ? 100.0 * amount_ / capacity_ : values_.value();
}

}  // namespace selfscale
