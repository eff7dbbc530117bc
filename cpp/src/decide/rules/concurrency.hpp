/// A concurrency rule: Knative's autoscaler (pkg/autoscaler/scaling/autoscaler.go), doubles in its
/// order of operations. The load over a long window decides; a burst that shows over a short one
/// starts a panic, in which the count only grows.
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

/// Results that scaleDownDelay looks back on are kept by so much time each.
inline constexpr Duration delay_bucket{2'000};

struct ConcurrencyInput {
  double stable = 0.0;  ///< load of the whole service over the rule's window
  double panic = 0.0;   ///< the same over its panic window
  int ready = 0;        ///< replicas that serve
  int current = 0;      ///< replicas asked for
  /// Replicas that serve and have no reading. Each is taken to carry the target, as far as that
  /// asks for no more than there is: for the load, for activationScale and for panic.
  int silent = 0;
  bool is_reachable = true;  ///< false: nothing is routed to it, so it may go down at once
};

/// Remembers the service that is met for the first time. With more than one replica ready it is
/// taken to be in panic at that count, so that an autoscaler without history takes nothing away for
/// one window.
void meet(DecisionState::Memory& memory, int ready, Instant at) noexcept;

/// One decision, every two seconds in Knative:
///   wanted  = ceil(load ÷ target), stable and panic each, within ready ÷ maxScaleDownRate and
///             ready × maxScaleUpRate (of max(1, ready)); above 0, at least activationScale
///   panic   starts, and starts anew, when ceil(panic ÷ target) is panicThreshold times what is
///             ready; it ends once more than a window has passed since
///   result  = stable; in panic the most that was wanted since it began, stable or panic; then the
///             most of scaleDownDelay
/// `at` may step back. The proposal's excess burst capacity is floor(ready × capacity −
/// targetBurstCapacity − panic), 0 for a target of 0 and −1 for one below.
Proposal judge_concurrency(const ConcurrencyRule& rule, const ConcurrencyInput& input, Instant at,
                           DecisionState::Memory& memory) noexcept;

/// Without a reading, or where the platform's counts are not known, nothing that is remembered
/// changes, but that the service has been met.
Proposal propose_concurrency(const ConcurrencyRule& rule, const Situation& seen, std::size_t metric,
                             DecisionState::Memory& memory) noexcept;

}  // namespace selfscale
