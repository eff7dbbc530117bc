/// The bounds, and the guardrails: what stops a count after all rules.
#pragma once

#include "decide/schedules.hpp"
#include "decide/situation.hpp"

namespace selfscale {

/// A number that a stage gives back, with why it is not the one it was given.
struct Limited {
  int replicas = 0;
  Code code = Code::at_maximum;
  double limit = 0.0;
};

/// Current outside the bounds: the bound, at once. Empty: inside.
std::optional<Limited> outside_bounds(const Bounds& bounds, int current) noexcept;
/// The bounds that schedules give; the policy's own come last.
Limited within_schedules(const Bounds& bounds, int wanted) noexcept;
Limited within_bounds(const Bounds& bounds, int wanted) noexcept;

/// Growth only: never below the current count. Replicas of others count towards the total where
/// they are known; memory that is not known stops nothing.
Limited within_total(const CompiledPolicy& policy, const Shared& shared, int wanted,
                     int current) noexcept;
Limited within_memory(const CompiledPolicy& policy, const Shared& shared, int wanted,
                      int current) noexcept;

}  // namespace selfscale
