/// Railway: the number of replicas of one service in one environment.
#pragma once

#include "drivers/driver.hpp"
#include "drivers/hosted/api.hpp"

namespace selfscale::drivers {

/// Of the policy's platform object: `project`, `environment`, `service` (their ids), `tokenFile`,
/// `tokenKind`, `endpoint`. Errc::invalid_argument: it is not as that.
Result<std::unique_ptr<Driver>> railway_driver(Setting setting, hosted::Surroundings surroundings);
/// From the table, with this process' environment.
Result<std::unique_ptr<Driver>> railway_driver(Setting setting);

}  // namespace selfscale::drivers
