#include "drivers/local.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <utility>

#include "drivers/deadline.hpp"
#include "drivers/local/options.hpp"
#include "drivers/local/protocol.hpp"
#include "drivers/overtaken.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

constexpr Duration patience{5'000};  // for an observation; the supervisor answers at once

constexpr auto no_supervisor =
    "the driver \"local\" scales the workers of `selfscale run`, and this process was not started "
    "by it: start the app with `selfscale run --policies FILE -- COMMAND`";

Observation observation_of(local::Report report) {
  Observation seen;
  seen.desired = report.desired;
  seen.least = 0;
  seen.most = local::most_workers;  // what report.most says is what was asked for last
  seen.version = std::move(report.version);
  seen.failure = std::move(report.failure);
  seen.note = std::move(report.note);
  int ready = 0;
  for (auto& worker : report.workers) {
    if (worker.state == local::State::backoff) continue;
    Replica replica;
    replica.ready = worker.state == local::State::ready;
    replica.deleting =
        worker.state == local::State::draining || worker.state == local::State::stopping;
    replica.instance = std::move(worker.instance);
    replica.started_seconds_ago = worker.started_seconds_ago;
    replica.pid = worker.pid;
    ready += replica.ready ? 1 : 0;
    seen.replicas.push_back(std::move(replica));
  }
  seen.current = static_cast<int>(seen.replicas.size());
  seen.ready = ready;
  return seen;
}

class Local final : public Driver {
 public:
  Local(asio::io_context& io, int stream) : socket_{io} {
    error_code failed;
    if (stream >= 0) socket_.assign(stream_protocol{}, stream, failed);
  }

  asio::awaitable<Result<Observation>> observe() override { return look(patience); }

  asio::awaitable<Result<void>> scale(ScaleRequest request) override {
    const Deadline until{request.deadline};
    if (request.from && request.version.empty()) {
      auto seen = co_await look(until.left());
      if (!seen) co_return seen.error();
      if (auto why = overtaken(request, seen->desired)) co_return std::move(*why);
      request.version = std::move(seen->version);
    }
    local::Scale wanted{request.desired, std::move(request.version), std::move(request.victims),
                        request.token, request.most};
    auto answer = co_await ask(std::move(wanted), until.left());
    if (!answer) co_return answer.error();
    if (!std::holds_alternative<local::Accepted>(answer.value())) {
      co_return Failure{Errc::malformed, "scale: the answer neither accepts nor refuses", {}};
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<Preflight>> preflight() override {
    auto answer = co_await ask(local::Observe{}, patience);
    if (!answer) co_return Preflight{{finding_of(answer.error())}, {}};
    auto* report = std::get_if<local::Report>(&answer.value());
    if (report == nullptr) co_return no_counts();
    Preflight found;
    for (auto& each : report->warnings) {
      found.warnings.emplace_back(std::move(each), "clients lose answers that they wait for",
                                  "instrument(app)   # in the app; docs/fastapi.md, docs/wsgi.md");
    }
    co_return found;
  }

  [[nodiscard]] Capabilities capabilities() const override {
    Capabilities can;
    can.scope = Capabilities::Scope::host;
    can.conditional_write = true;
    can.chooses_victims = true;
    can.reports_ready = true;
    return can;
  }

 private:
  using Said = std::variant<local::Report, local::Accepted>;

  asio::awaitable<Result<Observation>> look(Duration deadline) {
    auto answer = co_await ask(local::Observe{}, deadline);
    if (!answer) co_return answer.error();
    auto* report = std::get_if<local::Report>(&answer.value());
    if (report == nullptr) co_return no_counts();
    co_return observation_of(std::move(*report));
  }

  asio::awaitable<Result<Said>> ask(std::variant<local::Observe, local::Scale> what,
                                    Duration deadline) {
    if (!socket_.is_open()) co_return Failure{Errc::unsupported, no_supervisor, {}};
    const auto id = ++last_id_;
    const std::string line = local::write_line(local::Request{id, std::move(what)}) + "\n";
    const auto [failed, sent] = co_await asio::async_write(
        socket_, asio::buffer(line),
        asio::cancel_after(deadline, asio::as_tuple(asio::use_awaitable)));
    if (failed) {
      // Half a request would be glued to the next one.
      if (sent > 0) socket_.close();
      co_return lost(failed);
    }
    for (;;) {
      const auto [error, size] = co_await asio::async_read_until(
          socket_, asio::dynamic_buffer(received_, local::longest_line), '\n',
          asio::cancel_after(deadline, asio::as_tuple(asio::use_awaitable)));
      if (error) co_return lost(error);
      auto answer = local::parse_answer(std::string_view{received_}.substr(0, size - 1));
      received_.erase(0, size);
      if (!answer) co_return answer.error();
      if (answer.value().id == id) co_return said(std::move(answer.value()));
      // Otherwise a late answer to an earlier request: dropped.
    }
  }

  static Result<Said> said(local::Answer answer) {
    if (auto* failure = std::get_if<Failure>(&answer.what)) return std::move(*failure);
    if (auto* report = std::get_if<local::Report>(&answer.what)) return Said{std::move(*report)};
    return Said{local::Accepted{}};
  }

  static Finding finding_of(const Failure& failure) {
    if (failure.code != Errc::unsupported) return drivers::finding_of(failure);
    return {failure.message, "the workers and their socket are held by that program",
            "selfscale run --policies FILE -- COMMAND"};
  }

  static Failure no_counts() {
    return {Errc::malformed, "the supervisor's answer has no counts", {}};
  }

  static Failure lost(const error_code& error) {
    if (error == asio::error::operation_aborted) {
      return {Errc::timed_out, "the supervisor did not answer in time", {}};
    }
    return {Errc::unreachable, "the supervisor is gone: " + error.message(), {}};
  }

  stream_protocol::socket socket_;
  std::string received_;
  std::int64_t last_id_ = 0;
};

int inherited_stream() {
  const char* text = std::getenv("SELFSCALE_SUPERVISOR_FD");
  if (text == nullptr) return -1;
  char* end = nullptr;
  const long number = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || number < 3 || number > 1'000'000) return -1;
  return ::fcntl(static_cast<int>(number), F_DUPFD_CLOEXEC, 3);
}

}  // namespace

std::unique_ptr<Driver> local_driver(asio::io_context& io, int stream) {
  return std::make_unique<Local>(io, stream);
}

std::unique_ptr<Driver> local_driver(Setting setting) {
  return local_driver(setting.io, inherited_stream());
}

}  // namespace selfscale::drivers
