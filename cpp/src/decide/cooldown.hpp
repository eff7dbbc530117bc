/// Pauses after a change that was done.
#pragma once

#include <selfscale/decision.hpp>

#include "policy/compiled.hpp"

namespace selfscale {

struct Pause {
  Code code = Code::scale_up_cooldown;
  Duration length{0};
};

/// The pause that forbids this change now; empty: none. Up: within `scale_up.cooldown` of the last
/// step up. Down: within `scale_down.cooldown` of the last step in either direction. Both: within
/// the policy's cooldown period of either. A pause has ended once its whole length has passed.
std::optional<Pause> pause_for(int wanted, int current, const CompiledPolicy& policy,
                               const DecisionState& state, Instant at) noexcept;

}  // namespace selfscale
