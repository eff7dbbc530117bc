#include "agent/events.hpp"

#include <algorithm>
#include <random>
#include <selfscale/decide.hpp>

#include "agent/snapshot.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;

constexpr Duration longest_poll{1'000};

double jitter() {
  std::random_device chance;
  return static_cast<double>(chance()) / static_cast<double>(std::random_device::max());
}

std::string arrow(const ScalingEvent& event) {
  return event.service + " " + std::to_string(event.from_replicas) + " → " +
         std::to_string(event.to_replicas);
}

/// The most that the policy allows at any time; back is a step to what there was.
int most_of(const CompiledPolicy& policy, const Write& wanted) {
  int most = policy.max_replicas;
  for (const auto& schedule : policy.schedules) {
    most = std::max({most, schedule.max_replicas.value_or(0), schedule.min_replicas.value_or(0)});
  }
  return wanted.trigger == Trigger::rollback ? std::max(most, wanted.desired) : most;
}

/// Where a rollback that was left goes now: nobody is taken away who has become ready since.
int back_to(const ScalingEvent& left, const drivers::Observation& seen) {
  return std::max(left.to_replicas, seen.ready.value_or(seen.current));
}

Instant ended_at(const ScalingEvent& event) {
  return event.started_at + event.duration.value_or(Duration{0});
}

}  // namespace

bool is_broken_off(const ScalingEvent& left, int count) noexcept {
  return !left.accepted_at && falls_short(count, left.from_replicas, left.to_replicas);
}

std::optional<Instant> Events::due() const {
  if (!life_) return std::nullopt;
  return life_->due;
}

bool Events::wants_observation(Instant now) const {
  return life_ && (life_->actuation.accepted_at() || now >= life_->due);
}

bool Events::may_begin(int to, Instant now) const {
  if (!life_) return !circuit_.is_open(now) && !is_stale_;
  const auto& event = life_->event;
  return life_->actuation.is_visible() && event.trigger != Trigger::rollback &&
         to > event.to_replicas;
}

ScalingEvent Events::event_of(const Wish& wish) {
  ScalingEvent event;
  event.started_at = house_.clock.now();
  event.id = house_.ulids.next(event.started_at);
  event.service = house_.service();
  event.policy = house_.policies.policy().name();
  event.decision = wish.decision;
  event.from_replicas = wish.from;
  event.to_replicas = wish.to;
  event.trigger = wish.trigger;
  event.reason = wish.reason;
  event.metrics = wish.metrics;
  event.leader = house_.holder();
  event.token = token_;
  return event;
}

Order Events::order_of(const ScalingEvent& event, std::string version) const {
  const auto& policy = house_.policies.policy().compiled();
  Order order;
  order.from = event.from_replicas;
  order.to = event.to_replicas;
  order.version = std::move(version);
  order.trigger = event.trigger;
  order.startup_timeout = policy.startup_timeout;
  order.rollback = policy.rollback;
  order.poll = std::min(policy.evaluation_interval, longest_poll);
  return order;
}

asio::awaitable<void> Events::begin(Wish wish) {
  if (wish.to < wish.from) {
    if (const auto against = house_.driver->against_fewer(longest_work)) {
      hold_back(std::move(wish), *against);
      co_return;
    }
  }
  held_back_.clear();
  refused_.reset();
  if (life_) {
    Finished end;
    end.outcome = Outcome::superseded;
    end.why = "a newer decision asked for " + std::to_string(wish.to);
    finish(end);
  }
  auto event = event_of(wish);
  Actuation actuation{order_of(event, std::move(wish.version)), jitter};
  life_.emplace(Life{std::move(event), std::move(actuation), std::move(wish.victims), {}});
  auto first = life_->actuation.begin();
  co_await perform(std::move(first));
}

asio::awaitable<bool> Events::advance(Result<drivers::Observation> seen) {
  const bool is_unsure = !life_->actuation.accepted_at();
  if (seen && is_unsure && seen->desired != life_->event.to_replicas && may_be_stale(*seen)) {
    seen = Failure{Errc::conflict,
                   "the platform answers " + std::to_string(seen->desired) +
                       " replicas, as before the last step",
                   {}};
  }
  if (seen) life_->seen = seen->replicas;
  auto next = life_->actuation.resume(Observed{std::move(seen)}, house_.clock.now());
  co_return co_await perform(std::move(next));
}

void Events::withdraw_order() noexcept {
  if (life_ && life_->event.trigger == Trigger::manual) life_->actuation.withdraw();
}

