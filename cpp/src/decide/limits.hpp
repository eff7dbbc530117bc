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
/// The tightest budget of `uses`, its reserve left alone; what others take counts where it is
/// known. minReplicas wins over a budget.
Limited within_budgets(const CompiledPolicy& policy, const Bounds& bounds, const Shared& shared,
                       int wanted, int current) noexcept;
/// maxScaleEventsPerHour, over all services: what is used up holds the way down, never the way up.
Limited within_hourly_events(const CompiledPolicy& policy, const Shared& shared,
                             const DecisionState& state, int wanted, int current,
                             Instant at) noexcept;
Limited within_memory(const CompiledPolicy& policy, const Shared& shared, int wanted,
                      int current) noexcept;

/// Of this service; the state remembers them for an hour where the policy counts them.
int events_last_hour(const DecisionState& state, Instant at) noexcept;

/// Each guardrail that is passed at `wanted` replicas all the same: what exists stays, minReplicas
/// wins over a budget, and the way up over the events of an hour.
void note_alerts(const CompiledPolicy& policy, const Shared& shared, const DecisionState& state,
                 int wanted, int current, Instant at, std::vector<Code>& alerts);

}  // namespace selfscale
