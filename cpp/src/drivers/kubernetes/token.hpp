/// The token of the Kubernetes API, as it is now.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <selfscale/instant.hpp>

#include "drivers/kubernetes/access.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::kubernetes {

/// Empty: there is none. One that a program gives is kept with the access until a minute before it
/// expires. Errc::storage: its file cannot be read. Of a program what output_of() and
/// parse_issued() have, with its name.
boost::asio::awaitable<Result<Secret>> token_now(Access access, Duration within);

}  // namespace selfscale::drivers::kubernetes
