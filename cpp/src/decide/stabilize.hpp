/// Look-back over recommendations: up to the least, down to the most of what was wanted within a
/// window, as Kubernetes' HPA with behavior.
///
/// Only what a later minimum or maximum can still need is kept: a monotone tail, and of that at
/// most `most_kept` entries. Over that the two neighbours that are nearest in time become one, with
/// the age of the younger and the number of the older: it holds for a little longer, by at most
/// 2/most_kept of the window.
#pragma once

#include <cstddef>
#include <selfscale/decision.hpp>

#include "policy/compiled.hpp"

namespace selfscale {

inline constexpr std::size_t most_kept = 64;

struct Stabilized {
  int replicas = 0;
  Code code =
      Code::scale_up_stabilized;  ///< meaningful where `replicas` differs from what was wanted
};

/// The first sight of a service counts as a recommendation of what is there.
void seed(DecisionState& state, const CompiledPolicy& policy, int current, Instant at);

/// What is left of a recommendation; an entry whose age is the window no longer counts. Logs the
/// recommendation as it came, before any limit.
Stabilized stabilize(DecisionState& state, const CompiledPolicy& policy, int wanted, int current,
                     Instant at);

}  // namespace selfscale
