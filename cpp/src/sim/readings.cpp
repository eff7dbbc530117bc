#include "sim/readings.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace selfscale::sim {
namespace {

bool is_rate(std::string_view metric) {
  return metric == "requests_per_second" || metric == "request_rate";
}
bool is_failure_share(std::string_view metric) {
  return metric == "error_rate" || metric == "failure_rate";
}
/// A rate that is asked for as a sum is one reading for the service, as live.
bool is_per_replica(const MetricSpec& spec) {
  if (is_rate(spec.metric)) return spec.across != Across::sum;
  return spec.metric == "cpu_usage" || spec.metric == "memory_usage" || spec.metric == "in_flight";
}
bool is_distribution(std::string_view metric) {
  return metric == "response_time" || metric == "request_queue_time";
}

/// Of one replica, or of the service.
double value_in(const MetricSpec& spec, const ServiceStep& step, const ServiceModel& model) {
  if (spec.metric == "cpu_usage") return 100.0 * step.utilization;
  if (spec.metric == "memory_usage") return model.memory_percent;
  if (spec.metric == "queue_length") return step.backlog;
  if (spec.metric == "queue_latency") return step.queued_seconds;
  const double share = is_per_replica(spec) ? (step.ready > 0 ? 1.0 / step.ready : 0.0) : 1.0;
  if (spec.metric == "in_flight") return step.in_flight() * share;
  const double per_second = step.served / step.seconds * share;
  return spec.metric == "request_rate" ? 60.0 * per_second : per_second;
}

double mean(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Of one number per step; `values` is not empty, and may be reordered.
double aggregated(Aggregation aggregation, std::vector<double>& values) {
  if (const auto q = quantile_of(aggregation)) {
    const auto rank =
        static_cast<std::ptrdiff_t>(*q * static_cast<double>(values.size() - 1) + 0.5);
    std::nth_element(values.begin(), values.begin() + rank, values.end());
    return values[static_cast<std::size_t>(rank)];
  }
  switch (aggregation) {
    case Aggregation::max:
      return *std::max_element(values.begin(), values.end());
    case Aggregation::min:
      return *std::min_element(values.begin(), values.end());
    case Aggregation::last:
      return values.back();
    case Aggregation::sum:
      return mean(values) * static_cast<double>(values.size());
    default:
      return mean(values);
  }
}

/// A replica of the model asks for one of what it can use, and is known to before it shows any use.
Reading of_request(Reading reading) {
  reading.capacity = 1.0;
  if (!reading.is_missing()) reading.amount = reading.value / 100.0;
  return reading;
}

}  // namespace

bool has_metric(std::string_view metric) {
  constexpr std::array<std::string_view, 11> known{
      "cpu_usage",    "memory_usage",  "in_flight",          "requests_per_second",
      "request_rate", "response_time", "request_queue_time", "error_rate",
      "failure_rate", "queue_length",  "queue_latency"};
  return std::ranges::find(known, metric) != known.end();
}

History::History(const CompiledPolicy& policy, Duration step) : step_{step} {
  Duration longest{0};
  for (const MetricSpec& metric : policy.metrics) longest = std::max(longest, metric.window);
  kept_.resize(2 * steps_in(longest));  // the window, and the one before it
}

void History::add(const ServiceStep& step) {
  kept_[count_ % kept_.size()] = step;
  ++count_;
}

std::size_t History::steps_in(Duration duration) const noexcept {
  return static_cast<std::size_t>(std::max<Duration::rep>(1, duration / step_));
}

Readings::Readings(const CompiledPolicy& policy, const ServiceModel& model, Duration step)
    : policy_{policy}, model_{model}, step_{step} {}

/// A metric over the steps [from, to).
double Readings::over(const MetricSpec& metric, const History& history, std::size_t from,
                      std::size_t to) {
  if (is_distribution(metric.metric)) {
    const double base = metric.metric == "response_time" ? model_.service_seconds : 0.0;
    double requests = 0.0;
    double seconds = 0.0;
    double longest = 0.0;
    latencies_.clear();
    for (std::size_t i = from; i < to; ++i) {
      const ServiceStep& step = history.at(i);
      step.add_waits(base, 1.0, model_.timeout_seconds, latencies_);
      requests += step.arrivals;
      seconds += step.arrivals * (base + step.mean_wait());
      if (step.arrivals > 0.0) longest = std::max(longest, base + step.mean_wait());
    }
    if (const auto q = quantile_of(metric.aggregation)) return latencies_.quantile(*q);
    if (metric.aggregation == Aggregation::max) return longest;
    return requests > 0.0 ? seconds / requests : 0.0;
  }
  if (is_failure_share(metric.metric)) {
    double lost = 0.0;
    double ended = 0.0;
    for (std::size_t i = from; i < to; ++i) {
      lost += history.at(i).lost;
      ended += history.at(i).lost + history.at(i).served;
    }
    return ended > 0.0 ? 100.0 * lost / ended : 0.0;
  }
  values_.clear();
  for (std::size_t i = from; i < to; ++i)
    values_.push_back(value_in(metric, history.at(i), model_));
  return aggregated(metric.aggregation, values_);
}

Reading Readings::over_life(const MetricSpec& metric, const History& history,
                            std::size_t steps_alive) {
  const std::size_t window = history.steps_in(metric.window);
  const std::size_t seen = std::min({steps_alive, window, history.count()});
  if (seen == 0) return Reading::absent(Missing::not_reported);
  const std::size_t end = history.count();
  Reading reading = Reading::of(over(metric, history, end - seen, end));
  reading.window = step_ * static_cast<Duration::rep>(seen);
  if (metric.needs_previous && std::min(steps_alive, end) >= 2 * window) {
    reading.previous = over(metric, history, end - 2 * window, end - window);
  }
  if (metric.short_window) {
    const std::size_t recent = std::min(seen, history.steps_in(*metric.short_window));
    reading.short_value = over(metric, history, end - recent, end);
    reading.short_window = *metric.short_window;
  }
  return reading;
}

Reading Readings::of_service(const MetricSpec& metric, const History& history) {
  if (!has_metric(metric.metric)) {
    return Reading::absent(Missing::unknown, "the simulated service has no " + metric.metric);
  }
  return over_life(metric, history, history.count());
}

void Readings::fill(const History& history, std::span<const Replica> replicas, Instant now,
                    Snapshot& snapshot) {
  snapshot.metrics.assign(policy_.metrics.size(), std::nullopt);
  snapshot.instances.resize(replicas.size());
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    Instance& instance = snapshot.instances[i];
    instance.id = replicas[i].id;
    const bool is_ready = replicas[i].ready_at <= now;
    instance.ready = is_ready ? Ready::yes : Ready::no;
    instance.started_at = replicas[i].started_at;
    instance.ready_changed_at = is_ready ? replicas[i].ready_at : replicas[i].started_at;
    instance.metrics.assign(policy_.metrics.size(), std::nullopt);
  }
  for (std::size_t m = 0; m < policy_.metrics.size(); ++m) {
    const MetricSpec& metric = policy_.metrics[m];
    if (!is_per_replica(metric)) {
      snapshot.metrics[m] = of_service(metric, history);
      continue;
    }
    // Replicas are alike but for their age: those that have lived through the same part of the
    // window read the same.
    std::optional<std::size_t> computed_for;
    Reading reading;
    for (std::size_t i = 0; i < replicas.size(); ++i) {
      const Duration age = now - replicas[i].ready_at;
      const auto alive = age.count() <= 0
                             ? 0
                             : std::min(history.steps_in(age), 2 * history.steps_in(metric.window));
      if (computed_for != alive) reading = over_life(metric, history, alive);
      computed_for = alive;
      snapshot.instances[i].metrics[m] = metric.of == Of::request ? of_request(reading) : reading;
    }
  }
}

}  // namespace selfscale::sim
