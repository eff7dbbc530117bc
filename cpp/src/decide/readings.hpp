/// From readings to the one value that a rule holds against its limit: which instances count, and
/// how their values become one.
#pragma once

#include <selfscale/stages.hpp>
#include <span>

#include "decide/situation.hpp"

namespace selfscale {

/// Present, and not older than its window (nor than missingAfter, where that is longer).
bool is_usable(const Reading& reading, const MetricSpec& metric) noexcept;

/// An instance's usable reading of a metric, or nullptr.
const Reading* reading_of(const Instance& instance, const MetricSpec& metric,
                          std::size_t index) noexcept;

/// HPA's classification (groupPods): for CPU alone it looks at readiness and at the time since the
/// start, for other metrics at the phase only.
Standing standing_of(const Instance& instance, const MetricSpec& metric, std::size_t index,
                     const Readiness& readiness, Instant at) noexcept;

/// For thresholds: only instances that serve count, whatever the metric.
Standing serving_standing(const Instance& instance, const MetricSpec& metric,
                          std::size_t index) noexcept;

/// Many values as one. Empty: no values.
class Reduction {
 public:
  explicit Reduction(Across across) noexcept : across_{across} {}
  void add(double value, int times = 1) noexcept;
  [[nodiscard]] int count() const noexcept { return count_; }
  [[nodiscard]] double value() const noexcept;  ///< 0 of no values

 private:
  Across across_;
  double sum_ = 0.0;
  double least_ = 0.0;
  double most_ = 0.0;
  int count_ = 0;
};

/// The reading of the whole service, if the metric has one; nullptr: it is read per instance.
const Reading* service_reading(const Situation& seen, std::size_t metric) noexcept;

/// No reading of the metric can be used, and one was refused at the gate: NaN, infinite, negative.
bool is_refused(const Situation& seen, std::size_t metric) noexcept;

/// Replicas that serve: what the platform says, else instances that run and are ready, else what
/// exists.
int ready_replicas(const Snapshot& snapshot) noexcept;

/// Keeps in `missing_since` since when each metric has had no usable reading at all.
void note_missing(const Situation& seen, std::span<std::optional<Instant>> missing_since) noexcept;

}  // namespace selfscale
