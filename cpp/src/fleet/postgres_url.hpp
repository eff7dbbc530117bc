/// Where a PostgreSQL server is, as a URL says it.
#pragma once

#include <string>
#include <string_view>

#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::fleet {

struct PostgresUrl {
  Secret url;         ///< as libpq takes it
  std::string host;   ///< to be looked up; empty: the URL names the address, or a Unix socket
  std::string place;  ///< "postgresql://host:5432/database": no user, password or options
};

/// Of `postgresql://[user:password@]host[:port]/database[?sslmode=…&sslrootcert=…]`, or
/// `postgres://`, as libpq reads it and with all of its options (PostgreSQL's manual, 34.1.1.2 and
/// 34.1.2), but with one host and a database that it names. Errc::invalid_argument, with a message
/// that shows nothing of the text; Errc::unsupported: there is no libpq.
Result<PostgresUrl> parse_postgres_url(std::string_view text);

/// "postgresql://host:5432/database": without user, password and options.
std::string to_text(const PostgresUrl& url);

}  // namespace selfscale::fleet
