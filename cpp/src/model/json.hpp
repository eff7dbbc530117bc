/// The JSON form of every value (docs/reference/formats.md). Reading throws Error(malformed) whose
/// message begins with the JSON pointer of what is wrong. Pure; any thread.
#pragma once

#include <selfscale/decision.hpp>
#include <selfscale/snapshot.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/names.hpp"

namespace selfscale {

/// The sentences of a decision; made by decide/words from the same numbers that stand beside them.
struct Words {
  std::string reason;
  std::vector<std::string> proposals;    ///< one for each proposal
  std::vector<std::string> adjustments;  ///< one for each adjustment
};

Snapshot snapshot_from_json(const Names& names, std::string_view text);
std::string to_json(const Names& names, const Snapshot& snapshot);

DecisionState state_from_json(const Names& names, std::string_view text);
std::string to_json(const Names& names, const DecisionState& state);
/// The part of a state that record() changes; the rest is left empty.
DecisionState done_from_json(std::string_view text);
/// The same state with that part replaced; all else, known here or not, is carried over.
std::string with_done(std::string_view text, const DecisionState& done);

Decision decision_from_json(const Names& names, std::string_view text);
/// With `state`, the decision carries it.
std::string to_json(const Names& names, const Decision& decision, const Words& words,
                    const DecisionState* state);

}  // namespace selfscale