/// Goes on until there is something to wait for; true: it wrote. A successor finds each step in the
/// lease's record.
asio::awaitable<bool> Events::perform(Action action) {
  const bool writes = std::holds_alternative<Write>(action);
  while (const auto* wanted = std::get_if<Write>(&action)) {
    if (wanted->trigger == Trigger::rollback && life_->event.trigger != Trigger::rollback) {
      begin_rollback(*wanted);
    }
    auto written = co_await write(*wanted);
    action = life_->actuation.resume(Written{std::move(written)}, house_.clock.now());
  }
  const bool is_news = life_->actuation.accepted_at() && !life_->event.accepted_at;
  if (is_news) note_acceptance();
  if (const auto* watch = std::get_if<Watch>(&action)) {
    life_->due = house_.clock.now() + watch->after;
    if (!is_news) co_return writes;
  } else {
    finish(std::get<Finished>(action));
  }
  co_await renew_();
  co_return writes;
}

/// The right to act is looked at right before each attempt: renewing the lease checks the token,
/// and leaves the intention to whoever leads next, should this process not live to see the answer.
asio::awaitable<Result<void>> Events::write(Write wanted) {
  if (!may_act_) {
    co_return Failure{Errc::stopped, "acting was switched off meanwhile", {}};
  }
  const auto leads = co_await renew_();
  if (!leads) co_return Failure{Errc::stopped, leads.error().message, {}};
  drivers::ScaleRequest request;
  request.desired = wanted.desired;
  request.from = wanted.from;
  request.version = std::move(wanted.version);
  request.victims = life_->victims;
  request.longest_work = longest_work;
  request.token = token_;
  request.most = most_of(house_.policies.policy().compiled(), wanted);
  auto done = co_await house_.driver->scale(std::move(request));
  co_return done;
}

void Events::hold_back(Wish wish, const Finding& against) {
  auto words = against.what + ": " + against.paste;
  const bool is_known = words == held_back_;
  if (is_known && wish.trigger != Trigger::manual) return;
  held_back_ = std::move(words);
  house_.log.warn(house_.service() + " " + std::to_string(wish.from) + " → " +
                  std::to_string(wish.to) + " is not done: " + held_back_);
  refuse(std::move(wish), held_back_);
}

void Events::begin_rollback(const Write& wanted) {
  Wish wish;
  wish.from = life_->event.to_replicas;
  wish.to = wanted.desired;
  wish.trigger = Trigger::rollback;
  wish.reason = "rolled back: " + wanted.why;
  auto& failed = life_->event;
  failed.outcome = Outcome::failed;
  failed.error = wanted.why;
  failed.code = name_of(Errc::failed);
  failed.duration = house_.clock.now() - failed.started_at;
  keep(failed);
  circuit_.open(Errc::failed, wanted.why, {}, house_.clock.now());
  life_->event = event_of(wish);
  life_->victims = victims_of_rollback(life_->seen, may_go, house_.settings.instance);
}

/// The platform took the count: cooldowns run from here.
void Events::note_acceptance() {
  auto& event = life_->event;
  event.accepted_at = life_->actuation.accepted_at();
  expected_ = event.to_replicas;
  replaced_ = {event.from_replicas, *event.accepted_at + visible_within};
  startups.note_step(event.from_replicas, event.to_replicas, *event.accepted_at);
  keep(event);
  house_.log.info(arrow(event) + ": " + event.reason);
}

void Events::finish(const Finished& end) {
  auto event = life_->event;
  event.outcome = end.outcome;
  event.error = end.why;
  if (end.outcome == Outcome::failed) event.code = name_of(end.code);
  event.ready_replicas = end.ready;
  event.duration = house_.clock.now() - event.started_at;
  life_.reset();
  keep(event);
  // A count that the platform did not take has never stood.
  if (end.foreign) adopt(event.accepted_at ? event.to_replicas : event.from_replicas, *end.foreign);
  if (end.unchanged) expected_ = end.unchanged;
  if (event.outcome == Outcome::succeeded) {
    house_.log.recovered("scaling");
    if (event.trigger != Trigger::rollback) {  // which only ends a failure
      circuit_.close();
    }
    return house_.log.debug(arrow(event) + " is done");
  }
  if (event.outcome != Outcome::failed) return;
  if (!event.accepted_at && end.code != Errc::conflict) refused_ = event;
  circuit_.open(end.code, event.error, end.retry_after, house_.clock.now());
  startups.forget_pending();
  house_.log.trouble("scaling", arrow(event) + " failed: " + event.error);
}

void Events::refuse(Wish wish, const std::string& why) {
  auto event = event_of(wish);
  event.outcome = Outcome::failed;
  event.error = why;
  event.duration = Duration{0};
  keep(event);
}

