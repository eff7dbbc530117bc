/// Look-back over recommendations: up to the least, down to the most of what was wanted within a
/// window, as Kubernetes' HPA with behavior. As one without (`behavior: "kubernetes"`): up to the
/// most that was wanted, wherever the count stands, and an entry as old as the window still counts.
///
/// Only what a later minimum or maximum can still need is kept: a monotone tail, at most
/// `DecisionState::most_kept` entries. Where there would be more, those of one 32nd of the window
/// become one, which is as old as their youngest and has the number of their oldest: it holds a
/// little longer than it should, by less than that 32nd.
#pragma once

#include <cstddef>
#include <selfscale/decision.hpp>
#include <vector>

#include "policy/compiled.hpp"

namespace selfscale {

struct Stabilized {
  int replicas = 0;
  Code code =
      Code::scale_up_stabilized;  ///< meaningful where `replicas` differs from what was wanted
};

/// Entries of one slot of time become one, as old as the youngest, with the number of the oldest.
/// There is at least one.
void coarsen(std::vector<DecisionState::Wanted>& window, Duration slot) noexcept;

/// The first sight of a service counts as a recommendation of what is there.
void seed(DecisionState& state, const CompiledPolicy& policy, int current, Instant at);

/// What is left of a recommendation. Logs the recommendation as it came, before any limit.
Stabilized stabilize(DecisionState& state, const CompiledPolicy& policy, int wanted, int current,
                     Instant at);

}  // namespace selfscale
