#pragma once

#include <optional>
#include <utility>

#include "drivers/driver.hpp"
#include "drivers/hosted/api.hpp"
#include "model/may_pass.hpp"

namespace selfscale::drivers::hosted {

/// What preflight() found. A look that fails for a passing reason counts as the last one did, for
/// a while: one throttled call must not end a leader.
class LastLook {
 public:
  /// A failed look is what `driver` makes of it.
  Preflight take(Result<Preflight> look, const Driver& driver) {
    if (look) {
      last_.emplace(*look, Deadline{lasts});
    } else if (may_pass(look.error()) && last_ && !last_->second.is_over()) {
      return last_->first;
    } else {
      return Preflight{{driver.explain(look.error())}, {}};
    }
    return std::move(*look);
  }

 private:
  static constexpr Duration lasts{300'000};
  std::optional<std::pair<Preflight, Deadline>> last_;
};

}  // namespace selfscale::drivers::hosted
