/// The labels of this process's own container.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <string>
#include <string_view>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

using Labels = std::map<std::string, std::string>;

/// Asks the Engine behind the usual socket, or DOCKER_HOST. Empty: this process is in no container
/// of an Engine's, none answers in time, or there are none.
boost::asio::awaitable<Labels> own_labels(boost::asio::io_context& io, Duration patience);

/// Of a container, as `GET /containers/{id}/json` answers. Pure.
Labels parse_labels(std::string_view body);

}  // namespace selfscale::drivers
