/// Cooldowns as Application Auto Scaling counts them, for step and ECS target rules.
#pragma once

#include "decide/situation.hpp"

namespace selfscale {

/// Replicas that steps up within the cooldown have added: a step up counts from the number before
/// them, so that what was asked for is not asked for again, and the difference is. A step down
/// begins anew.
int added_within(Duration cooldown, const Situation& seen) noexcept;

/// Whether the last change was a step down within the cooldown: then the next one waits. A step up
/// ends that.
bool has_lowered_within(Duration cooldown, const Situation& seen) noexcept;

}  // namespace selfscale
