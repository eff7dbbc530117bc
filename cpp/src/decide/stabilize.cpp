#include "decide/stabilize.hpp"

#include <algorithm>

namespace selfscale {
namespace {

using Wanted = DecisionState::Wanted;
using Window = std::vector<Wanted>;

void forget_old(Window& window, Duration length, Instant at) {
  const auto is_young = [&](const Wanted& wanted) { return at - wanted.at < length; };
  window.erase(window.begin(), std::find_if(window.begin(), window.end(), is_young));
}

/// Two neighbours nearest in time become one.
void coarsen(Window& window) {
  auto younger = window.begin() + 1;
  for (auto it = younger + 1; it != window.end(); ++it) {
    if (it->at - (it - 1)->at < younger->at - (younger - 1)->at) younger = it;
  }
  younger->replicas = (younger - 1)->replicas;
  window.erase(younger - 1);
}

/// `outlives(a, b)`: a stays although the younger b came.
template <class Outlives>
void add(Window& window, Wanted wanted, Duration length, Outlives outlives) {
  if (length.count() <= 0) return window.clear();
  while (!window.empty() && !outlives(window.back().replicas, wanted.replicas)) window.pop_back();
  window.push_back(wanted);
  if (window.size() > most_kept) coarsen(window);
}

void log(DecisionState& state, const CompiledPolicy& policy, Wanted wanted) {
  add(state.up_window, wanted, policy.scale_up.stabilization_window,
      [](int older, int younger) { return older < younger; });
  add(state.down_window, wanted, policy.scale_down.stabilization_window,
      [](int older, int younger) { return older > younger; });
}

}  // namespace

void seed(DecisionState& state, const CompiledPolicy& policy, int current, Instant at) {
  state.seen = true;
  log(state, policy, {at, current});
}

Stabilized stabilize(DecisionState& state, const CompiledPolicy& policy, int wanted, int current,
                     Instant at) {
  forget_old(state.up_window, policy.scale_up.stabilization_window, at);
  forget_old(state.down_window, policy.scale_down.stabilization_window, at);
  // Each window is ordered: its oldest entry is its least, or its most.
  const int least =
      state.up_window.empty() ? wanted : std::min(wanted, state.up_window[0].replicas);
  const int most =
      state.down_window.empty() ? wanted : std::max(wanted, state.down_window[0].replicas);
  log(state, policy, {at, wanted});
  const int up = std::max(current, least);
  return {std::min(up, most),
          wanted >= current ? Code::scale_up_stabilized : Code::scale_down_stabilized};
}

}  // namespace selfscale
