/// The store of a PostgreSQL server, 12 or later: one row of a table for each text, written by one
/// statement over the version that was read. A lease runs out by the server's clock.
///
/// One connection is kept from call to call, for a server starts a process for each, and anew made
/// once it was ended; calls that overlap have one each. Nothing is kept in it, so a pooler may give
/// every statement to another of its own (pgbouncer's transaction mode). A forked child leaves it
/// alone.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string_view>

#include "fleet/postgres_url.hpp"
#include "fleet/store.hpp"

namespace selfscale::fleet {

/// Its table, which the first write makes where it is not there. Keys are `lease:SERVICE`,
/// `switches:SERVICE`, `switches:` and `published:SERVICE`, what is not ASCII in them
/// percent-encoded.
constexpr std::string_view postgres_table =
    "CREATE TABLE IF NOT EXISTS selfscale_records (key text PRIMARY KEY, version bigint NOT NULL, "
    "value text NOT NULL, holder text NOT NULL, expires timestamptz)";

struct PostgresSetting {
  boost::asio::io_context& io;
  PostgresUrl url;
  Duration deadline{3'000};  ///< of each call
};

/// Failures beside those of Store: unreachable (no connection, or a server that only reads), denied
/// (user, password, permission, certificate), not_found (no such database), unsupported (no libpq;
/// a table of that name with other columns), failed (the server's own words), malformed (no
/// PostgreSQL).
std::unique_ptr<Store> make_postgres_store(PostgresSetting setting);

}  // namespace selfscale::fleet
