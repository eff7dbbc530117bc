/// Scales a Deployment or StatefulSet through the Kubernetes API (kubernetes/): its scale
/// subresource, written only at the version that was read.
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table. Errc::invalid_argument: the platform object names nothing that can be scaled.
/// Where no cluster is found the driver is made all the same, and each call says why.
Result<std::unique_ptr<Driver>> kubernetes_driver(Setting setting);

}  // namespace selfscale::drivers
