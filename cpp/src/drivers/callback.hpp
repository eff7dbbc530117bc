/// Scales by calling the user's functions. They run where Setting::post puts them, never on the
/// control thread, which waits no longer than the deadline and goes on.
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// Needs `callbacks.scale` and `post`.
std::unique_ptr<Driver> callback_driver(Setting setting);

}  // namespace selfscale::drivers
