#include "decide/cooldown.hpp"

#include <algorithm>

namespace selfscale {

std::optional<Pause> pause_for(int wanted, int current, const CompiledPolicy& policy,
                               const DecisionState& state, Instant at) noexcept {
  if (wanted == current) return std::nullopt;
  const auto last = std::max(state.last_up, state.last_down);  // an empty one is the least
  const auto is_within = [at](std::optional<Instant> event, Duration length) {
    return event && at - *event < length;
  };
  const bool up = wanted > current;
  const Duration length = up ? policy.scale_up.cooldown : policy.scale_down.cooldown;
  if (is_within(up ? state.last_up : last, length)) {
    return Pause{up ? Code::scale_up_cooldown : Code::scale_down_cooldown, length};
  }
  if (policy.cooldown_period && is_within(last, *policy.cooldown_period)) {
    return Pause{Code::cooldown_period, *policy.cooldown_period};
  }
  return std::nullopt;
}

}  // namespace selfscale
