#include "drivers/docker/engine.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "drivers/docker/calls.hpp"
#include "drivers/docker/refusal.hpp"
#include "http/status.hpp"

namespace selfscale::drivers::docker {
namespace {

namespace asio = boost::asio;

constexpr int not_modified = 304;

/// The socket is there, and of others.
bool is_forbidden(const http::Address& engine) {
  return engine.scheme == http::Address::Scheme::unix_socket &&
         ::eaccess(engine.path.c_str(), R_OK | W_OK) != 0 && errno == EACCES;
}

}  // namespace

Engine::Engine(asio::io_context& io, Host host) : io_{io}, host_{std::move(host)} {}

Result<void> Engine::find() {
  if (client_) return {};
  auto access = find_access(host_, surroundings_of_this_process());
  if (!access) return access.error();
  client_ = std::make_unique<http::Client>(io_, access->engine, std::move(access->tls));
  return {};
}

asio::awaitable<Result<http::Answer>> Engine::send(http::Call call, Deadline until) {
  call.deadline = until.left();
  auto answer = co_await client_->call(call);
  if (!answer) {
    auto failure = answer.error();
    if (failure.code == Errc::unreachable && is_forbidden(client_->address())) {
      failure.code = Errc::denied;
      failure.message += ": this process' user is neither root nor in the socket's group";
    }
    co_return failure;
  }
  const bool is_good =
      answer->status == not_modified || http::verdict_of(answer->status) == http::Verdict::done;
  if (is_good) co_return answer;
  co_return refusal(client_->address(), call, *answer);
}

asio::awaitable<Result<void>> Engine::learn_version(Deadline until) {
  const auto answer = co_await send(ping(), until);
  if (!answer) co_return answer.error();
  const auto version = version_for(answer->header("Api-Version").value_or(""));
  if (!version) {
    co_return Failure{Errc::malformed,
                      http::to_text(client_->address()) +
                          " is no Docker Engine: its answer names no version of the API",
                      {}};
  }
  version_ = *version;
  co_return Result<void>{};
}

asio::awaitable<Result<http::Answer>> Engine::ask(http::Call call, Deadline until) {
  if (const auto found = find(); !found) co_return found.error();
  if (version_.empty()) {
    const auto learned = co_await learn_version(until);
    if (!learned) co_return learned.error();
  }
  call.target.insert(0, "/v" + version_);
  auto answer = co_await send(std::move(call), until);
  if (!answer && is_of_version(answer.error())) version_.clear();  // another engine by now
  co_return answer;
}

}  // namespace selfscale::drivers::docker
