/// One number from the points of a window, and the reading that carries it.
#pragma once

#include <optional>
#include <selfscale/snapshot.hpp>
#include <string>
#include <vector>

#include "agent/series.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {

template <class Value>
using Points = std::vector<const typename Series<Value>::Point*>;

/// Per second over the window (`sum`: all of it); of its points for the largest, the smallest, the
/// last and the quantiles. Empty while no time has passed.
std::optional<double> aggregate(const Points<Amount>& points, Aggregation aggregation);
/// `rate` is the change per second. Empty when nothing was looked at.
std::optional<double> aggregate(const Points<Samples>& points, Aggregation aggregation);
/// Of everything that was observed. A window in which nothing was observed reads 0: nobody waited.
/// (That nobody reported is another thing.)
std::optional<double> aggregate(const Points<metrics::Buckets>& points, Aggregation aggregation);

/// Why there is no such value: no time has passed, or a distribution's largest values have no
/// bucket.
Reading absent(const Points<Amount>& points);
Reading absent(const Points<Samples>& points);
Reading absent(const Points<metrics::Buckets>& points);

/// The error of such a value, where it has one: of a distribution's quantiles, its largest and its
/// smallest.
std::optional<double> error_of(const Points<Amount>& points, Aggregation aggregation);
std::optional<double> error_of(const Points<Samples>& points, Aggregation aggregation);
std::optional<double> error_of(const Points<metrics::Buckets>& points, Aggregation aggregation);

/// The window's value with its age, and those of the window before and of a shorter one where they
/// are asked for.
template <class Value>
Reading read_series(const Series<Value>& series, const MetricSpec& spec, Instant now) {
  if (series.empty()) return Reading::absent(Missing::not_reported);
  const Duration age = std::max(Duration{0}, now - series.newest());
  if (age > spec.window) {
    auto stale = Reading::absent(Missing::stale,
                                 "last reported " + std::to_string(age.count() / 1000) + " s ago");
    stale.age = age;
    return stale;
  }
  const auto points = series.window(spec.window);
  const auto value = aggregate(points, spec.aggregation);
  if (!value) return absent(points);
  auto reading = Reading::of(*value);
  reading.age = age;
  reading.error = error_of(points, spec.aggregation);
  for (const auto* point : points) reading.window += point->length();
  if (spec.needs_previous && series.covers(2 * spec.window)) {
    reading.previous = aggregate(series.window(spec.window, spec.window), spec.aggregation);
  }
  if (spec.short_window) {
    reading.short_value = aggregate(series.window(*spec.short_window), spec.aggregation);
    reading.short_window = *spec.short_window;
  }
  return reading;
}

/// In another unit.
Reading scaled(Reading reading, double factor);
/// As a percentage of what there is.
Reading percent(Reading reading, double capacity);

}  // namespace selfscale::agent
