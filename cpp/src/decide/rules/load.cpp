#include "decide/rules/load.hpp"

#include <algorithm>

namespace selfscale {
namespace {

constexpr Milli most_milli = std::numeric_limits<Milli>::max();

/// Of two that are not negative.
Milli sum(Milli one, Milli other) noexcept {
  return one > most_milli - other ? most_milli : one + other;
}

/// whole × percent ÷ 100, cut; 100 × part ÷ whole likewise: neither product leaves 64 bits.
Milli percent_of(Milli whole, Milli percent) noexcept {
  return sum(whole / 100 * percent, whole % 100 * percent / 100);
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

Milli milli(double quantity) noexcept {
  const double thousandths = std::round(quantity * 1000.0);
  constexpr auto most = static_cast<double>(most_milli);  // one more than that
  if (!(thousandths < most)) return most_milli;
  return thousandths > -most ? static_cast<Milli>(thousandths) : -most_milli;
}

RequestShare::RequestShare(const TargetRule& rule) noexcept
    : target_{rule.target}, full_percent_{static_cast<Milli>(std::max(100.0, rule.target))} {}

void RequestShare::list(const Reading* reading) noexcept {
  lacks_request_ = lacks_request_ || !capacity_of(reading);
}

void RequestShare::add(const Reading& reading, bool is_listed) noexcept {
  ++samples_;
  if (!is_listed) return;
  const double capacity = reading.capacity.value_or(0.0);
  used_ = sum(used_, milli(reading.amount.value_or(reading.value * capacity / 100.0)));
  requested_ = sum(requested_, milli(capacity));
}

void RequestShare::add_missing(const Reading* reading) noexcept {
  const Milli request = request_of(reading);
  ++missing_.count;
  missing_.requested = sum(missing_.requested, request);
  missing_full_ = sum(missing_full_, percent_of(request, full_percent_));
}

void RequestShare::add_unready(const Reading* reading) noexcept {
  ++unready_.count;
  unready_.requested = sum(unready_.requested, request_of(reading));
}

void RequestShare::fill_missing(bool loaded) noexcept {
  fill(missing_, loaded ? missing_full_ : 0);
}

void RequestShare::fill(const Silent& silent, Milli used) noexcept {
  samples_ += silent.count;
  requested_ = sum(requested_, silent.requested);
  used_ = sum(used_, used);
}

double RequestShare::usage() const noexcept { return whole_percent(used_, requested_); }

/// HPA's mean is that of all samples, whoever they are of.
void MeanLoad::add(const Reading& reading, bool) noexcept {
  ++samples_;
  total_ = sum(total_, milli(reading.value));
}

void MeanLoad::fill_missing(bool loaded) noexcept {
  samples_ += missing_;
  if (!loaded) return;
  for (int i = 0; i < missing_; ++i) total_ = sum(total_, target_);
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

void AcrossLoad::add(const Reading& reading, bool is_listed) noexcept {
  values_.add(reading.value);
  if (!is_listed) return;
  is_share_ = is_share_ && reading.amount && reading.capacity.value_or(0.0) > 0.0;
  amount_ += reading.amount.value_or(0.0);
  capacity_ += reading.capacity.value_or(0.0);
  add_silent(&reading, reporting_);
}

void AcrossLoad::add_silent(const Reading* reading, Silent& silent) noexcept {
  ++silent.count;
  const auto capacity = capacity_of(reading);
  if (!capacity) return;
  ++silent.known;
  silent.capacity += *capacity;
}

void AcrossLoad::fill(const Silent& silent, double value) noexcept {
  values_.add(value, silent.count);
  if (reporting_.count == 0) return;
  const double mean_capacity = reporting_.capacity / static_cast<double>(reporting_.count);
  const double capacity =
      silent.capacity + mean_capacity * static_cast<double>(silent.count - silent.known);
  capacity_ += capacity;
  amount_ += capacity * value / 100.0;
}

double AcrossLoad::usage() const noexcept {
  return is_share_ && capacity_ > 0.0 ? 100.0 * amount_ / capacity_ : values_.value();
}

}  // namespace selfscale
