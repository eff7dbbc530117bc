#include "sim/queue.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "sim/latencies.hpp"

namespace selfscale::sim {
namespace {

/// The random part of the wait is that of a replica at no more than this utilization; beyond, the
/// backlog speaks.
constexpr double most_utilization = 0.95;

/// Means of the standard exponential distribution within slices of probability: fine where
/// percentiles are read.
struct Slice {
  double share;
  double mean;
};
constexpr std::array<Slice, 8> exponential{{{0.2, 0.1074258},
                                            {0.2, 0.3600973},
                                            {0.2, 0.6998954},
                                            {0.2, 1.2231435},
                                            {0.1, 1.9162907},
                                            {0.05, 2.6094379},
                                            {0.04, 3.5933728},
                                            {0.01, 5.6051702}}};

}  // namespace

double ServiceStep::in_flight() const noexcept {
  return backlog + served / seconds * (service_seconds + waiting_share * waiting_seconds);
}

void ServiceStep::add_waits(double base, double share, double most,
                            Latencies& latencies) const noexcept {
  const double least = base + queued_seconds;
  const double requests = arrivals * share;
  latencies.add(std::min(most, least), requests * (1.0 - waiting_share));
  for (const Slice& slice : exponential) {
    latencies.add(std::min(most, least + slice.mean * waiting_seconds),
                  requests * waiting_share * slice.share);
  }
}

void ServiceStep::add_responses(Latencies& latencies) const noexcept {
  const double lost_share = arrivals > 0.0 ? std::min(1.0, lost / arrivals) : 0.0;
  add_waits(service_seconds, 1.0 - lost_share, timeout_seconds, latencies);
  latencies.add(timeout_seconds, lost);
}

ServiceStep ServiceQueue::advance(double arrivals, int ready, double seconds) noexcept {
  ServiceStep step;
  step.seconds = seconds;
  step.arrivals = arrivals;
  step.ready = ready;
  step.service_seconds = model_.service_seconds;
  step.timeout_seconds = model_.timeout_seconds;

  const double before = backlog_;
  const double rate = static_cast<double>(ready) * model_.capacity_per_replica;
  step.served = std::min(before + arrivals, rate * seconds);
  backlog_ = before + arrivals - step.served;
  // Nobody waits longer than the timeout: the backlog is at most what is served within it. Without
  // a replica the oldest go as time passes.
  const double kept = ready > 0 ? rate * model_.timeout_seconds
                                : backlog_ * std::max(0.0, 1.0 - seconds / model_.timeout_seconds);
  step.lost = std::max(0.0, backlog_ - kept);
  backlog_ -= step.lost;
  step.backlog = backlog_;

  if (ready == 0) {
    step.queued_seconds = model_.timeout_seconds;
    return step;
  }
  step.utilization = step.served / (rate * seconds);
  step.queued_seconds = (before + backlog_) / 2.0 / rate;
  const double busy = std::min(step.utilization, most_utilization);
  const double servers = std::max(1.0, model_.capacity_per_replica * model_.service_seconds);
  step.waiting_share = std::pow(busy, std::sqrt(2.0 * (servers + 1.0)) - 1.0);
  step.waiting_seconds = 1.0 / ((1.0 - busy) * model_.capacity_per_replica);
  return step;
}

}  // namespace selfscale::sim
