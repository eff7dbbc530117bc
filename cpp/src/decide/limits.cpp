#include "decide/limits.hpp"

#include <algorithm>

namespace selfscale {

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

Limited within_memory(const CompiledPolicy& policy, const Shared& shared, int wanted,
                      int current) noexcept {
  const bool is_short = policy.min_available_memory_mb && shared.available_memory_mb &&
                        *shared.available_memory_mb < *policy.min_available_memory_mb;
  if (!is_short || wanted <= current) return {wanted};
  return {current, Code::memory_limit, *policy.min_available_memory_mb};
}

}  // namespace selfscale
