/// The two pure functions that hold all logic. No clock, no I/O, no randomness, no global: the same
/// input gives the same bits on every machine.
///
///     DecisionState state;
///     Decision decision = decide(policy, snapshot, state);      // what was thought goes into
///     `state` if (decision.action == Action::scale) record(state, event);   // what was done, once
///     it was done
#pragma once

#include <selfscale/decision.hpp>
#include <selfscale/policy.hpp>
#include <selfscale/snapshot.hpp>
#include <string>
#include <string_view>

namespace selfscale {

/// Works out how many replicas the service needs and why; writes what was thought into `state` and
/// the answer into `decision`, reusing the capacity of both. Never throws for what a snapshot
/// holds. Any thread; the caller owns the arguments.
SELFSCALE_API void decide(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                          Decision& decision);
SELFSCALE_API Decision decide(const Policy& policy, const Snapshot& snapshot, DecisionState& state);

/// Notes in `state` what was done: a write accepted, ended or failed, or a foreign change adopted.
/// Any accepted or adopted change starts the cooldowns of its direction; told twice it changes
/// nothing. Rate limits count accepted writes of ours alone: not a person's, not a foreign one.
SELFSCALE_API void record(DecisionState& state, const ScalingEvent& event);
/// The same on JSON, without the policy: what was thought is carried over untouched. Throws
/// Error(malformed).
SELFSCALE_API std::string record_json(std::string_view state_json, std::string_view event_json);

/// The decision in one plain sentence.
SELFSCALE_API std::string reason(const Policy& policy, const Decision& decision);
/// The decision as a person would want to read it: several lines, every rule and every stage.
SELFSCALE_API std::string explain(const Policy& policy, const Decision& decision);

/// JSON forms (docs/reference/formats.md). Reading throws Error(malformed) with a JSON pointer.
SELFSCALE_API Snapshot snapshot_from_json(const Policy& policy, std::string_view text);
SELFSCALE_API std::string to_json(const Policy& policy, const Snapshot& snapshot);
SELFSCALE_API DecisionState state_from_json(const Policy& policy, std::string_view text);
SELFSCALE_API std::string to_json(const Policy& policy, const DecisionState& state);
SELFSCALE_API Decision decision_from_json(const Policy& policy, std::string_view text);
/// With `state`, the decision carries it as its key "state".
SELFSCALE_API std::string to_json(const Policy& policy, const Decision& decision,
                                  const DecisionState* state = nullptr);
SELFSCALE_API ScalingEvent event_from_json(std::string_view text);
SELFSCALE_API std::string to_json(const ScalingEvent& event);

}  // namespace selfscale
