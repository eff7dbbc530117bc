/// The readings that a simulated service gives: each metric of a policy over its window, from the
/// steps of the model.
#pragma once

#include <cstddef>
#include <optional>
#include <selfscale/snapshot.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "policy/compiled.hpp"
#include "sim/latencies.hpp"
#include "sim/queue.hpp"

namespace selfscale::sim {

/// The last steps, as far back as the longest window needs.
class History {
 public:
  History(const CompiledPolicy& policy, Duration step);
  void add(const ServiceStep& step);
  /// Number of steps ever added.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  /// `index` counts all steps from the first; it must be one of those kept.
  [[nodiscard]] const ServiceStep& at(std::size_t index) const {
    return kept_[index % kept_.size()];
  }
  /// Steps in a duration; at least one.
  [[nodiscard]] std::size_t steps_in(Duration duration) const noexcept;

 private:
  Duration step_;
  std::vector<ServiceStep> kept_;
  std::size_t count_ = 0;
};

/// Whether the model can read a metric at all.
bool has_metric(std::string_view metric);

/// One replica of the model.
struct Replica {
  std::string id;
  Instant started_at{};
  Instant ready_at{};
};

/// Fills a snapshot's readings, per replica or for the service, as the live agent would.
class Readings {
 public:
  Readings(const CompiledPolicy& policy, const ServiceModel& model, Duration step);
  /// Replicas stand oldest first; `now` is the end of the last step of `history`.
  void fill(const History& history, std::span<const Replica> replicas, Instant now,
            Snapshot& snapshot);

 private:
  Reading over_life(const MetricSpec& metric, const History& history, std::size_t steps_alive);
  Reading of_service(const MetricSpec& metric, const History& history);
  double over(const MetricSpec& metric, const History& history, std::size_t from, std::size_t to);

  const CompiledPolicy& policy_;
  ServiceModel model_;
  Duration step_;
  Latencies latencies_;
  std::vector<double> values_;
};

}  // namespace selfscale::sim
