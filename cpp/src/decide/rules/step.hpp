/// Step rules, as Application Auto Scaling's step scaling: the further the value is past the
/// threshold, the larger the step. Source: AWS, "Step scaling policies for Application Auto
/// Scaling".
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

/// The step that a value lies in, or nullptr. On the upper side `from` is in it and `to` is not; on
/// the lower side it is the other way round.
const Step* step_for(const StepRule& rule, double value) noexcept;

/// What a step makes of a number of replicas. A percentage is cut towards zero and changes at least
/// `min_adjustment` replicas.
int stepped(const StepRule& rule, const Step& step, int replicas) noexcept;

Proposal propose_step(const StepRule& rule, const Situation& seen, std::size_t metric) noexcept;

}  // namespace selfscale
