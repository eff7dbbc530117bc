/// Google Cloud Run: the manual instance count of one service or worker pool.
#pragma once

#include "drivers/driver.hpp"
#include "drivers/hosted/api.hpp"

namespace selfscale::drivers {

/// Of the policy's platform object: `project`, `location`, `service` or `workerPool` (default: the
/// policy's service), `keyFile`, `endpoint`, `takeOver`. Errc::invalid_argument: it is not as that.
Result<std::unique_ptr<Driver>> cloud_run_driver(Setting setting,
                                                 hosted::Surroundings surroundings);
/// From the table, with this process' environment.
Result<std::unique_ptr<Driver>> cloud_run_driver(Setting setting);

}  // namespace selfscale::drivers
