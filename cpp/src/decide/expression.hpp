/// Metrics that are computed from others, worked out once before the rules are asked.
#pragma once

#include <array>
#include <span>

#include "decide/situation.hpp"

namespace selfscale {

/// The reading that an expression gives: as old as its oldest operand. Missing, for the reason of
/// the operand that is; not reported, where an instance that serves does not report an operand,
/// where something is divided by zero or not finite; refused, where it is negative. `seen.computed`
/// holds those before it.
Reading evaluate(const Expression& expression, const Situation& seen) noexcept;

/// The computed metrics of one evaluation, in the order of the policy's expressions.
class Computed {
 public:
  /// Fills them in and lets `seen` look at them; this object outlives that.
  void work_out(Situation& seen) noexcept;

 private:
  std::array<Reading, most_expressions> readings_;
};

}  // namespace selfscale
