/// Where a Redis server is, as a URL says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::fleet {

struct RedisUrl {
  bool is_secured = false;  ///< rediss
  std::string host;         ///< name or IP address, IPv6 without its brackets
  std::uint16_t port = 6379;
  std::string user;  ///< empty: the default user
  Secret password;   ///< empty: none is sent
  int database = 0;
  std::string authorities_file;  ///< PEM, by which the server's certificate is verified; empty: the
                                 ///< system's
};

/// Of `redis[s]://[[user]:password@]host[:port][/database][?ssl_ca_certs=/path]`, user and password
/// percent-encoded, the names as redis-py has them. Errc::invalid_argument, with a message that
/// shows nothing of the text.
Result<RedisUrl> parse_redis_url(std::string_view text);

/// "redis://host:6379/0": without user, password and options.
std::string to_text(const RedisUrl& url);

}  // namespace selfscale::fleet
