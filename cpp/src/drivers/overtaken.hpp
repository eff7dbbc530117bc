/// What somebody else set between the agent's look and its write, on platforms without versions.
#pragma once

#include <optional>
#include <string>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// `now`: the count asked for, as read right before the write. A failure: it is not what the step
/// was decided from. That somebody sets it in the moment that is left cannot be seen.
inline std::optional<Failure> overtaken(const ScaleRequest& request, int now) {
  if (!request.from || now == *request.from || now == request.desired) return std::nullopt;
  return Failure{Errc::conflict,
                 "scale: somebody else asks for " + std::to_string(now) +
                     (now == 1 ? " replica" : " replicas") + " now, and the step to " +
                     std::to_string(request.desired) + " was decided from " +
                     std::to_string(*request.from),
                 {}};
}

}  // namespace selfscale::drivers
