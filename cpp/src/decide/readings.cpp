#include "decide/readings.hpp"

#include <algorithm>

namespace selfscale {
namespace {

bool is_going(const Instance& instance) noexcept {
  return instance.deleting || instance.phase == Phase::failed;
}

/// Kubernetes' horizontal.go groupPods, the CPU branch; times compare as there.
bool is_unready_for_cpu(const Instance& instance, const Reading& reading,
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

}  // namespace

bool is_usable(const Reading& reading, const MetricSpec& metric) noexcept {
  const Duration oldest = std::max({metric.window, reading.window, metric.missing_after});
  return !reading.is_missing() && std::isfinite(reading.value) && reading.age <= oldest;
}

const Reading* reading_of(const Instance& instance, const MetricSpec& metric,
                          std::size_t index) noexcept {
  if (index >= instance.metrics.size() || !instance.metrics[index]) return nullptr;
  const Reading& reading = *instance.metrics[index];
  return is_usable(reading, metric) ? &reading : nullptr;
}

Standing standing_of(const Instance& instance, const MetricSpec& metric, std::size_t index,
                     const Readiness& readiness, Instant at) noexcept {
  if (is_going(instance)) return Standing::ignored;
  if (instance.phase == Phase::pending) return Standing::unready;
  const Reading* reading = reading_of(instance, metric, index);
  const bool is_cpu = metric.metric == "cpu_usage" || metric.metric == "cpu_cores";
  if (reading == nullptr) return Standing::missing;
  if (is_cpu && is_unready_for_cpu(instance, *reading, readiness, at)) return Standing::unready;
  return Standing::ready;
}

Standing serving_standing(const Instance& instance, const MetricSpec& metric,
                          std::size_t index) noexcept {
  if (is_going(instance) || instance.phase == Phase::succeeded) return Standing::ignored;
  if (instance.phase == Phase::pending || instance.ready == Ready::no) return Standing::unready;
  return reading_of(instance, metric, index) == nullptr ? Standing::missing : Standing::ready;
}

void Reduction::add(double value, int times) noexcept {
  if (times <= 0) return;
  least_ = count_ == 0 ? value : std::min(least_, value);
  most_ = count_ == 0 ? value : std::max(most_, value);
  sum_ += value * static_cast<double>(times);
  count_ += times;
}

double Reduction::value() const noexcept {
  if (count_ == 0) return 0.0;
  switch (across_) {
    case Across::max:
      return most_;
    case Across::min:
      return least_;
    case Across::sum:
      return sum_;
    case Across::avg:
      break;
  }
  return sum_ / static_cast<double>(count_);
}

const Reading* service_reading(const Situation& seen, std::size_t metric) noexcept {
  if (const int computed = seen.policy.metrics[metric].expression; computed >= 0) {
    return &seen.computed[static_cast<std::size_t>(computed)];
  }
  const auto& metrics = seen.snapshot.metrics;
  return metric < metrics.size() && metrics[metric] ? &*metrics[metric] : nullptr;
}

bool is_refused(const Situation& seen, std::size_t metric) noexcept {
  const auto refused = [](const Reading& reading) { return reading.missing == Missing::refused; };
  if (const Reading* service = service_reading(seen, metric)) return refused(*service);
  return std::ranges::any_of(seen.snapshot.instances, [&](const Instance& instance) {
    const bool has_entry = metric < instance.metrics.size() && instance.metrics[metric];
    return has_entry && refused(*instance.metrics[metric]);
  });
}

int ready_replicas(const Snapshot& snapshot) noexcept {
  if (snapshot.platform.ready_replicas) return *snapshot.platform.ready_replicas;
  if (snapshot.instances.empty()) return snapshot.platform.current_replicas;
  const auto serves = [](const Instance& instance) {
    return instance.phase == Phase::running && instance.ready == Ready::yes;
  };
  return static_cast<int>(
      std::count_if(snapshot.instances.begin(), snapshot.instances.end(), serves));
}

void note_missing(const Situation& seen, std::span<std::optional<Instant>> missing_since) noexcept {
  for (std::size_t i = 0; i < missing_since.size(); ++i) {
    const MetricSpec& metric = seen.policy.metrics[i];
    const Reading* service = service_reading(seen, i);
    const auto reports = [&](const Instance& instance) {
      return reading_of(instance, metric, i) != nullptr;
    };
    const auto& instances = seen.snapshot.instances;
    const bool is_there = service != nullptr
                              ? is_usable(*service, metric)
                              : std::any_of(instances.begin(), instances.end(), reports);
    if (is_there) {
      missing_since[i].reset();
    } else if (!missing_since[i]) {
      missing_since[i] = seen.at;
    }
  }
}

}  // namespace selfscale
