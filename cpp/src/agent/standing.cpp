#include "agent/standing.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "agent/rivals.hpp"
#include "drivers/finding.hpp"
#include "model/may_pass.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;

constexpr Duration leaders_interval{30'000};
/// Every replica asks, and some platforms count an account's calls by the hour.
constexpr Duration others_interval{240'000};
constexpr Duration shortest_wait{5'000};
constexpr Duration longest_wait{60'000};
/// Longer than any interval, so that one look may fail.
constexpr Duration look_lasts{300'000};

/// Such as a call that was throttled, or a proxy's page in the place of an answer.
bool says_nothing_of_the_platform(const Failure& failure) noexcept {
  return may_pass(failure) || failure.code == Errc::malformed || failure.code == Errc::conflict;
}

}  // namespace

asio::awaitable<void> Standing::look(bool leads) {
  const auto interval = wait_.value_or(leads ? leaders_interval : others_interval);
  if (looked_at_ && !house_.is_time(*looked_at_ + interval)) co_return;
  looked_at_ = house_.clock.now();
  auto found = co_await ask();
  const auto before = std::exchange(found_, std::move(found));
  say(before);
}

/// What stands in the way of acting here.
asio::awaitable<drivers::Preflight> Standing::ask() {
  if (auto why = house_.settings.why_not_lead(house_.service())) {
    wait_ = others_interval;
    co_return drivers::Preflight{{std::move(*why)}, {}};
  }
  auto found = co_await house_.driver->preflight();
  const auto now = house_.clock.now();
  const auto asked_to_wait = found ? Duration{0} : found.error().retry_after.value_or(Duration{0});
  if (found) lasts_until_ = now + look_lasts;
  // One such call must not end a leader, nor be repeated before the platform wants it; for longer
  // than a look lasts nobody acts on it.
  if (!found && says_nothing_of_the_platform(found.error()) && now < lasts_until_) {
    wait_ = std::max(leaders_interval, std::min(asked_to_wait, lasts_until_ - now));
    co_return found_;
  }
  if (!found) found = drivers::Preflight{{house_.driver->explain(found.error())}, {}};
  if (found->wrong.empty()) {
    wait_.reset();
  } else {
    wait_ = std::max(longer_wait(), asked_to_wait);
  }
  if (auto why = rivals()) {
    found->wrong.push_back(std::move(*why));
    wait_ = others_interval;  // nothing that the platform says would let it act
  }
  if (auto unheard = unheard_replicas(house_.settings, house_.fleet_spans_hosts)) {
    found->warnings.push_back(std::move(*unheard));
  }
  std::ranges::move(warnings_(), std::back_inserter(found->warnings));
  co_return std::move(*found);
}

/// Often at first, as what is just being set up is soon right.
Duration Standing::longer_wait() const noexcept {
  return wait_ && !is_fine() ? std::clamp(2 * *wait_, shortest_wait, longest_wait) : shortest_wait;
}

std::optional<Finding> Standing::rivals() const {
  return possible_rivals(house_.settings, house_.driver.get(), house_.driver_name,
                         house_.fleet_spans_hosts, replicas_());
}

void Standing::say(const drivers::Preflight& before) {
  if (is_fine()) {
    house_.log.recovered("preflight");
  } else {
    house_.log.trouble("preflight", "the driver " + house_.driver_label +
                                        " cannot act here: " + found_.wrong.front().what);
  }
  for (const auto& warning : found_.warnings) {
    const auto& known = before.warnings;
    const bool is_known = std::ranges::find(known, warning.what, &Finding::what) != known.end();
    if (!is_known) house_.log.warn(warning.what);
  }
}

asio::awaitable<bool> Standing::give_back() {
  const auto released = co_await house_.driver->release();
  if (!released) {
    house_.log.trouble("release",
                       "what was taken over could not be given back, and is given back "
                       "later: " +
                           drivers::with_permission(released.error()));
    co_return false;
  }
  house_.log.recovered("release");
  co_return true;
}

asio::awaitable<void> Standing::leave() {
  const auto left = co_await house_.driver->leave();
  if (!left) {
    house_.log.warn("what this agent began is not left in order: " +
                    drivers::with_permission(left.error()));
  }
}

}  // namespace selfscale::agent
