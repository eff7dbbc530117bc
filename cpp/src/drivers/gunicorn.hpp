/// Sets the number of workers of a running gunicorn by signals to its arbiter (prefork/).
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table. Errc::invalid_argument: the platform object names no process. Where no arbiter
/// is found the driver is made all the same, and each call says why.
Result<std::unique_ptr<Driver>> gunicorn_driver(Setting setting);

}  // namespace selfscale::drivers
