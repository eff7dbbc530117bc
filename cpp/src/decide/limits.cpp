#include "decide/limits.hpp"

#include <algorithm>

namespace selfscale {

std::optional<Limited> outside_bounds(const CompiledPolicy& policy, int current) noexcept {
  if (current < policy.min_replicas) {
    return Limited{policy.min_replicas, Code::below_minimum,
                   static_cast<double>(policy.min_replicas)};
  }
  if (current > policy.max_replicas) {
    return Limited{policy.max_replicas, Code::above_maximum,
                   static_cast<double>(policy.max_replicas)};
  }
  return std::nullopt;
}

Limited within_bounds(const CompiledPolicy& policy, int wanted) noexcept {
  if (wanted > policy.max_replicas) {
    return {policy.max_replicas, Code::at_maximum, static_cast<double>(policy.max_replicas)};
  }
  if (wanted < policy.min_replicas) {
    return {policy.min_replicas, Code::at_minimum, static_cast<double>(policy.min_replicas)};
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
