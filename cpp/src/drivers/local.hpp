/// Scales worker processes on this host by asking the supervisor of `selfscale run` (local/), over
/// the stream whose number stands in SELFSCALE_SUPERVISOR_FD.
#pragma once

#include <memory>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// From the table: the stream of the environment. Where there is none the driver is made all the
/// same, and its preflight says so. One at a time in a process: answers belong to who reads first.
std::unique_ptr<Driver> local_driver(Setting setting);
/// Over this stream, which it owns.
std::unique_ptr<Driver> local_driver(boost::asio::io_context& io, int stream);

}  // namespace selfscale::drivers
