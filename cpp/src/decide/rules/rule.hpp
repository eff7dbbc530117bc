/// Rules: one file each, one line each in the table of propose(). A new one is a struct in
/// policy/compiled.hpp, a file here and its line.
#pragma once

#include "decide/situation.hpp"

namespace selfscale {

/// Drops what another definition of the rule remembered, and makes room for all that this one may.
void prepare(DecisionState::Memory& memory, const RuleSpec& rule);

/// What one rule wants, with its evidence; what it remembers is in `memory`, which is prepared.
/// Where the metric is missing the answer is what the metric's `missing` says; `missing_since` is
/// when that began.
Proposal propose(const Situation& seen, int rule, DecisionState::Memory& memory,
                 std::optional<Instant> missing_since) noexcept;

/// What a number of replicas says, seen from the current one: up, hold or down.
Answer answer_of(int replicas, int current) noexcept;
/// The answer that a number of replicas gives.
Proposal wanting(int replicas, int current, Code up, Code hold, Code down) noexcept;
/// No data: the rule cannot answer.
Proposal without_data(int current, Code code = Code::no_data) noexcept;

/// What a missing metric means: hold (it blocks the way down), ignore (it does not vote), or a
/// floor once it has been missing for missingAfter.
Proposal missing_as(const Proposal& proposal, const MetricSpec& metric, int current,
                    std::optional<Duration> missing_for) noexcept;

}  // namespace selfscale
