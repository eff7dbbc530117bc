/// The labels of this process's own container.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include "drivers/docker/labels.hpp"
#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// Asks the Engine behind the usual socket, or DOCKER_HOST. Empty: this process is in no container
/// of an Engine's, none answers in time, or there are none.
boost::asio::awaitable<docker::Labels> own_labels(boost::asio::io_context& io, Duration patience);

}  // namespace selfscale::drivers
