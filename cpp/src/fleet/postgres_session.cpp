#include "fleet/postgres_session.hpp"

#include <poll.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <utility>

#include "fleet/postgres_refusal.hpp"

namespace selfscale::fleet {
namespace {

namespace asio = boost::asio;

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

}  // namespace

PostgresSession::~PostgresSession() {
  if (connection_ != nullptr) pq_.finish(connection_);
}

bool PostgresSession::is_open() const { return pq_.status(connection_) == CONNECTION_OK; }

bool PostgresSession::is_alive() const {
  if (!is_open()) return false;
  pollfd socket{pq_.socket(connection_), POLLIN, 0};
  return ::poll(&socket, 1, 0) == 0;  // who asks nothing is sent nothing but an end
}

/// Until the socket, which stays libpq's, can be read from or written to. It may be another the
/// next time, so it is watched no longer than that.
asio::awaitable<Result<void>> PostgresSession::wait(Descriptor::wait_type what, Time until) {
  struct Watch {
    explicit Watch(asio::io_context& io) : socket{io} {}
    Watch(const Watch&) = delete;
    ~Watch() { end(); }
    void end() {
      if (socket.is_open()) socket.release();
    }
    Descriptor socket;
    bool is_late = false;
  };
  const auto watch = std::make_shared<Watch>(io_);
  boost::system::error_code unwatched;
  watch->socket.assign(pq_.socket(connection_), unwatched);
  if (unwatched) co_return Failure{Errc::timed_out, unwatched.message(), {}};
  asio::steady_timer timer{io_, until};
  timer.async_wait([watch](const boost::system::error_code& cancelled) {
    if (cancelled || !watch->socket.is_open()) return;
    watch->is_late = true;
    watch->socket.cancel();
  });
  const auto [error] = co_await watch->socket.async_wait(what, with_error);
  watch->end();
  if (watch->is_late) co_return Failure{Errc::timed_out, "no answer in time", {}};
  if (error) co_return Failure{Errc::stopped, "stopped", {}};
  co_return Result<void>{};
}

// --- to connect

void PostgresSession::start(const PostgresUrl& url, const http::Endpoints& addresses) {
  const std::string text{url.url.reveal()};
  std::string hosts;
  std::string numbers;
  for (const auto& each : addresses) {
    hosts += (hosts.empty() ? "" : ",") + url.host;
    numbers += (numbers.empty() ? "" : ",") + each.address().to_string();
  }
  // What comes later counts; Kerberos, which libpq would ask for a ticket, may block.
  std::vector<const char*> names{"application_name", "gssencmode", "dbname", "client_encoding"};
  std::vector<const char*> values{"selfscale", "disable", text.c_str(), "UTF8"};
  if (!addresses.empty()) {
    names.insert(names.end(), {"host", "hostaddr"});
    values.insert(values.end(), {hosts.c_str(), numbers.c_str()});
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = pq_.connect_start(names.data(), values.data(), /*expand_dbname=*/1);
  if (connection_ == nullptr) return;
  pq_.set_error_verbosity(connection_, PQERRORS_VERBOSE);  // with SQLSTATE
  pq_.set_notice_receiver(
      connection_, [](void* /*argument*/, const PGresult* /*notice*/) {}, nullptr);
}

asio::awaitable<Result<void>> PostgresSession::connect(const PostgresUrl& url,
                                                       http::Endpoints addresses, Time until) {
  start(url, addresses);
  if (connection_ == nullptr) co_return Failure{Errc::failed, "out of memory", {}};
  for (auto wanted = PGRES_POLLING_WRITING; wanted != PGRES_POLLING_OK;
       wanted = pq_.connect_poll(connection_)) {
    const bool is_refused =
        wanted == PGRES_POLLING_FAILED || pq_.status(connection_) == CONNECTION_BAD;
    if (is_refused) co_return refusal();
    const bool reads = wanted == PGRES_POLLING_READING;
    const auto ready = co_await wait(reads ? Descriptor::wait_read : Descriptor::wait_write, until);
    if (!ready && ready.error().code == Errc::timed_out) {
      co_return Failure{Errc::unreachable, ready.error().message, {}};
    }
    if (!ready) co_return ready.error();
  }
  pq_.set_nonblocking(connection_, 1);
  co_return Result<void>{};
}

Failure PostgresSession::refusal() const {
  return refusal_of(pq_.error_message(connection_), pq_.needs_password(connection_) != 0);
}

// --- a statement

Failure PostgresSession::lost() const {
  return {Errc::timed_out, one_line(pq_.error_message(connection_)), {}};
}

asio::awaitable<Result<void>> PostgresSession::send(Time until) {
  for (;;) {
    const int left = pq_.flush(connection_);
    if (left < 0) co_return lost();
    if (left == 0) co_return Result<void>{};
    const auto ready = co_await wait(Descriptor::wait_write, until);
    if (!ready) co_return ready.error();
  }
}

asio::awaitable<Result<void>> PostgresSession::receive(Time until) {
  while (pq_.is_busy(connection_) != 0) {
    const auto ready = co_await wait(Descriptor::wait_read, until);
    if (!ready) co_return ready.error();
    if (pq_.consume_input(connection_) == 0) co_return lost();
  }
  co_return Result<void>{};
}

void PostgresSession::take(PGresult* result, Outcome& outcome) const {
  const auto status = pq_.result_status(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    const char* const state = pq_.error_field(result, PG_DIAG_SQLSTATE);
    const char* const words = pq_.error_field(result, PG_DIAG_MESSAGE_PRIMARY);
    outcome.state = state == nullptr ? "08006" : state;
    outcome.words = one_line(words == nullptr ? pq_.error_message(connection_) : words);
  }
  for (int row = 0; row < pq_.rows(result); ++row) {
    auto& values = outcome.rows.emplace_back();
    for (int column = 0; column < pq_.columns(result); ++column) {
      values.emplace_back(pq_.value(result, row, column));
    }
  }
  pq_.clear(result);
}

asio::awaitable<Result<Outcome>> PostgresSession::run(const char* statement,
                                                      std::vector<std::string> values, Time until) {
  std::vector<const char*> pointers;
  pointers.reserve(values.size());
  for (const auto& each : values) pointers.push_back(each.c_str());
  const bool is_taken = pq_.send_query(connection_, statement, static_cast<int>(values.size()),
                                       nullptr, pointers.data(), nullptr, nullptr, 0) == 1;
  if (!is_taken) co_return lost();
  const auto sent = co_await send(until);
  if (!sent) co_return sent.error();
  Outcome outcome;
  for (;;) {
    const auto received = co_await receive(until);
    if (!received) co_return received.error();
    auto* const result = pq_.get_result(connection_);
    if (result == nullptr) break;
    take(result, outcome);
  }
  // A server that ends the connection may have committed before.
  if (!outcome.state.empty() && !is_open()) co_return Failure{Errc::timed_out, outcome.words, {}};
  co_return outcome;
}

}  // namespace selfscale::fleet
