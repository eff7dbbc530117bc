#include "agent/aggregate.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selfscale::agent {

using metrics::Buckets;

namespace {

double nearest_rank(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  return values[std::max<std::size_t>(rank, 1) - 1];
}

Reading absent_while_short() {
  return Reading::absent(Missing::incomplete, "measured for less than one interval");
}

template <class Value>
double seconds_in(const Points<Value>& points) {
  double seconds = 0.0;
  for (const auto* point : points) seconds += point->seconds();
  return seconds;
}

}  // namespace

std::optional<double> aggregate(const Points<Amount>& points, Aggregation aggregation) {
  const double seconds = seconds_in<Amount>(points);
  if (seconds <= 0.0) return std::nullopt;
  double total = 0.0;
  std::vector<double> rates;
  for (const auto* point : points) {
    total += point->value.total;
    if (point->seconds() > 0.0) rates.push_back(point->value.total / point->seconds());
  }
  switch (aggregation) {
    case Aggregation::avg:
    case Aggregation::rate:
      return total / seconds;
    case Aggregation::sum:
      return total;
    case Aggregation::max:
      return *std::max_element(rates.begin(), rates.end());
    case Aggregation::min:
      return *std::min_element(rates.begin(), rates.end());
    case Aggregation::last:
      return rates.back();
    default:
      return nearest_rank(std::move(rates), *quantile_of(aggregation));
  }
}

std::optional<double> aggregate(const Points<Samples>& points, Aggregation aggregation) {
  if (points.empty()) return std::nullopt;
  Samples all = points.front()->value;
  std::vector<double> means;
  for (const auto* point : points) {
    if (point != points.front()) all.add(point->value);
    means.push_back(point->value.sum / point->value.count);
  }
  const double seconds = seconds_in<Samples>(points);
  switch (aggregation) {
    case Aggregation::avg:
      return all.sum / all.count;
    case Aggregation::sum:
      return all.sum;
    case Aggregation::max:
      return all.most;
    case Aggregation::min:
      return all.least;
    case Aggregation::last:
      return all.last;
    case Aggregation::rate:
      return seconds > 0.0 ? std::optional{(all.last - all.first) / seconds} : std::nullopt;
    default:
      return nearest_rank(std::move(means), *quantile_of(aggregation));
  }
}

std::optional<double> aggregate(const Points<Buckets>& points, Aggregation aggregation) {
  const double seconds = seconds_in<Buckets>(points);
  if (seconds <= 0.0) return std::nullopt;
  Buckets all;
  for (const auto* point : points) all.add(point->value);
  switch (aggregation) {
    case Aggregation::sum:
      return all.sum;
    case Aggregation::rate:
      return static_cast<double>(all.count()) / seconds;
    case Aggregation::last:
      return points.back()->value.mean().value_or(0.0);
    default:
      break;
  }
  if (all.count() == 0) return 0.0;
  switch (aggregation) {
    case Aggregation::avg:
      return all.mean();
    case Aggregation::max:
      return all.quantile(1.0);
    case Aggregation::min:
      return all.quantile(0.0);
    default:
      return all.quantile(*quantile_of(aggregation));
  }
}

Reading absent(const Points<Amount>& /*points*/) { return absent_while_short(); }

Reading absent(const Points<Samples>& /*points*/) { return absent_while_short(); }

Reading absent(const Points<Buckets>& points) {
  const bool is_observed = std::ranges::any_of(
      points, [](const auto* point) { return point->value.count() > 0 && point->seconds() > 0.0; });
  if (!is_observed) return absent_while_short();
  return Reading::absent(Missing::refused,
                         "its values are of too many sizes: the largest have no bucket");
}

std::optional<double> error_of(const Points<Amount>& /*points*/, Aggregation /*aggregation*/) {
  return std::nullopt;
}

std::optional<double> error_of(const Points<Samples>& /*points*/, Aggregation /*aggregation*/) {
  return std::nullopt;
}

std::optional<double> error_of(const Points<Buckets>& points, Aggregation aggregation) {
  const bool is_exact = !quantile_of(aggregation) && aggregation != Aggregation::max &&
                        aggregation != Aggregation::min;
  if (is_exact || points.empty()) return std::nullopt;
  const auto coarsest =
      std::ranges::min_element(points, {}, [](const auto* point) { return point->value.scale; });
  return (*coarsest)->value.relative_error();
}

Reading scaled(Reading reading, double factor) {
  reading.value *= factor;
  if (reading.previous) *reading.previous *= factor;
  if (reading.short_value) *reading.short_value *= factor;
  return reading;
}

Reading percent(Reading reading, double capacity) {
  if (reading.is_missing()) return reading;
  if (capacity <= 0.0) return Reading::absent(Missing::unknown, "its limit is not known");
  reading.amount = reading.value;
  reading.capacity = capacity;
  return scaled(std::move(reading), 100.0 / capacity);
}

}  // namespace selfscale::agent
