/// Scales a service of Docker Compose on one host through the Engine (compose/): copies of a
/// container come, chosen containers go.
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table. Errc::invalid_argument: the platform object cannot be used. Where no engine is
/// found the driver is made all the same, and each call says why.
Result<std::unique_ptr<Driver>> compose_driver(Setting setting);

}  // namespace selfscale::drivers
