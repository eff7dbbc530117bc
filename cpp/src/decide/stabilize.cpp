#include "decide/stabilize.hpp"

#include <algorithm>

namespace selfscale {
namespace {

using Wanted = DecisionState::Wanted;
using Window = std::vector<Wanted>;

constexpr int slots_of_window = static_cast<int>(DecisionState::most_kept / 2);

/// What is as old as the window is out; for an HPA without behavior, what is older by an instant.
Duration down_reach(const CompiledPolicy& policy) noexcept {
  return policy.scale_down.stabilization_window + Duration{policy.kubernetes ? 1 : 0};
}

void forget_old(Window& window, Duration reach, Instant at) {
  const auto is_young = [&](const Wanted& wanted) { return at - wanted.at < reach; };
  if (window.empty() || is_young(window.front())) return;
  window.erase(window.begin(), std::find_if(window.begin(), window.end(), is_young));
}

/// `outlives(a, b)`: a stays although the younger b came.
template <class Outlives>
void add(Window& window, Wanted wanted, Duration length, Outlives outlives) {
  if (length.count() <= 0) return window.clear();
  while (!window.empty() && !outlives(window.back().replicas, wanted.replicas)) window.pop_back();
  window.push_back(wanted);
  if (window.size() > DecisionState::most_kept) {
    coarsen(window, std::max(Duration{1}, length / slots_of_window));
  }
}

void log(DecisionState& state, const CompiledPolicy& policy, Wanted wanted) {
  add(state.up_window, wanted, policy.scale_up.stabilization_window,
      [](int older, int younger) { return older < younger; });
  add(state.down_window, wanted, down_reach(policy),
      [](int older, int younger) { return older > younger; });
}

}  // namespace

void coarsen(std::vector<Wanted>& window, Duration slot) noexcept {
  const auto slot_of = [slot](const Wanted& wanted) { return wanted.at.time_since_epoch() / slot; };
  auto last = window.begin();
  for (auto it = last + 1; it != window.end(); ++it) {
    if (slot_of(*it) == slot_of(*last)) {
      last->at = it->at;
    } else {
      *++last = *it;
    }
  }
  window.erase(last + 1, window.end());
}

void seed(DecisionState& state, const CompiledPolicy& policy, int current, Instant at) {
  state.seen = true;
  log(state, policy, {at, current});
}

Stabilized stabilize(DecisionState& state, const CompiledPolicy& policy, int wanted, int current,
                     Instant at) {
  forget_old(state.up_window, policy.scale_up.stabilization_window, at);
  forget_old(state.down_window, down_reach(policy), at);
  // Each window is ordered: its oldest entry is its least, or its most.
  const int least =
      state.up_window.empty() ? wanted : std::min(wanted, state.up_window[0].replicas);
  const int most =
      state.down_window.empty() ? wanted : std::max(wanted, state.down_window[0].replicas);
  log(state, policy, {at, wanted});
  if (policy.kubernetes) return {most, Code::scale_down_stabilized};
  const int up = std::max(current, least);
  return {std::min(up, most),
          wanted >= current ? Code::scale_up_stabilized : Code::scale_down_stabilized};
}

}  // namespace selfscale
