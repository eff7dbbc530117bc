/// To no replicas and back.
#pragma once

#include <cstdint>
#include <selfscale/decision.hpp>

#include "decide/limits.hpp"
#include "decide/situation.hpp"

namespace selfscale {

// ---- Knative: what becomes of the number that its autoscaler wants (kpa/scaler.go)

struct Gate {
  int min = 0;
  int max = 0;                ///< 0: none
  int initial_scale = 1;      ///< acts as min until so many have been ready once
  bool scale_to_zero = true;  ///< false: one replica always stays
  Duration stable_window{60'000};
  Duration grace_period{30'000};  ///< so long the buffer takes the traffic before the last one goes
  Duration retention{0};          ///< so long the last one stays at least
  bool is_always_buffered = false;
};

enum class Activity : std::uint8_t { activating, active, inactive };

struct GateInput {
  std::optional<int> wanted;  ///< empty: not known
  int current = 0;
  Activity activity = Activity::active;
  Duration active_for{0};
  Duration inactive_for{0};
  Duration buffered_for{0};
  bool is_buffered = false;  ///< a probe has found the buffer in the path
  bool activation_deadline_passed = false;
  bool is_initialized = false;
  bool is_reachable = true;  ///< false: neither min, initial scale nor retention hold
};

struct Gated {
  std::optional<int> replicas;  ///< empty: not known
  bool applies = false;         ///< false: nothing is written for now
  bool writes = false;          ///< applies, and is another number than the current one
};

/// min, max and initial scale; then, for 0: never without `scale_to_zero`; while activating once
/// its deadline has passed; while active not at all: 1 until it has been active for the stable
/// window, then it is only marked inactive (0, without a write); while inactive once the buffer is
/// in the path, inactive for the grace period and the retention, or for the retention and buffered
/// for the grace period.
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
