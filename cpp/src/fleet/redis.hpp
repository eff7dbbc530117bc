/// The store of a Redis server, 6 or later: a hash of version and text for each text, written by
/// one script over the version that was read. A lease is a second key that runs out by the server's
/// clock.
///
/// Each call has a connection of its own, so nothing has to be kept alive, found dead or survive a
/// fork.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "fleet/redis_url.hpp"
#include "fleet/store.hpp"

namespace selfscale::fleet {

struct RedisSetting {
  boost::asio::io_context& io;
  RedisUrl url;
  Duration deadline{3'000};  ///< of each call
};

/// Its keys are `selfscale:{lease:SERVICE}`, `selfscale:{lease:SERVICE}:held`,
/// `selfscale:{switches:SERVICE}` and `selfscale:{published:SERVICE}`.
///
/// Failures beside those of Store: unreachable (no connection, or the server says that it will
/// serve later), denied (password, permission, certificate), unsupported (older than 6; the key is
/// on another server of a cluster), failed (the server's own words), malformed (no RESP3).
std::unique_ptr<Store> make_redis_store(RedisSetting setting);

}  // namespace selfscale::fleet