void Events::compare(const drivers::Observation& seen) {
  is_stale_ = false;
  if (life_) return;  // its machine looks out for that
  is_stale_ = may_be_stale(seen);
  if (is_stale_) return;
  if (expected_ && *expected_ != seen.desired) {
    if (is_part_of_refused(seen.desired)) {
      take_part(*expected_, seen.desired);
    } else {
      adopt(*expected_, seen.desired);
    }
  }
  expected_ = seen.desired;
}

bool Events::is_part_of_refused(int count) const {
  if (!refused_ || house_.clock.now() >= ended_at(*refused_) + visible_within) return false;
  return count != refused_->from_replicas && is_broken_off(*refused_, count);
}

/// The part that was done is a step, too.
void Events::take_part(int from, int to) {
  auto event = *refused_;
  event.id = house_.ulids.next(house_.clock.now());
  event.from_replicas = from;
  event.to_replicas = to;
  event.accepted_at = ended_at(*refused_);
  event.outcome = Outcome::superseded;
  event.error =
      "the platform refused the rest of the way to " + std::to_string(refused_->to_replicas);
  event.code.clear();
  keep(event);
  house_.log.info(arrow(event) + ": " + event.reason + "; " + event.error);
}

bool Events::may_be_stale(const drivers::Observation& seen) const {
  const bool may_lag = replaced_ && house_.clock.now() < replaced_->until;
  return may_lag && expected_ != seen.desired && replaced_->count == seen.desired;
}

void Events::adopt(int from, int to) {
  Wish wish;
  wish.from = from;
  wish.to = to;
  wish.trigger = Trigger::foreign;
  wish.reason = "somebody else asked for " + std::to_string(to);
  auto event = event_of(wish);
  event.accepted_at = event.started_at;
  event.duration = Duration{0};
  event.outcome = Outcome::adopted;
  refused_.reset();
  expected_ = to;
  replaced_.reset();
  startups.forget_pending();
  keep(event);
  house_.log.info(arrow(event) + ": " + event.reason);
}

/// The failure that it ends keeps the circuit open here, too. False: it does not go on.
bool Events::go_on_rolling_back(const ScalingEvent& left, const drivers::Observation& seen) {
  const auto now = house_.clock.now();
  circuit_.open(Errc::failed, left.reason, {}, now);
  const int to = back_to(left, seen);
  if (!is_broken_off(left, seen.desired) || to >= seen.desired) return false;
  auto event = left;
  event.to_replicas = to;
  life_.emplace(Life{event,
                     Actuation{order_of(event), jitter},
                     victims_of_rollback(seen.replicas, may_go, house_.settings.instance),
                     {}});
  life_->actuation.take_up_unsure(now);
  return true;
}

/// But for a rollback nothing is written: whether its count came through can be seen, soon after it
/// was accepted at the latest, and what is wanted now is decided anew.
asio::awaitable<void> Events::resume(ScalingEvent left, const drivers::Observation& seen) {
  const auto now = house_.clock.now();
  expected_ = seen.desired;
  if (left.trigger == Trigger::rollback && go_on_rolling_back(left, seen)) co_return;
  if (is_broken_off(left, seen.desired) && seen.desired != left.from_replicas) {
    left.reason +=
        "; the agent that began it ended on the way to " + std::to_string(left.to_replicas);
    left.to_replicas = seen.desired;  // the part that was done is a step, too
  }
  life_.emplace(Life{left, Actuation{order_of(left), jitter}, {}, {}});
  Action first;
  const bool may_be_stale = seen.desired == left.from_replicas && left.accepted_at &&
                            now < *left.accepted_at + visible_within;
  if (seen.desired == left.to_replicas || may_be_stale) {
    first = life_->actuation.take_up(left.accepted_at, now);
  } else {
    Finished end;
    end.outcome = Outcome::superseded;
    end.why = "the agent that began it ended, and " + std::to_string(seen.desired) +
              " replicas are asked for now";
    const bool was_not_taken = !left.accepted_at && seen.desired == left.from_replicas;
    if (!was_not_taken) end.foreign = seen.desired;
    first = std::move(end);
  }
  co_await perform(std::move(first));
}

void Events::forget() noexcept {
  life_.reset();
  held_back_.clear();
  refused_.reset();
  expected_.reset();
  replaced_.reset();
  is_stale_ = false;
  startups.forget_pending();
}

void Events::keep(const ScalingEvent& event) {
  record(state_, event);
  house_.totals.count(event);
  house_.journal->keep_event(event);
  if (!house_.subscribers.empty()) house_.subscribers.tell(house_.calls, to_json(event));
}

}  // namespace selfscale::agent
