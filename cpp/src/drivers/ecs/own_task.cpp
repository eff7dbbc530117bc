#include "drivers/ecs/own_task.hpp"

#include <algorithm>
#include <utility>

#include "http/client.hpp"
#include "model/may_pass.hpp"

namespace selfscale::drivers::ecs {
namespace {

namespace asio = boost::asio;

constexpr Duration call_deadline{6'000};  // the endpoint itself waits 4 s for ECS
constexpr std::size_t most_bytes = std::size_t{64} * 1024;
constexpr double look_again = 60.0;

}  // namespace

asio::awaitable<Result<OwnProtection>> OwnTask::call(http::Call call) {
  was_asked_ = true;
  auto address = http::parse_address(*address_);
  if (!address) {
    co_return Failure{Errc::invalid_argument, "ECS_AGENT_URI: " + address.error().message, {}};
  }
  call.deadline = call_deadline;
  call.most_bytes = most_bytes;
  const auto asked = call;
  http::Client client{io_, std::move(*address)};
  const auto answer = co_await client.call(std::move(call));
  if (!answer) co_return answer.error();
  co_return parse_own_protection(asked, answer->status, answer->body);
}

asio::awaitable<Result<void>> OwnTask::keep(bool is_wanted, double now) {
  const bool is_news = std::exchange(was_wanted_, is_wanted) != is_wanted;
  const bool has_nothing = !is_wanted && ours_ == 0.0;
  const bool may_wait = now < next_look_ && (!is_news || !last_);
  if (has_nothing || may_wait) co_return last_;
  const auto stands = co_await change(is_wanted, now);
  if (!stands) {
    next_look_ = now + look_again;
    co_return last_ = stands.error();
  }
  // Ours is left alone until it is to be renewed; whoever else asked for one may take it away.
  next_look_ = std::max(now + look_again, ours_ - own_protection_renewed_below);
  co_return last_ = Result<void>{};
}

asio::awaitable<Result<OwnProtection>> OwnTask::change(bool is_wanted, double now) {
  auto seen = co_await call(get_own_protection());
  if (!seen) co_return seen;
  switch (own_step(is_wanted, *seen, ours_, now)) {
    case OwnStep::protect:
      co_return co_await protect(now);
    case OwnStep::release:
      seen = co_await call(unprotect_own_task());
      if (seen) ours_ = 0.0;
      co_return seen;
    case OwnStep::none:
      if (!is_ours(*seen, ours_)) ours_ = 0.0;  // it has ended, or is somebody else's now
      co_return seen;
  }
  co_return seen;
}

/// Without an answer it may have been done: then it is ours, too.
asio::awaitable<Result<OwnProtection>> OwnTask::protect(double now) {
  auto done = co_await call(protect_own_task(own_protection_minutes));
  const bool may_be_done = done || done.error().code == Errc::timed_out;
  if (may_be_done) ours_ = now + 60.0 * own_protection_minutes;
  if (done && done->until > 0.0) ours_ = done->until;
  co_return done;
}

asio::awaitable<std::optional<Failure>> OwnTask::refusal() {
  if (!was_asked_) {
    const auto seen = co_await call(get_own_protection());
    if (!seen) last_ = seen.error();
  }
  if (last_ || may_pass(last_.error())) co_return std::nullopt;
  co_return last_.error();
}

}  // namespace selfscale::drivers::ecs
