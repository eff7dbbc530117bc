/// Step rules, as Application Auto Scaling's step scaling: the further the value is past the
/// threshold, the larger the step. Source: AWS, "Step scaling policies for Application Auto
/// Scaling".
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

Proposal propose_step(const StepRule& rule, const Situation& seen, std::size_t metric) noexcept;

}  // namespace selfscale
