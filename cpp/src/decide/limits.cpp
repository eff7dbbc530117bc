#include "decide/limits.hpp"

#include <algorithm>
#include <limits>

namespace selfscale {
namespace {

/// By the tightest budget of `uses`, what others take left to them where it is known.
int paid_by_budgets(const CompiledPolicy& policy, const Shared& shared) noexcept {
  int most = std::numeric_limits<int>::max();
  for (std::size_t i = 0; i < policy.uses.size(); ++i) {
    const bool is_known = i < shared.budgets_used.size() && shared.budgets_used[i];
    most = std::min(most, policy.uses[i].replicas_paid(is_known ? *shared.budgets_used[i] : 0.0));
  }
  return most;
}

/// Of all services, as far as is known.
std::int64_t all_events_last_hour(const Shared& shared, const DecisionState& state,
                                  Instant at) noexcept {
  return std::int64_t{shared.other_events_last_hour} + events_last_hour(state, at);
}

bool is_short_of_memory(const CompiledPolicy& policy, const Shared& shared) noexcept {
  return policy.min_available_memory_mb && shared.available_memory_mb &&
         *shared.available_memory_mb < *policy.min_available_memory_mb;
}

}  // namespace

int events_last_hour(const DecisionState& state, Instant at) noexcept {
  std::int64_t events = 0;
  for (const DecisionState::Change& change : state.changes) {
    if (at - change.at < std::chrono::hours{1}) events += change.events;
  }
  return saturated(events);
}

std::optional<Limited> outside_bounds(const Bounds& bounds, int current) noexcept {
  if (current < bounds.min_replicas) {
    return Limited{bounds.min_replicas,
                   bounds.is_min_scheduled ? Code::schedule_minimum : Code::below_minimum,
                   static_cast<double>(bounds.min_replicas)};
  }
  if (current > bounds.max_replicas) {
    return Limited{bounds.max_replicas,
                   bounds.is_max_scheduled ? Code::schedule_maximum : Code::above_maximum,
                   static_cast<double>(bounds.max_replicas)};
  }
  return std::nullopt;
}

Limited within_schedules(const Bounds& bounds, int wanted) noexcept {
  if (bounds.is_max_scheduled && wanted > bounds.max_replicas) {
    return {bounds.max_replicas, Code::schedule_maximum, static_cast<double>(bounds.max_replicas)};
  }
  if (bounds.is_min_scheduled && wanted < bounds.min_replicas) {
    return {bounds.min_replicas, Code::schedule_minimum, static_cast<double>(bounds.min_replicas)};
  }
  return {wanted};
}

Limited within_bounds(const Bounds& bounds, int wanted) noexcept {
  if (wanted > bounds.max_replicas) {
    return {bounds.max_replicas, Code::at_maximum, static_cast<double>(bounds.max_replicas)};
  }
  if (wanted < bounds.min_replicas) {
    return {bounds.min_replicas, Code::at_minimum, static_cast<double>(bounds.min_replicas)};
  }
  return {wanted};
}

Limited within_total(const CompiledPolicy& policy, const Shared& shared, int wanted,
                     int current) noexcept {
  if (!policy.max_total_replicas || wanted <= current) return {wanted};
  const int free = saturated(std::int64_t{*policy.max_total_replicas} -
                             std::int64_t{shared.other_replicas.value_or(0)});
  return {std::max(current, std::min(wanted, free)), Code::total_replicas_limit,
          static_cast<double>(*policy.max_total_replicas)};
}

Limited within_budgets(const CompiledPolicy& policy, const Bounds& bounds, const Shared& shared,
                       int wanted, int current) noexcept {
  if (wanted <= current) return {wanted};
  const int most = std::min(wanted, paid_by_budgets(policy, shared));
  const int least = std::max(current, std::min(bounds.min_replicas, wanted));
  return {std::max(least, most), Code::budget_limit, static_cast<double>(most)};
}

Limited within_hourly_events(const CompiledPolicy& policy, const Shared& shared,
                             const DecisionState& state, int wanted, int current,
                             Instant at) noexcept {
  if (!policy.max_scale_events_per_hour || wanted >= current) return {wanted};
  if (all_events_last_hour(shared, state, at) < *policy.max_scale_events_per_hour) return {wanted};
  return {current, Code::hourly_events_limit,
          static_cast<double>(*policy.max_scale_events_per_hour)};
}

Limited within_memory(const CompiledPolicy& policy, const Shared& shared, int wanted,
                      int current) noexcept {
  if (!is_short_of_memory(policy, shared) || wanted <= current) return {wanted};
  return {current, Code::memory_limit, *policy.min_available_memory_mb};
}

void note_alerts(const CompiledPolicy& policy, const Shared& shared, const DecisionState& state,
                 int wanted, int current, Instant at, std::vector<Code>& alerts) {
  const std::int64_t total = std::int64_t{wanted} + shared.other_replicas.value_or(0);
  if (policy.max_total_replicas && total > *policy.max_total_replicas) {
    alerts.push_back(Code::total_replicas_exceeded);
  }
  if (wanted > paid_by_budgets(policy, shared)) alerts.push_back(Code::budget_exceeded);
  const auto& events = policy.max_scale_events_per_hour;
  if (events && wanted > current && all_events_last_hour(shared, state, at) >= *events) {
    alerts.push_back(Code::hourly_events_exceeded);
  }
  if (is_short_of_memory(policy, shared)) alerts.push_back(Code::memory_short);
}

}  // namespace selfscale
