/// From what every rule wants to what the policy wants (docs/policy.md, "Combine").
#pragma once

#include <selfscale/decision.hpp>
#include <span>

#include "policy/compiled.hpp"

namespace selfscale {

struct Combined {
  int replicas = 0;
  Code code = Code::all_hold;
  int leading = -1;  ///< the proposal that decided, or stood in the way
};

/// Up, any: the largest wish. Up, all: only if every rule that could ask for more does, the
/// smallest wish. Down, all: only if every rule that votes wants less, the largest of these wishes;
/// any: if one does, the smallest. A missing rule blocks down; it blocks up only where all must
/// agree. Up comes first. So a larger load never gives a smaller count.
Combined combine(std::span<const Proposal> proposals, int current, Direction up,
                 Direction down) noexcept;

}  // namespace selfscale
