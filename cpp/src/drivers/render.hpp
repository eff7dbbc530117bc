/// Render: the number of instances of one service.
#pragma once

#include "drivers/driver.hpp"
#include "drivers/hosted/api.hpp"

namespace selfscale::drivers {

/// Of the policy's platform object: `service` (the id, srv-…), `tokenFile`, `endpoint`.
/// Errc::invalid_argument: it is not as that.
Result<std::unique_ptr<Driver>> render_driver(Setting setting, hosted::Surroundings surroundings);
/// From the table, with this process' environment.
Result<std::unique_ptr<Driver>> render_driver(Setting setting);

}  // namespace selfscale::drivers
