/// Scales a replicated service of Docker Swarm through a manager's Engine (swarm/): its whole spec
/// goes back as it was read, with another count, and only at the version that was read.
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table. Errc::invalid_argument: the platform object cannot be used. Where no engine is
/// found the driver is made all the same, and each call says why.
Result<std::unique_ptr<Driver>> swarm_driver(Setting setting);

}  // namespace selfscale::drivers
