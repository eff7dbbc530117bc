/// Sets the number of workers of a running `uvicorn --workers` by signals to its supervisor
/// (prefork/).
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table. Errc::invalid_argument: the platform object names no process. Where no
/// supervisor is found the driver is made all the same, and each call says why.
Result<std::unique_ptr<Driver>> uvicorn_driver(Setting setting);

}  // namespace selfscale::drivers
