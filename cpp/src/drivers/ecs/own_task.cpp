#include "drivers/ecs/own_task.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <sstream>
#include <system_error>
#include <utility>

#include "http/client.hpp"
#include "model/may_pass.hpp"
#include "sampling/text.hpp"

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
  auto read = parse_own_protection(asked, answer->status, answer->body);
  const bool says_nothing = !read && read.error().code == Errc::malformed;
  if (says_nothing && asked.method == "PUT") {
    co_return Failure{Errc::timed_out, read.error().message + "; was it carried out?", {}};
  }
  co_return read;
}

asio::awaitable<Result<void>> OwnTask::keep(bool is_wanted, double now) {
  recall();
  const bool is_news = std::exchange(was_wanted_, is_wanted) != is_wanted;
  const bool has_nothing = !is_wanted && ours_ == 0.0;
  if (has_nothing) {
    co_await ask_anew(now);
    co_return last_;
  }
  const bool may_wait = now < next_look_ && (!is_news || !last_);
  if (may_wait) co_return last_;
  const auto stands = co_await change(is_wanted, now);
  next_look_ = now + look_again;  // a scale-in, or the app, may replace ours or take it away
  last_ = stands ? Result<void>{} : stands.error();
  co_return last_;
}

asio::awaitable<Result<OwnProtection>> OwnTask::change(bool is_wanted, double now) {
  is_write_refused_ = false;
  auto seen = co_await call(get_own_protection());
  if (!seen) co_return seen;
  switch (own_step(is_wanted, *seen, ours_, now)) {
    case OwnStep::protect:
      seen = co_await protect(now);
      is_write_refused_ = !seen;
      co_return seen;
    case OwnStep::release:
      seen = co_await call(unprotect_own_task());
      is_write_refused_ = !seen;
      if (seen) remember(0.0);
      co_return seen;
    case OwnStep::none:
      if (!is_ours(*seen, ours_)) remember(0.0);  // it has ended, or is somebody else's now
      co_return seen;
  }
  co_return seen;
}

/// Without an answer it may have been done: then it is ours, too, also for the next process where
/// this one ends before it hears.
asio::awaitable<Result<OwnProtection>> OwnTask::protect(double now) {
  const double before = ours_;
  remember(now + 60.0 * own_protection_minutes);
  auto done = co_await call(protect_own_task(own_protection_minutes));
  if (done && done->until > 0.0) remember(done->until);
  if (!done && done.error().code != Errc::timed_out) remember(before);
  co_return done;
}

/// The process that told before this one may have ended, and left a protection.
void OwnTask::recall() {
  if (file_.empty()) return;
  std::istringstream words{sampling::read_text(file_).value_or("")};
  std::string address;
  double until = 0.0;
  // The address is the task's own: a directory that outlives it tells of others.
  if (words >> address >> until && address == *address_) ours_ = until;
}

void OwnTask::remember(double until) {
  if (std::exchange(ours_, until) == until || file_.empty()) return;
  const auto beside = file_ + "." + std::to_string(::getpid());
  std::ofstream file{beside, std::ios::trunc};
  file << *address_ << ' ' << std::fixed << std::setprecision(0) << until << '\n';
  file.close();
  std::error_code ignored;  // then what this process leaves ends by itself
  if (file) std::filesystem::rename(beside, file_, ignored);
}

/// What failed may have been mended. Whether a write is still refused only the next one shows.
asio::awaitable<void> OwnTask::ask_anew(double now) {
  const bool would_show = !last_ && (!is_write_refused_ || may_pass(last_.error()));
  if (!would_show || now < next_look_) co_return;
  co_await look(now);
}

asio::awaitable<void> OwnTask::look(double now) {
  const auto seen = co_await call(get_own_protection());
  if (!seen) next_look_ = now + look_again;
  last_ = seen ? Result<void>{} : seen.error();
}

asio::awaitable<std::optional<Failure>> OwnTask::refusal(double now) {
  if (was_asked_) {
    co_await ask_anew(now);
  } else {
    co_await look(now);
  }
  if (last_ || may_pass(last_.error())) co_return std::nullopt;
  co_return last_.error();
}

}  // namespace selfscale::drivers::ecs
