#include "agent/actuation.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace selfscale::agent {
namespace {

/// The same call may succeed later; the write may also have come through unnoticed.
bool is_worth_another_look(Errc code) {
  return code == Errc::unreachable || code == Errc::timed_out || code == Errc::throttled ||
         code == Errc::conflict;
}

std::optional<Duration> poll_after(const drivers::Observation& seen) {
  if (!seen.poll_after_seconds) return std::nullopt;
  return Duration{static_cast<Duration::rep>(std::ceil(*seen.poll_after_seconds * 1000.0))};
}

/// An update is under way, or what there is of it allows no count: who is not ready may be its
/// doing.
bool is_changing(const drivers::Observation& seen) { return seen.updating || !seen.hold.empty(); }

std::string replicas(int count) {
  return std::to_string(count) + (count == 1 ? " replica" : " replicas");
}

}  // namespace

bool falls_short(int count, int from, int to) noexcept {
  return from < to ? from <= count && count < to : to < count && count <= from;
}

Actuation::Actuation(Order order, std::function<double()> jitter)
    : order_{std::move(order)}, jitter_{std::move(jitter)} {
  assert(order_.attempts >= 1);
}

Action Actuation::begin() const {
  return Write{order_.to, order_.from, order_.version, order_.trigger, {}};
}

Action Actuation::take_up(std::optional<Instant> accepted_at, Instant now) {
  accepted_at_ = accepted_at.value_or(now);
  is_visible_ = true;  // whoever began it may have seen that
  return watch(std::nullopt, now);
}

void Actuation::take_up_unsure(Instant now) {
  may_be_half_done_ = true;
  failed_at_ = now;
}

Action Actuation::resume(const Written& event, Instant now) {
  if (event.result) return accept(now);
  const Failure& failure = event.result.error();
  may_be_half_done_ = failure.code != Errc::conflict;
  failed_at_ = now;
  if (is_worth_another_look(failure.code)) return retry(failure);
  return failed(failure, failure.message);
}

Action Actuation::resume(const Observed& event, Instant now) {
  if (!event.result) {
    if (!accepted_at_) return retry(event.result.error());
    if (!is_overdue(now)) return watch(event.result.error().retry_after, now);
    // Not rolled back: that nobody answers does not show that the replicas are not ready.
    return finished(Outcome::failed, event.result.error().message);
  }
  const auto& seen = event.result.value();
  ready_ = seen.ready;
  return accepted_at_ ? while_starting(seen, now) : after_unsure_write(seen, now);
}

Action Actuation::accept(Instant now) {
  accepted_at_ = now;
  return watch(std::nullopt, now);
}

Action Actuation::retry(const Failure& failure) {
  if (attempts_ >= order_.attempts) {
    return failed(failure, failure.message + " (after " + std::to_string(attempts_) + " attempts)");
  }
  const auto& told = failure.retry_after;
  if (told && *told > order_.longest_wait) return failed(failure, failure.message);
  ++attempts_;
  return Watch{told ? std::max(*told, order_.shortest_wait) : draw_wait()};
}

/// Full jitter: those that were turned away together do not come back together.
Duration Actuation::draw_wait() const {
  const auto shortest = static_cast<double>(order_.shortest_wait.count());
  const auto most = static_cast<double>(order_.longest_wait.count());
  const double longest = std::min(shortest * std::exp2(attempts_ - 1), most);
  const double drawn = shortest + (longest - shortest) * std::clamp(jitter_(), 0.0, 1.0);
  return Duration{static_cast<Duration::rep>(drawn)};
}

/// Nothing is written again before it is known what the last write did.
Action Actuation::after_unsure_write(const drivers::Observation& seen, Instant now) {
  if (seen.desired == order_.to) {
    is_visible_ = true;
    return accept(now);
  }
  // One that is carried out replica by replica may have been broken off.
  const bool is_half_done = may_be_half_done_ && falls_short(seen.desired, order_.from, order_.to);
  if (seen.desired != order_.from && !is_half_done) return superseded(seen.desired);
  if (is_withdrawn_ || !seen.hold.empty()) return instead_of_write(seen, now);
  return Write{order_.to, seen.desired, seen.version, order_.trigger, {}};
}

/// What was decided would be stale once the platform takes a count again, and is decided anew, as
/// soon as it is seen whether the write came through. A person's order nobody gives again, and it
/// waits, until there is a newer one.
Action Actuation::instead_of_write(const drivers::Observation& seen, Instant now) const {
  const auto wait = poll_after(seen).value_or(order_.poll);
  if (order_.trigger == Trigger::manual && !is_withdrawn_) return Watch{wait};
  const auto visible_at = may_be_half_done_ ? failed_at_ + visible_within : failed_at_;
  if (now < visible_at) return Watch{std::min(wait, visible_at - now)};
  auto end =
      finished(Outcome::superseded, is_withdrawn_ ? "a newer order by hand was given"
                                                  : "no count is to be set now: " + seen.hold);
  end.unchanged = seen.desired;
  return end;
}

