/// One connection to a PostgreSQL server, through libpq and on the io_context: nothing in it waits
/// but by co_await, and every wait has an end.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>
#include <vector>

#include "fleet/libpq.hpp"
#include "fleet/postgres_url.hpp"
#include "http/lookup.hpp"
#include "model/result.hpp"

namespace selfscale::fleet {

/// What a statement came to.
struct Outcome {
  std::string state;  ///< SQLSTATE; empty: it was carried out
  std::string words;  ///< the server's, of what went wrong
  std::vector<std::vector<std::string>> rows;
};

class PostgresSession {
 public:
  using Time = boost::asio::steady_timer::time_point;

  PostgresSession(boost::asio::io_context& io, const Libpq& pq) : io_{io}, pq_{pq} {}
  PostgresSession(const PostgresSession&) = delete;
  PostgresSession& operator=(const PostgresSession&) = delete;
  ~PostgresSession();  ///< ends the connection

  /// Whoever connects gives the host's addresses, of which the first that answers counts: libpq
  /// would look the name up itself, and block. None: the URL names the address.
  ///
  /// Errc::unreachable; Errc::denied: user, password, certificate; Errc::not_found: no such
  /// database; Errc::malformed: no PostgreSQL; Errc::stopped.
  boost::asio::awaitable<Result<void>> connect(const PostgresUrl& url, http::Endpoints addresses,
                                               Time until);

  /// One statement, as a transaction of its own and without a name, so that a pooler may give each
  /// to another of its connections. Errc::timed_out: it may have been carried out; then, as after
  /// each other failure, the connection is to be given up.
  boost::asio::awaitable<Result<Outcome>> run(const char* statement,
                                              std::vector<std::string> values, Time until);

  /// Nobody has ended it while it was idle.
  [[nodiscard]] bool is_alive() const;

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;

  void start(const PostgresUrl& url, const http::Endpoints& addresses);
  boost::asio::awaitable<Result<void>> wait(Descriptor::wait_type what, Time until);
  boost::asio::awaitable<Result<void>> send(Time until);
  boost::asio::awaitable<Result<void>> receive(Time until);
  void take(PGresult* result, Outcome& outcome) const;
  [[nodiscard]] bool is_open() const;
  [[nodiscard]] Failure refusal() const;
  [[nodiscard]] Failure lost() const;

  boost::asio::io_context& io_;
  const Libpq& pq_;
  PGconn* connection_ = nullptr;
};

}  // namespace selfscale::fleet
