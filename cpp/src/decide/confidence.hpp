/// How sure, and how urgent (docs/reference/confidence.md).
#pragma once

#include "decide/situation.hpp"

namespace selfscale {

/// 0.4 agreement + 0.2 margin + 0.2 past + 0.2 reporting, each from 0 to 1.
///   agreement: weighted share of the voting rules whose answer is the recommendation's direction
///   margin:    d ÷ (d + 0.25), d = how far past its limit the leading value is, as a share of the
///              limit; 1 where nothing is to change
///   past:      (succeeded + 1) ÷ (succeeded + failed + 2)
///   reporting: share of the serving instances that reported every metric that is read per
///              instance; of the metrics read for the service, those that were there
/// 0 when nothing votes or the platform's counts could not be read.
double confidence_of(const Situation& seen, const Recommendation& recommendation,
                     DecisionState::Past past) noexcept;

/// The highest alert level that any metric's value is past: critical, or high for a warning.
/// Without one: medium when more replicas are recommended, else low.
Priority priority_of(const CompiledPolicy& policy, const Recommendation& recommendation) noexcept;

}  // namespace selfscale