Action Actuation::while_starting(const drivers::Observation& seen, Instant now) {
  if (is_changing(seen)) changing_at_ = now;
  if (seen.desired == order_.to) {
    is_visible_ = true;
  } else if (!may_be_stale(seen, now)) {
    return superseded(seen.desired);
  } else {
    return is_overdue(now) ? Action{ignored(seen)} : watch(poll_after(seen), now);
  }
  if (is_done(seen)) return finished(Outcome::succeeded, {});
  if (!is_overdue(now)) return watch(poll_after(seen), now);
  const int usable = seen.ready.value_or(seen.current);
  const std::string why = what_is_missing(seen, now);
  const int back_to = std::max(order_.from, usable);
  const bool was_up = order_.to > order_.from;
  const bool is_to_stay = !order_.rollback || is_changing(seen);
  if (!was_up || is_to_stay || back_to >= order_.to) return finished(Outcome::failed, why);
  return roll_back(back_to, why);
}

Action Actuation::roll_back(int back_to, std::string why) {
  order_.from = order_.to;
  order_.to = back_to;
  order_.trigger = Trigger::rollback;
  accepted_at_.reset();
  changing_at_.reset();
  is_withdrawn_ = false;
  is_visible_ = false;
  attempts_ = 1;
  // Without a version: that the count is still ours was seen just now.
  return Write{back_to, order_.from, {}, Trigger::rollback, std::move(why)};
}

std::string Actuation::what_is_missing(const drivers::Observation& seen, Instant now) const {
  const bool is_up = order_.to > order_.from;
  const auto waited = changing_at_ ? now - *accepted_at_ : order_.startup_timeout;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited);
  std::string words = "after " + std::to_string(seconds.count()) + " s ";
  if (is_up) {
    words += std::to_string(seen.ready.value_or(seen.current)) + " of " + replicas(order_.to) +
             " are ready";
  } else {
    words += replicas(seen.current) + " are left instead of " + std::to_string(order_.to);
  }
  if (seen.updating) {
    words += ", and the update that is under way has not ended";
  } else if (!seen.hold.empty()) {
    words += ", and no count is to be set now: " + seen.hold;
  }
  return seen.failure.empty() ? words : words + ": " + seen.failure;
}

/// Of an update under way the deadline is counted from its end, for old and new replicas are side
/// by side until then.
Instant Actuation::due() const {
  const auto changing_until =
      std::min(changing_at_.value_or(*accepted_at_), *accepted_at_ + longest_update);
  return std::max(*accepted_at_, changing_until) + order_.startup_timeout;
}

bool Actuation::is_overdue(Instant now) const { return now >= due(); }

Action Actuation::watch(std::optional<Duration> asked, Instant now) const {
  const auto after = asked.value_or(order_.poll);
  const auto left = due() - now;
  return Watch{std::clamp(after, Duration{0}, std::max(left, Duration{0}))};
}

Finished Actuation::finished(Outcome outcome, std::string why) const {
  Finished end;
  end.outcome = outcome;
  end.why = std::move(why);
  end.ready = ready_;
  return end;
}

Finished Actuation::failed(const Failure& failure, std::string why) const {
  if (!failure.permission.empty()) why += " (missing permission: " + failure.permission + ")";
  auto end = finished(Outcome::failed, std::move(why));
  end.code = failure.code;
  end.retry_after = failure.retry_after;
  return end;
}

Finished Actuation::superseded(int count) const {
  auto end =
      finished(Outcome::superseded, "somebody else asked for " + replicas(count) + " meanwhile");
  end.foreign = count;
  return end;
}

/// A platform that has taken a count and does nothing with it.
Finished Actuation::ignored(const drivers::Observation& seen) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(order_.startup_timeout);
  std::string why = "the platform accepted " + replicas(order_.to) + " and did not do it: after " +
                    std::to_string(seconds.count()) + " s " + std::to_string(seen.desired) +
                    " are still asked for";
  if (!seen.failure.empty()) why += ": " + seen.failure;
  auto end = finished(Outcome::failed, std::move(why));
  end.unchanged = seen.desired;
  return end;
}

/// The count from before the write is nobody's change until the write has been seen, and for a
/// moment longer: two answers in a row may come from two copies.
bool Actuation::may_be_stale(const drivers::Observation& seen, Instant now) const {
  if (seen.desired != order_.from) return false;
  return !is_visible_ || (now < *accepted_at_ + visible_within && !is_overdue(now));
}

bool Actuation::is_done(const drivers::Observation& seen) const {
  if (order_.to < order_.from) return seen.current <= order_.to;
  // Where nobody tells who is ready, it is known once the update has ended.
  if (!seen.hold.empty() || (seen.updating && !seen.ready)) return false;
  return seen.ready.value_or(seen.current) >= order_.to;
}

}  // namespace selfscale::agent
