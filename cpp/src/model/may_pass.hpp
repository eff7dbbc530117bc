/// Which failures pass by themselves.
#pragma once

#include "model/result.hpp"

namespace selfscale {

/// The same call may succeed later, and nothing is known to be wrong.
inline bool may_pass(const Failure& failure) noexcept {
  return failure.code == Errc::unreachable || failure.code == Errc::timed_out ||
         failure.code == Errc::throttled;
}

}  // namespace selfscale
