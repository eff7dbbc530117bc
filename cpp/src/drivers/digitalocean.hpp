/// DigitalOcean App Platform: the number of instances of one component of an app.
#pragma once

#include "drivers/driver.hpp"
#include "drivers/hosted/api.hpp"

namespace selfscale::drivers {

/// Of the policy's platform object: `app` (its id), `component` (a service or worker; default the
/// policy's service), `tokenFile`, `endpoint`. Errc::invalid_argument: it is not as that.
Result<std::unique_ptr<Driver>> digitalocean_driver(Setting setting,
                                                    hosted::Surroundings surroundings);
/// From the table, with this process' environment.
Result<std::unique_ptr<Driver>> digitalocean_driver(Setting setting);

}  // namespace selfscale::drivers
