#include "agent/events.hpp"

#include <algorithm>
#include <random>
#include <selfscale/decide.hpp>

#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;

constexpr Duration longest_poll{1'000};
constexpr Duration first_pause{1'000};  // after a failure; doubles with each, to
constexpr int most_doublings = 8;       // about four minutes

double jitter() {
  std::random_device chance;
  return static_cast<double>(chance()) / static_cast<double>(std::random_device::max());
}

std::string arrow(const ScalingEvent& event) {
  return event.service + " " + std::to_string(event.from_replicas) + " → " +
         std::to_string(event.to_replicas);
}

}  // namespace

std::optional<Instant> Events::due() const {
  if (!life_) return std::nullopt;
  return life_->due;
}

bool Events::wants_observation(Instant now) const {
  return life_ && (life_->actuation.accepted_at() || now >= life_->due);
}

bool Events::may_begin(Instant now) const {
  if (life_) return life_->actuation.accepted_at() && life_->event.trigger != Trigger::rollback;
  return now >= not_before_;
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

Order Events::order_of(const Wish& wish) const {
  const auto& policy = house_.policies.policy().compiled();
  Order order;
  order.from = wish.from;
  order.to = wish.to;
  order.version = wish.version;
  order.trigger = wish.trigger;
  order.startup_timeout = policy.startup_timeout;
  order.rollback = policy.rollback;
  order.poll = std::min(policy.evaluation_interval, longest_poll);
  return order;
}

asio::awaitable<void> Events::begin(Wish wish) {
  if (life_) {
    Finished end;
    end.outcome = Outcome::superseded;
    end.why = "a newer decision asked for " + std::to_string(wish.to);
    finish(end);
  }
  life_.emplace(Life{event_of(wish), Actuation{order_of(wish), jitter}, wish.victims, {}});
  auto first = life_->actuation.begin();
  co_await perform(std::move(first));
}

asio::awaitable<void> Events::advance(Result<drivers::Observation> seen) {
  auto next = life_->actuation.resume(Observed{std::move(seen)}, house_.clock.now());
  co_await perform(std::move(next));
}

/// Goes on until there is something to wait for.
asio::awaitable<void> Events::perform(Action action) {
  while (const auto* wanted = std::get_if<Write>(&action)) {
    if (wanted->trigger == Trigger::rollback && life_->event.trigger != Trigger::rollback) {
      begin_rollback(*wanted);
    }
    auto written = co_await write(*wanted);
    action = life_->actuation.resume(Written{std::move(written)}, house_.clock.now());
  }
  if (life_->actuation.accepted_at() && !life_->event.accepted_at) note_acceptance();
  if (const auto* watch = std::get_if<Watch>(&action)) {
    life_->due = house_.clock.now() + watch->after;
  } else {
    finish(std::get<Finished>(action));
  }
}

/// The right to act is looked at right before each attempt.
asio::awaitable<Result<void>> Events::write(Write wanted) {
  if (!may_act_) {
    co_return Failure{Errc::stopped, "acting was switched off meanwhile", {}};
  }
  const auto leads = co_await house_.fleet->lead();
  if (!leads) co_return Failure{Errc::stopped, leads.error().message, {}};
  if (!*leads) co_return Failure{Errc::stopped, "another agent leads now", {}};
  drivers::ScaleRequest request;
  request.desired = wanted.desired;
  request.version = std::move(wanted.version);
  request.victims = life_->victims;
  request.token = token_;
  auto done = co_await house_.driver->scale(std::move(request));
  co_return done;
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
  failed.duration = house_.clock.now() - failed.started_at;
  keep(failed);
  life_->event = event_of(wish);
  life_->victims.clear();
}

/// The platform took the count: cooldowns run from here.
void Events::note_acceptance() {
  auto& event = life_->event;
  event.accepted_at = life_->actuation.accepted_at();
  expected_ = event.to_replicas;
  keep(event);
  house_.log.info(arrow(event) + ": " + event.reason);
}

void Events::finish(const Finished& end) {
  auto event = life_->event;
  event.outcome = end.outcome;
  event.error = end.why;
  event.ready_replicas = end.ready;
  event.duration = house_.clock.now() - event.started_at;
  life_.reset();
  keep(event);
  if (end.foreign) adopt(event.to_replicas, *end.foreign);
  if (event.outcome == Outcome::succeeded) {
    failures_ = 0;
    not_before_ = {};
    house_.log.recovered("scaling");
    return house_.log.debug(arrow(event) + " is done");
  }
  if (event.outcome != Outcome::failed) return;
  not_before_ = house_.clock.now() + first_pause * (1 << std::min(failures_++, most_doublings));
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
  if (life_) return;  // its machine looks out for that
  if (expected_ && *expected_ != seen.desired) adopt(*expected_, seen.desired);
  expected_ = seen.desired;
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
  expected_ = to;
  keep(event);
  house_.log.info(arrow(event) + ": " + event.reason);
}

asio::awaitable<void> Events::resume(const drivers::Observation& seen) {
  const auto newest = house_.journal->events(house_.service(), 1);
  if (!newest || newest->empty() || newest->front().outcome != Outcome::accepted) co_return;
  const auto& left = newest->front();
  Wish wish;
  wish.from = left.from_replicas;
  wish.to = left.to_replicas;
  wish.trigger = left.trigger;
  life_.emplace(Life{left, Actuation{order_of(wish), jitter}, {}, {}});
  record(state_, left);
  if (!may_act_ || seen.desired != left.to_replicas) {
    Finished end;
    end.outcome = Outcome::superseded;
    end.why = "the agent that began it ended, and " + std::to_string(seen.desired) +
              " replicas are asked for now";
    finish(end);
    co_return;
  }
  expected_ = seen.desired;
  auto first = life_->actuation.begin();  // the same count again: it changes nothing
  co_await perform(std::move(first));
}

void Events::forget() noexcept {
  life_.reset();
  expected_.reset();
}

void Events::keep(const ScalingEvent& event) {
  record(state_, event);
  house_.journal->keep_event(event);
  if (!house_.subscribers.empty()) house_.subscribers.tell(house_.calls, to_json(event));
}

}  // namespace selfscale::agent
