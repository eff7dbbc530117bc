#include "decide/readings.hpp"

#include <algorithm>

namespace selfscale {
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

bool is_refused(const Situation& seen, std::size_t metric) noexcept {
  const auto refused = [](const Reading& reading) { return reading.missing == Missing::refused; };
  if (const Reading* service = service_reading(seen, metric)) return refused(*service);
  return std::ranges::any_of(seen.snapshot.instances, [&](const Instance& instance) {
    const Reading* entry = entry_of(instance, metric);
    return entry != nullptr && refused(*entry);
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
