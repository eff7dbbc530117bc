#include "agent/platform.hpp"

#include <algorithm>
#include <utility>

namespace selfscale::agent {

namespace asio = boost::asio;

asio::awaitable<bool> Platform::observe(Duration rest) {
  const auto now = house_.clock.now();
  const bool rests = rest > Duration{0} && !house_.is_time(looked_at_ + rest);
  if (!house_.driver || now < next_look_ || rests) co_return false;
  looked_at_ = now;
  auto seen = co_await house_.driver->observe();
  if (!seen) {
    seen_.reset();
    failure_ = seen.error();
    next_look_ = house_.clock.now() + failure_.retry_after.value_or(Duration{0});
    house_.log.trouble("observe", "the platform cannot be read: " + failure_.message);
    co_return true;
  }
  seen_ = std::move(*seen);
  failure_ = {};
  house_.log.recovered("observe");
  const auto noted = std::exchange(note_, seen_->note);
  if (!note_.empty() && note_ != noted) house_.log.warn(note_);
  serves_ = seen_->ready.value_or(0) > 0;
  co_return true;
}

std::optional<Wait> Platform::wait() const {
  if (next_look_ <= house_.clock.now()) return std::nullopt;
  return Wait{next_look_, failure_};
}

int Platform::within_reach(int replicas) const {
  if (!seen_) return replicas;
  const int least = std::max(house_.driver->capabilities().minimum, seen_->least.value_or(0));
  return std::max(least, std::min(replicas, seen_->most.value_or(replicas)));
}

std::string Platform::out_of_reach(int replicas) const {
  const int reached = within_reach(replicas);
  if (reached == replicas) return {};
  return "the platform takes " + std::to_string(reached) +
         (reached < replicas ? " at most, fewer than are wanted"
                             : " at least, more than are wanted");
}

}  // namespace selfscale::agent
