/// What the stages look at: one policy, one snapshot, one instant.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <selfscale/decision.hpp>
#include <selfscale/snapshot.hpp>
#include <span>

#include "policy/compiled.hpp"

namespace selfscale {

struct Situation {
  const CompiledPolicy& policy;
  const Snapshot& snapshot;
  Instant at{};     ///< never before the last decision's
  int current = 0;  ///< replicas asked for: what every change is counted from
  std::span<const DecisionState::Change> changes{};  ///< what was done to it, oldest first
  std::span<const Reading> computed{};               ///< by the policy's expressions
};

/// Sums of counts end at the ends of int.
constexpr int saturated(std::int64_t count) noexcept {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  return static_cast<int>(count < 0 ? 0 : count > most ? most : count);
}

/// A number of replicas as a whole number, rounded up; NaN counts as 0.
inline int whole_replicas(double replicas) noexcept {
  constexpr double most = std::numeric_limits<int>::max();
  const double up = std::ceil(replicas);
  if (!(up > 0.0)) return 0;
  return up >= most ? std::numeric_limits<int>::max() : static_cast<int>(up);
}

}  // namespace selfscale
