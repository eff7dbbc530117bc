/// From readings to the one value that a rule holds against its limit: which instances count, and
/// how their values become one. What is asked of every instance for every metric stands here in
/// full, so that loops over instances make no calls.
#pragma once

#include <algorithm>
#include <selfscale/stages.hpp>
#include <span>

#include "decide/situation.hpp"

namespace selfscale {

/// Present, and not older than its window (nor than missingAfter, where that is longer).
inline bool is_usable(const Reading& reading, const MetricSpec& metric) noexcept {
  const bool is_young = reading.age <= metric.window || reading.age <= metric.missing_after ||
                        reading.age <= reading.window;
  return is_young && !reading.is_missing() && std::isfinite(reading.value);
}

/// What an instance says of a metric, usable or not; nullptr: nothing.
inline const Reading* entry_of(const Instance& instance, std::size_t index) noexcept {
  const bool has_entry = index < instance.metrics.size() && instance.metrics[index];
  return has_entry ? &*instance.metrics[index] : nullptr;
}

/// An instance's usable reading of a metric, or nullptr.
inline const Reading* reading_of(const Instance& instance, const MetricSpec& metric,
                                 std::size_t index) noexcept {
  const Reading* entry = entry_of(instance, index);
  return entry != nullptr && is_usable(*entry, metric) ? entry : nullptr;
}

/// It takes no load any more, whatever it reports.
inline bool is_going(const Instance& instance) noexcept {
  return instance.deleting || instance.phase == Phase::failed;
}

/// Kubernetes' horizontal.go groupPods, the CPU branch; times compare as there.
inline bool is_unready_for_cpu(const Instance& instance, const Reading& reading,
                               const Readiness& readiness, Instant at) noexcept {
  const bool says_unready = instance.ready == Ready::no;
  if (instance.ready == Ready::unreported || !instance.started_at) return true;
  const Instant started = *instance.started_at;
  const Instant changed = instance.ready_changed_at.value_or(started);
  if (started + readiness.cpu_initialization_period > at) {
    return says_unready || at - reading.age < changed + reading.window;
  }
  return says_unready && started + readiness.initial_readiness_delay > changed;
}

/// HPA's classification (groupPods): for CPU alone it looks at readiness and at the time since the
/// start, for other metrics at the phase only.
inline Standing standing_of(const Instance& instance, const MetricSpec& metric, std::size_t index,
                            const Readiness& readiness, Instant at) noexcept {
  if (is_going(instance)) return Standing::ignored;
  if (instance.phase == Phase::pending) return Standing::unready;
  const Reading* reading = reading_of(instance, metric, index);
  if (reading == nullptr) return Standing::missing;
  // Few instances are young or unready: only of these the name is looked at.
  const bool is_unready =
      is_unready_for_cpu(instance, *reading, readiness, at) && metric.is_of_cpu();
  return is_unready ? Standing::unready : Standing::ready;
}

/// For thresholds: only instances that serve count, whatever the metric.
inline Standing serving_standing(const Instance& instance, const MetricSpec& metric,
                                 std::size_t index) noexcept {
  if (is_going(instance) || instance.phase == Phase::succeeded) return Standing::ignored;
  if (instance.phase == Phase::pending || instance.ready == Ready::no) return Standing::unready;
  return reading_of(instance, metric, index) == nullptr ? Standing::missing : Standing::ready;
}

/// Many values as one. Empty: no values.
class Reduction {
 public:
  explicit Reduction(Across across) noexcept : across_{across} {}
  void add(double value, int times = 1) noexcept {
    if (times <= 0) return;
    least_ = count_ == 0 ? value : std::min(least_, value);
    most_ = count_ == 0 ? value : std::max(most_, value);
    sum_ += value * static_cast<double>(times);
    count_ += times;
  }
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
inline const Reading* service_reading(const Situation& seen, std::size_t metric) noexcept {
  if (const int computed = seen.policy.metrics[metric].expression; computed >= 0) {
    return &seen.computed[static_cast<std::size_t>(computed)];
  }
  const auto& metrics = seen.snapshot.metrics;
  return metric < metrics.size() && metrics[metric] ? &*metrics[metric] : nullptr;
}

/// No reading of the metric can be used, and one was refused at the gate: NaN, infinite, negative.
bool is_refused(const Situation& seen, std::size_t metric) noexcept;

/// Replicas that serve: what the platform says, else instances that run and are ready, else what
/// exists.
int ready_replicas(const Snapshot& snapshot) noexcept;

/// Keeps in `missing_since` since when each metric has had no usable reading at all.
void note_missing(const Situation& seen, std::span<std::optional<Instant>> missing_since) noexcept;

}  // namespace selfscale
