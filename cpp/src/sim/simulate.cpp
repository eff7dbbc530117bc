#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <selfscale/decide.hpp>
#include <selfscale/error.hpp>
#include <selfscale/simulate.hpp>
#include <string>
#include <utility>

#include "policy/compiled.hpp"
#include "policy/presets.hpp"
#include "sim/latencies.hpp"
#include "sim/queue.hpp"
#include "sim/random.hpp"
#include "sim/readings.hpp"

namespace selfscale {
namespace {

using sim::History;
using sim::Latencies;
using sim::Replica;
using sim::ServiceStep;

constexpr Duration longest_step{1'000};

[[noreturn]] void refuse(const std::string& what) { throw Error{Errc::invalid_argument, what}; }

Duration milliseconds(double seconds) { return Duration{std::llround(seconds * 1'000.0)}; }
double seconds_of(Duration duration) { return static_cast<double>(duration.count()) / 1'000.0; }

void check(const ServiceModel& service, const CompiledPolicy& policy) {
  const std::array<std::pair<const char*, double>, 3> positive{
      {{"capacity_per_replica", service.capacity_per_replica},
       {"service_seconds", service.service_seconds},
       {"timeout_seconds", service.timeout_seconds}}};
  for (const auto& [name, value] : positive) {
    if (!std::isfinite(value) || value <= 0.0)
      refuse(std::string{name} + " must be a number above 0");
  }
  if (!std::isfinite(service.startup_seconds) || service.startup_seconds < 0.0) {
    refuse("startup_seconds must be 0 or more");
  }
  if (!(service.memory_percent >= 0.0 && service.memory_percent <= 100.0)) {
    refuse("memory_percent must lie between 0 and 100");
  }
  if (milliseconds(service.startup_seconds) > policy.startup_timeout) {
    refuse("a start takes longer than policy " + policy.name +
           " waits for it (startup.timeout), so every step up would fail: raise startup.timeout or "
           "lower startup_seconds");
  }
}

void check(const std::vector<LoadPoint>& load) {
  if (load.size() < 2) refuse("the load needs at least two points, its start and its end");
  for (std::size_t i = 0; i < load.size(); ++i) {
    const auto& [seconds, rate] = load[i];
    const std::string where = "load point " + std::to_string(i) + ": ";
    if (!std::isfinite(seconds) || !std::isfinite(rate))
      refuse(where + "both numbers must be finite");
    if (rate < 0.0) refuse(where + "requests per second must be 0 or more");
    if (i > 0 && seconds <= load[i - 1].seconds)
      refuse(where + "its time is not after the one before; sort the points by time");
  }
}

/// Walks along the load; times must not go back.
class LoadCursor {
 public:
  explicit LoadCursor(const std::vector<LoadPoint>& load) : load_{load} {}
  double at(double seconds) {
    while (next_ + 1 < load_.size() && load_[next_].seconds < seconds) ++next_;
    const LoadPoint& after = load_[next_];
    const LoadPoint& before = load_[next_ - 1];
    const double share =
        std::clamp((seconds - before.seconds) / (after.seconds - before.seconds), 0.0, 1.0);
    return before.requests_per_second +
           share * (after.requests_per_second - before.requests_per_second);
  }

 private:
  const std::vector<LoadPoint>& load_;
  std::size_t next_ = 1;
};

/// The platform: starts replicas, which become ready in time, and stops the newest first.
class Platform {
 public:
  Platform(int replicas, Instant now, Duration startup) : startup_{startup} {
    for (int i = 0; i < replicas; ++i) replicas_.push_back({name(), now, now});
  }
  void scale(int desired, Instant now) {
    while (std::cmp_greater(replicas_.size(), desired)) replicas_.pop_back();
    while (std::cmp_less(replicas_.size(), desired))
      replicas_.push_back({name(), now, now + startup_});
  }
  [[nodiscard]] int current() const { return static_cast<int>(replicas_.size()); }
  [[nodiscard]] int ready(Instant now) const {
    return static_cast<int>(
        std::ranges::count_if(replicas_, [&](const Replica& r) { return r.ready_at <= now; }));
  }
  [[nodiscard]] const std::vector<Replica>& replicas() const { return replicas_; }

 private:
  std::string name() { return "replica-" + std::to_string(++started_); }
  Duration startup_;
  int started_ = 0;
  std::vector<Replica> replicas_;
};

/// What the clients saw over some time.
struct Tally {
  double requests = 0.0;
  double served = 0.0;
  double lost = 0.0;
  double busy_seconds = 0.0;
  double seconds = 0.0;
  Latencies latencies;

  void add(const ServiceStep& step) {
    requests += step.arrivals;
    served += step.served;
    lost += step.lost;
    busy_seconds += step.utilization * step.seconds;
    seconds += step.seconds;
    step.add_responses(latencies);
  }
  void clear() {
    requests = served = lost = busy_seconds = seconds = 0.0;
    latencies.clear();
  }
};

class Run {
 public:
  Run(const Policy& policy, const std::vector<LoadPoint>& load, const ServiceModel& service,
      std::uint64_t seed)
      : policy_{policy},
        compiled_{policy.compiled()},
        model_{service},
        load_{load},
        random_{seed},
        step_{std::min(longest_step, compiled_.evaluation_interval)},
        now_{milliseconds(load.front().seconds)},
        end_{milliseconds(load.back().seconds)},
        platform_{compiled_.first_replicas(), now_, milliseconds(service.startup_seconds)},
        queue_{service},
        history_{compiled_, step_},
        readings_{compiled_, service, step_} {}

  Simulation finish() {
    Instant evaluation = now_ + compiled_.evaluation_interval;
    while (now_ < end_) {
      advance();
      if (now_ < evaluation) continue;
      evaluation += compiled_.evaluation_interval;
      evaluate();
    }
    summarize();
    return std::move(result_);
  }

 private:
  void advance() {
    const double seconds = seconds_of(step_);
    const double middle = seconds_of(now_.time_since_epoch()) + seconds / 2.0;
    const double expected = load_.at(middle) * seconds;
    const double arrivals = model_.random_arrivals ? random_.poisson(expected) : expected;
    const ServiceStep step = queue_.advance(arrivals, platform_.ready(now_), seconds);
    result_.summary.replica_seconds += platform_.current() * seconds;
    history_.add(step);
    whole_.add(step);
    interval_.add(step);
    now_ += step_;
    end_event_when_ready();
  }

  void evaluate() {
    observe();
    decide(policy_, snapshot_, state_, decision_);
    if (decision_.action == Action::scale) scale_to(decision_.to_replicas);
    note_step();
  }

  void observe() {
    snapshot_.at = now_;
    snapshot_.wall_time_seconds = seconds_of(now_.time_since_epoch());
    snapshot_.service = compiled_.service;
    snapshot_.platform.desired_replicas = platform_.current();
    snapshot_.platform.current_replicas = platform_.current();
    snapshot_.platform.ready_replicas = platform_.ready(now_);
    snapshot_.shared.other_replicas = 0;
    readings_.fill(history_, platform_.replicas(), now_, snapshot_);
  }

  void scale_to(int desired) {
    if (pending_) end_event(Outcome::superseded);
    ScalingEvent event;
    event.id = std::string(26, '0');
    const std::string serial = std::to_string(result_.events.size() + 1);
    event.id.replace(event.id.size() - serial.size(), serial.size(), serial);
    event.service = compiled_.service;
    event.policy = compiled_.name;
    event.started_at = now_;
    event.accepted_at = now_;
    event.from_replicas = decision_.from_replicas;
    event.to_replicas = desired;
    event.reason = reason(policy_, decision_);
    event.leader = "simulation";
    for (const Proposal& proposal : decision_.recommendation.proposals) {
      if (proposal.metric < 0 || proposal.answer == Answer::missing) continue;
      event.metrics.emplace_back(compiled_.metrics[static_cast<std::size_t>(proposal.metric)].name,
                                 proposal.value);
    }
    platform_.scale(desired, now_);
    record(state_, event);
    result_.events.push_back(std::move(event));
    pending_ = true;
    ++result_.summary.scale_events;
    end_event_when_ready();
  }

  void end_event_when_ready() {
    if (pending_ && platform_.ready(now_) == platform_.current()) end_event(Outcome::succeeded);
  }

  void end_event(Outcome outcome) {
    ScalingEvent& event = result_.events.back();
    event.outcome = outcome;
    event.duration = now_ - event.started_at;
    event.ready_replicas = platform_.ready(now_);
    record(state_, event);
    pending_ = false;
  }

  void note_step() {
    SimulationStep step;
    step.seconds = seconds_of(now_.time_since_epoch());
    step.offered_per_second = interval_.requests / interval_.seconds;
    step.served_per_second = interval_.served / interval_.seconds;
    step.errors = interval_.lost;
    step.backlog = history_.at(history_.count() - 1).backlog;
    step.utilization = interval_.busy_seconds / interval_.seconds;
    step.p50_seconds = interval_.latencies.quantile(0.5);
    step.p95_seconds = interval_.latencies.quantile(0.95);
    step.desired_replicas = platform_.current();
    step.current_replicas = snapshot_.platform.current_replicas;
    step.ready_replicas = *snapshot_.platform.ready_replicas;
    step.recommended_replicas = decision_.recommendation.recommended_replicas;
    step.action = decision_.action;
    step.code = decision_.recommendation.code;
    result_.steps.push_back(step);
    interval_.clear();
  }

  void summarize() {
    SimulationSummary& summary = result_.summary;
    summary.requests = whole_.requests;
    summary.errors = whole_.lost;
    summary.p50_seconds = whole_.latencies.quantile(0.5);
    summary.p95_seconds = whole_.latencies.quantile(0.95);
    summary.p99_seconds = whole_.latencies.quantile(0.99);
    summary.offered_per_second = whole_.seconds > 0.0 ? whole_.requests / whole_.seconds : 0.0;
  }

  const Policy& policy_;
  const CompiledPolicy& compiled_;
  ServiceModel model_;
  LoadCursor load_;
  sim::Random random_;
  Duration step_;
  Instant now_;
  Instant end_;
  Platform platform_;
  sim::ServiceQueue queue_;
  History history_;
  sim::Readings readings_;
  Snapshot snapshot_;
  DecisionState state_;
  Decision decision_;
  bool pending_ = false;  ///< the last event has not ended
  Tally whole_;
  Tally interval_;
  Simulation result_;
};

/// The policy as it is for a service that has the model's metrics.
Policy fitted(const Policy& policy) {
  std::vector<std::string> absent;
  for (const MetricSpec& metric : policy.compiled().metrics) {
    if (!sim::has_metric(metric.metric)) absent.push_back(metric.metric);
  }
  return absent.empty() ? policy : without_metrics(policy, absent);
}

}  // namespace

Simulation simulate(const Policy& policy, const std::vector<LoadPoint>& load,
                    const ServiceModel& service, std::uint64_t seed) {
  check(load);
  check(service, policy.compiled());
  const Policy effective = fitted(policy);
  return Run{effective, load, service, seed}.finish();
}

}  // namespace selfscale
