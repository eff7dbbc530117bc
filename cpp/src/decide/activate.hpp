/// To no replicas and back.
#pragma once

#include <cstdint>
#include <selfscale/decision.hpp>
#include <selfscale/stages.hpp>

#include "decide/limits.hpp"
#include "decide/situation.hpp"

namespace selfscale {

// ---- Knative: what becomes of the number that its autoscaler wants (stages::gate)

Gated gated(const Gate& gate, const GateInput& input) noexcept;

// ---- a policy's scaleToZero: KEDA's activation, and the gate above for the last replica

enum class Work : std::uint8_t { some, none, unknown };

/// Some: the metric of a rule that can wake the service, summed over the instances that serve, is
/// above the rule's `activation`. Unknown: it has no reading, or not one of each of them. A rule
/// that cannot wake it says nothing of work: none.
Work work_of(const Situation& seen, const RuleSpec& rule) noexcept;

/// A metric is read for the whole service: work could be seen without a replica.
bool sees_without_replicas(const Snapshot& snapshot) noexcept;

struct Activated {
  Limited limited;
  bool is_final = false;  ///< neither windows nor rates nor cooldowns apply
};

/// What becomes of what the rules want. With scaleToZero:
///   at 0    one where a rule is past its activation, at once
///   idle    (none has been for longer than the cooldown) the last one for the retention, then
///   none,
///           at once and from any count
///   else    at least one
/// With or without it the last replica stays where nobody could wake the service. `last_active` is
/// when a rule was last past its activation, or when that was first looked at.
Activated activate(const Situation& seen, int wanted, std::optional<Instant>& last_active) noexcept;

}  // namespace selfscale
