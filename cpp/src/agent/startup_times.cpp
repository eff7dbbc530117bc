#include "agent/startup_times.hpp"

#include <algorithm>
#include <cmath>

namespace selfscale::agent {
namespace {

constexpr std::size_t most_kept = 100;

/// Nearest rank: the least value that `share` of all do not exceed.
double quantile(const std::vector<double>& sorted, double share) {
  const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace

void StartupTimes::learn(const std::vector<ScalingEvent>& past) {
  for (auto event = past.rbegin(); event != past.rend(); ++event) {
    const bool was_up = event->to_replicas > event->from_replicas;
    const bool was_seen = event->accepted_at && event->duration && event->ready_replicas;
    if (event->outcome != Outcome::succeeded || !was_up || !was_seen) continue;
    add(event->started_at + *event->duration - *event->accepted_at);
  }
}

void StartupTimes::note_step(int from, int to, Instant accepted_at) {
  for (int count = from; count < to; ++count) pending_.push_back(accepted_at);
  for (int count = from; count > to && !pending_.empty(); --count) pending_.pop_back();
}

void StartupTimes::note_ready(int ready, Instant now) {
  for (; ready_ < ready && !pending_.empty(); ++ready_) {
    add(now - pending_.front());
    pending_.pop_front();
  }
  ready_ = ready;
}

void StartupTimes::add(Duration took) {
  seconds_.push_back(static_cast<double>(std::max(took, Duration{0}).count()) / 1000.0);
  if (seconds_.size() > most_kept) seconds_.pop_front();
}

Estimates StartupTimes::estimates() const {
  Estimates learned;
  if (seconds_.empty()) return learned;
  std::vector<double> sorted{seconds_.begin(), seconds_.end()};
  std::ranges::sort(sorted);
  learned.startup_seconds_p50 = quantile(sorted, 0.5);
  learned.startup_seconds_p95 = quantile(sorted, 0.95);
  learned.startup_samples = static_cast<int>(sorted.size());
  return learned;
}

}  // namespace selfscale::agent
