/// What has been asked for already: replicas that still start, and cooldowns as Application Auto
/// Scaling counts them.
#pragma once

#include "decide/situation.hpp"

namespace selfscale {

/// Replicas that steps up have added within the start-up timeout and that, by the platform's word,
/// cannot serve yet.
int starting_replicas(const Situation& seen) noexcept;

/// Replicas that steps up have added within the cooldown, or that still start: a step up counts
/// from the number before them, so that what was asked for is not asked for again, and the
/// difference is. A step down begins anew.
int added_already(Duration cooldown, const Situation& seen) noexcept;

/// Whether the last change was a step down within the cooldown: then the next one waits. A step up
/// ends that.
bool has_lowered_within(Duration cooldown, const Situation& seen) noexcept;

}  // namespace selfscale
