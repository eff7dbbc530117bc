#include "agent/steering.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/published.hpp"
#include "agent/rivals.hpp"
#include "decide/limits.hpp"
#include "decide/schedules.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;

constexpr Duration tidy_interval{600'000};
constexpr Duration worth_saying{60'000};
constexpr Duration shortest_sample{10};
/// So that the few replicas of a platform that takes the fewest calls, 1,000 an hour, leave most.
constexpr Duration rest_of_who_may_not_lead{60'000};
constexpr int events_learned_from = 100;

/// Who asks for a decision's count: a schedule, where its bounds have moved away from the current
/// one.
Trigger trigger_of(const Decision& decision) {
  const Code code = decision.recommendation.code;
  const bool is_scheduled = code == Code::schedule_minimum || code == Code::schedule_maximum;
  return is_scheduled ? Trigger::schedule : Trigger::policy;
}

/// What another agent has written, once it is known to be readable.
Result<std::string> understood(Result<std::string> published) {
  if (!published) return published;
  if (const auto checked = check_published(*published); !checked) return checked.error();
  return published;
}

}  // namespace

std::string_view name_of(Role role) noexcept {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::recommender:
      return "recommender";
    case Role::leader:
      break;
  }
  return "leader";
}

Steering::Steering(House& house)
    : house_{house},
      policy_{house.policies.policy()},
      readings_{house.driver_name == "local",
                {house.settings.cpu_request_cores, house.settings.memory_request_bytes}},
      platform_{house},
      account_{house},
      events_{house, state_, [this] { return renew(); }},
      standing_{house, [this] { return warnings(); }, [this] { return std::span{replicas()}; }} {
  readings_.watch(shown_metrics(policy_));
}

Instant Steering::due() const {
  if (role_ != Role::leader) return next_evaluation_;
  return std::min({next_evaluation_, events_.due().value_or(next_evaluation_),
                   next_renewal_.value_or(next_evaluation_)});
}

asio::awaitable<void> Steering::step() {
  if (house_.policies.refresh()) take_policies();
  co_await find_role();
  const auto now = house_.clock.now();
  const bool evaluates = now >= next_evaluation_;
  if (evaluates) {
    const auto interval = house_.evaluation_interval();
    next_evaluation_ = std::max(next_evaluation_ + interval, now + interval / 2);
  }
  if (role_ == Role::follower) {
    const bool may_follow_on = !house_.settings.supervised;
    if (evaluates && may_follow_on) co_await take_up_totals();
    if (evaluates && house_.driver && house_.driver->keeps_busy_replica()) {
      co_await read_switches_of_people();
      take_circumstances();
    }
    co_return;
  }
  if (const auto often = house_.fleet->renew_within(); often && role_ == Role::leader) {
    next_renewal_ = now + *often;
    if (!evaluates && !events_.wants_observation(now)) co_return;  // the lease was all
  }
  co_await observe();
  co_await read_switches_of_people();
  judge_now();
  if (verdict_.may_act) {
    lease_.taken_over.insert(house_.service());
  } else if (circumstances_.leads) {  // and people's word could be read
    co_await release();
  }
  if (role_ == Role::leader && resumes_ && platform_.seen()) co_await resume_event();
  if (role_ == Role::leader && has_order()) events_.withdraw_order();
  if (role_ == Role::leader && events_.wants_observation(now)) {
    auto seen =
        platform_.seen() ? Result<drivers::Observation>{*platform_.seen()} : platform_.failure();
    const bool wrote = co_await events_.advance(std::move(seen));
    if (wrote && evaluates) co_await observe();
  }
  if (evaluates) co_await evaluate();
}

// --- the role ---

asio::awaitable<void> Steering::find_role() {
  if (house_.settings.supervised) co_return;
  const bool leads = co_await stands_and_leads();
  if (leads) {
    if (role_ != Role::leader) co_await begin_to_lead();
    house_.seat.hold_control();  // so that nobody recommends beside a leader of the same process
    co_return;
  }
  if (role_ == Role::leader) cease_to_lead();
  const auto leader = co_await house_.fleet->leader();
  if (leader) {
    house_.log.recovered("fleet");
  } else {
    house_.log.trouble("fleet",
                       "who leads cannot be seen, so nothing is done: " + leader.error().message);
  }
  note_leader(leader ? *leader : std::string{});
  if (leader_.empty() && house_.seat.hold_control()) {  // recommending does no harm
    if (role_ != Role::recommender) co_await take_up_totals();
    role_ = Role::recommender;
    co_return;
  }
  if (!leader_.empty()) house_.seat.drop_control();
  role_ = Role::follower;
  published_.clear();
}

/// Somebody who expects this one to act hears once why it does not.
void Steering::note_leader(const std::string& leader) {
  const bool is_new = std::exchange(leader_, leader) != leader;
  if (!is_new || leader.empty() || !house_.driver) return;
  house_.log.info("another agent, " + leader + ", leads " + house_.service() +
                  ": this one follows, and scales nothing until that one ends");
}

asio::awaitable<bool> Steering::stands_and_leads() {
  if (!house_.driver) co_return false;
  co_await standing_.look(role_ == Role::leader);
  if (!standing_.is_fine()) {
    if (role_ == Role::leader) co_await give_up();
    co_return false;
  }
  const auto leads = co_await house_.fleet->lead();
  if (!leads) {
    house_.log.trouble("lead", "cannot lead: " + leads.error().message);
    co_return false;
  }
  house_.log.recovered("lead");
  if (!*leads || role_ == Role::leader) co_return *leads;
  co_await standing_.look(/*leads=*/true);  // what a follower has seen may be minutes old
  if (!standing_.is_fine()) co_await house_.fleet->resign();
  co_return standing_.is_fine();
}

/// Takes up the state that travels with the lease.
asio::awaitable<void> Steering::begin_to_lead() {
  const auto loaded = co_await house_.fleet->load();
  if (!loaded) {
    house_.log.trouble("lead", "cannot read the lease: " + loaded.error().message);
    co_return;
  }
  lease_ = *loaded;
  take_over_state();
  co_await take_up_totals();
  const auto behind = house_.clock.catch_up(std::max(lease_.at, state_.at));
  if (behind > worth_saying) {
    house_.log.warn("the wall clock is " + std::to_string(behind.count() / 1000) +
                    " s behind the leader before; engine time goes on from there");
  }
  role_ = Role::leader;
  leader_ = house_.holder();
  resumes_ = true;
  house_.log.debug("leads " + house_.service() + " with token " + std::to_string(lease_.token));
}

/// Counters of the service go on, whoever counts.
asio::awaitable<void> Steering::take_up_totals() {
  const auto left = co_await published(house_.service());
  if (!left) co_return;
  const auto said = nlohmann::json::parse(*left, nullptr, /*allow_exceptions=*/false);
  if (said.is_object()) house_.totals.take_up(said.value("totals", nlohmann::json::object()));
}

void Steering::take_over_state() {
  const auto left = lease_.states.find(house_.service());
  if (left == lease_.states.end()) return;
  try {
    state_ = state_from_json(policy_, left->second);
  } catch (const Error& error) {
    house_.log.warn(
        std::string{"the state of the leader before cannot be read, and begins anew: "} +
        error.what());
  }
}

void Steering::cease_to_lead() {
  events_.forget();
  house_.log.recovered("reach");
  house_.log.recovered("hold");
  account_.forget();
  house_.log.info("leads " + house_.service() + " no more");
}

void Steering::write_no_more() noexcept {
  ends_ = true;
  events_.allow(false, lease_.token);
}

asio::awaitable<void> Steering::resign() {
  if (role_ == Role::leader && !events_.has_open_write()) {
    // Agents of the service itself end with each deployment and each scale-down: the next one goes
    // on with what was taken over. After one apart nobody may come.
    if (!others_report_elsewhere()) {
      co_await release();
    } else if (may_give_back()) {
      co_await standing_.leave();
    }
    co_await house_.fleet->resign();
  }
  house_.seat.drop_control();
}

asio::awaitable<void> Steering::give_up() {
  co_await release();
  if (!events_.has_open_write()) co_await house_.fleet->resign();
}

/// Whoever acts no more leaves the platform as a person had set it; but for one that was deposed
/// without knowing it yet: what was taken over is the next leader's.
asio::awaitable<void> Steering::release() {
  if (!may_give_back()) co_return;
  const auto leads = co_await renew();
  if (!leads && leads.error().code == Errc::conflict) co_return;
  if (!co_await standing_.give_back()) co_return;
  lease_.taken_over.erase(house_.service());
  co_await renew();
}

/// Only what agents of this lease took over: there may be others beside them, which act.
bool Steering::may_give_back() {
  if (!lease_.taken_over.contains(house_.service())) return false;
  take_circumstances();
  const auto switches = read_switches(circumstances_);
  const auto* const forbids = forbids_all_writes(switches);
  if (forbids == nullptr) return true;
  house_.log.trouble("release", "what `takeOver` may have suspended is not given back: " +
                                    std::string{way_to_act(forbids->no)});
  return false;
}

/// What was thought by the old policy stays where the new one has the same rule.
void Steering::take_policies() {
  for (const auto& problem : house_.policies.problems()) {
    house_.log.warn(house_.policies.origin() + ": " +
                    (problem.pointer.empty() ? "" : problem.pointer + ": ") + problem.message +
                    " (the policies of before stay in force)");
  }
  const auto& now = house_.policies.policy();
  if (now.hash() == policy_.hash()) return;
  state_ = state_from_json(now, to_json(policy_, state_));
  policy_ = now;
  account_.forget();
  decision_ = {};
  readings_.watch(shown_metrics(policy_));
  house_.log.info("takes the policies of " + house_.policies.origin());
}

// --- one evaluation ---

void Steering::sample() {
  if (role_ == Role::follower) return;
  const auto now = house_.clock.now();
  if (sampled_at_ && now - *sampled_at_ < shortest_sample) return;
  sampled_at_ = now;
  const auto own =
      house_.settings.is_replica ? std::optional{house_.seat.own_metrics()} : std::nullopt;
  readings_.feed(
      sampler_.sample(now, house_.seat.segment(), own, house_.settings.instance, replicas()));
}

const std::vector<drivers::Replica>& Steering::replicas() const {
  static const std::vector<drivers::Replica> none;
  return platform_.seen() ? platform_.seen()->replicas : none;
}

std::vector<Finding> Steering::warnings() const {
  std::vector<Finding> all;
  if (sampled_at_) {  // else nothing can be known yet
    const auto longest = readings_.longest_work();
    auto of_fewer = house_.driver->against_fewer(longest);
    if (!of_fewer) of_fewer = house_.driver->cut_off_by_fewer(longest);
    if (of_fewer) all.push_back(std::move(*of_fewer));
  }
  if (platform_.seen() && others_report_elsewhere()) {
    if (auto unlisted = unlisted_instance(house_.settings.instance, platform_.seen()->replicas,
                                          house_.driver_name)) {
      all.push_back(std::move(*unlisted));
    }
  }
  return all;
}

/// An agent of one of the replicas, that meets those of others: what these record is not read here.
bool Steering::others_report_elsewhere() const {
  return house_.fleet_spans_hosts && house_.settings.is_replica;
}

/// Where something keeps all from leading, each replica recommends, and looks at the same platform.
Duration Steering::rest() const {
  const bool is_shared = house_.driver && house_.driver->capabilities().scope ==
                                              drivers::Capabilities::Scope::platform;
  return is_shared && !standing_.is_fine() ? rest_of_who_may_not_lead : Duration{0};
}

asio::awaitable<void> Steering::observe() {
  const bool served = platform_.serves();
  const bool has_looked = co_await platform_.observe(rest());
  const auto& seen = platform_.seen();
  if (!has_looked || !seen) co_return;
  if (seen->hold.empty()) house_.log.recovered("hold");
  if (seen->ready) events_.startups.note_ready(*seen->ready, house_.clock.now());
  if (platform_.serves() && !served)
    standing_.hurry();  // what acting costs can be seen from now on
}

asio::awaitable<void> Steering::evaluate() {
  sample();
  events_.longest_work = readings_.longest_work();
  if (house_.policies.fit(readings_.metrics())) take_policies();
  if (role_ == Role::leader && platform_.seen()) events_.compare(*platform_.seen());
  state_before_ = state_;
  co_await think();
  events_.may_go = victims(snapshot_, house_.settings.instance);
  account_.give(evaluated(), switches_);
  house_.journal->keep_evaluation(evaluation_row(policy_, snapshot_, decision_));
  if (role_ == Role::leader) {
    co_await act();
    const auto leads = co_await renew();
    if (leads && verdict_.may_act && !ends_) co_await go_on();
  }
  co_await publish();
  if (next_tidy_ <= decision_.at) {
    next_tidy_ = decision_.at + tidy_interval;
    house_.journal->tidy(decision_.at);
  }
}

asio::awaitable<void> Steering::think() {
  if (!std::exchange(has_learned_, true)) {
    const auto past = house_.journal->events(house_.service(), events_learned_from);
    if (past) events_.startups.learn(*past);
  }
  Surroundings now;
  now.shared = co_await shared();
  now.at = house_.clock.now();
  now.wall_time_seconds = wall_seconds();
  now.observation = platform_.seen();
  // A driver that never worked here has no counts to wait for: what reports is counted, where all
  // may report here.
  const bool waits = standing_.is_fine() || maker_.knows_platform() || others_report_elsewhere();
  if (waits) now.failure = platform_.failure().message;
  now.estimates = events_.startups.estimates();
  now.estimates.throughput_per_replica = readings_.throughput();
  now.own_instance = house_.settings.instance;
  now.is_replica = house_.settings.is_replica;
  now.others_report_elsewhere = others_report_elsewhere();
  snapshot_ = maker_.make(policy_, readings_, now);
  say_whether_counted();
  refused_readings_ += count_refused(snapshot_);
  decide(policy_, snapshot_, state_, decision_);
  house_.totals.count(decision_);
}

/// Where there is a driver, or should be one, what is wrong with that is said instead.
void Steering::say_whether_counted() {
  if (maker_.has_counted()) return house_.log.recovered("count");
  if (house_.driver || house_.unmade) return;
  house_.log.trouble("count", snapshot_.platform.error +
                                  "; nothing is recommended. Name the platform in the policy, or "
                                  "start the agent in the app itself");
}

asio::awaitable<Shared> Steering::shared() {
  Shared shared;
  shared.available_memory_mb = sampler_.available_memory_mb();
  for (const Policy& other : house_.policies.all()) {
    if (other.service() == house_.service()) continue;
    const auto published = co_await house_.fleet->published(other.service());
    if (published) add_other_service(policy_, other, *published, shared);
  }
  co_return shared;
}

asio::awaitable<void> Steering::read_switches_of_people() {
  auto global = co_await house_.fleet->switches({});
  auto service = co_await house_.fleet->switches(house_.service());
  hears_people_ = global && service;
  circumstances_.leads = role_ == Role::leader && hears_people_;
  if (!global || !service) {
    const auto& why = global ? service.error().message : global.error().message;
    house_.log.trouble("switches", "the switches cannot be read, so nothing is done: " + why);
    co_return;
  }
  house_.log.recovered("switches");
  circumstances_.global = std::move(*global);
  circumstances_.service = std::move(*service);
}

void Steering::take_circumstances() {
  circumstances_.killed = house_.settings.killed;
  circumstances_.word = house_.settings.word;
  circumstances_.enabled_by_environment = house_.settings.enabled;
  circumstances_.enabled_by_policy = policy_.compiled().enabled;
  circumstances_.dry_run_by_environment = house_.settings.dry_run;
  circumstances_.wall_time_seconds = wall_seconds();
  circumstances_.has_driver = house_.driver != nullptr;
  circumstances_.preflight = drivers::sentences(standing_.found().wrong);
  if (auto why = standing_.rivals(); why && standing_.is_fine()) {  // seen since the last look
    circumstances_.preflight = drivers::sentences({std::move(*why)});
  }
  people_allow_ = hears_people_ && agent::people_allow(judge(read_switches(circumstances_)));
}

void Steering::judge_now() {
  take_circumstances();
  switches_ = read_switches(circumstances_);
  verdict_ = judge(switches_);
  events_.allow(verdict_.may_act && !ends_, lease_.token);
}

Evaluated Steering::evaluated() const noexcept {
  return {policy_, snapshot_, state_before_, decision_, verdict_};
}

asio::awaitable<void> Steering::act() {
  if (has_order()) {
    co_await carry_out_order();
    co_return;
  }
  if (!verdict_.may_act || decision_.action != selfscale::Action::scale || !platform_.seen()) {
    house_.log.recovered("reach");
    co_return;
  }
  const auto to = platform_.within_reach(decision_.to_replicas);
  if (to == decision_.to_replicas) {
    house_.log.recovered("reach");
  } else {
    const auto why = platform_.out_of_reach(decision_.to_replicas);
    house_.log.trouble("reach", house_.service() + ": " + why);
  }
  const bool is_a_step = decision_.to_replicas > decision_.from_replicas
                             ? to > decision_.from_replicas
                             : to < decision_.from_replicas;
  if (!is_a_step || !events_.may_begin(to, house_.clock.now()) || is_held()) co_return;
  account_.ensure_record(evaluated());
  co_await events_.begin(wish_of_decision());
}

/// Does the platform take no count now? Said where one is wanted, once for as long as that lasts.
bool Steering::is_held() {
  const auto& seen = platform_.seen();
  if (!seen || seen->hold.empty()) return false;
  house_.log.trouble("hold", house_.service() + ": no count is set now: " + seen->hold);
  return true;
}

asio::awaitable<void> Steering::go_on() {
  const auto done = co_await house_.driver->go_on();
  if (done) {
    house_.log.recovered("going on");
  } else {
    house_.log.trouble(
        "going on", "what was scaled is not finished, and is tried again: " + done.error().message);
  }
}

/// What the leader before left unfinished, as the lease's record has it.
asio::awaitable<void> Steering::resume_event() {
  resumes_ = false;
  const auto left = lease_.events.find(house_.service());
  if (left == lease_.events.end()) co_return;
  ScalingEvent event;
  try {
    event = event_from_json(left->second);
  } catch (const Error& error) {
    house_.log.warn(std::string{"what the leader before left unfinished cannot be read: "} +
                    error.what());
    co_return;
  }
  const auto& seen = *platform_.seen();
  if (event.trigger == Trigger::manual && is_broken_off(event, seen.desired)) {
    lease_.carried_out.erase(house_.service());  // a person's order nobody gives again
  }
  co_await events_.resume(std::move(event), seen);
}

Wish Steering::wish_of_decision() const {
  Wish wish;
  wish.from = decision_.from_replicas;
  wish.to = platform_.within_reach(decision_.to_replicas);
  wish.trigger = trigger_of(decision_);
  wish.reason = reason(policy_, decision_);
  const auto beyond = platform_.out_of_reach(decision_.to_replicas);
  if (!beyond.empty()) wish.reason += "; " + beyond;
  wish.decision = account_.decision_id();
  wish.metrics = values_seen(policy_, decision_);
  wish.version = platform_.seen()->version;
  wish.victims = victims(snapshot_, house_.settings.instance);
  return wish;
}

std::vector<ShownReading> Steering::readings() const {
  if (role_ == Role::follower) return {};
  return shown_readings(policy_, readings_, house_.clock.now());
}

int Steering::within_bounds(int replicas) const {
  const auto& policy = house_.policies.policy().compiled();
  const Bounds bounds = bounds_at(policy, wall_seconds(), snapshot_.estimates);
  return platform_.within_reach(std::clamp(replicas, bounds.min_replicas, bounds.max_replicas));
}

/// Has a person given an order that nothing was done about yet?
bool Steering::has_order() {
  return circumstances_.service.manual_serial > lease_.carried_out[house_.service()];
}

/// Once, whatever comes of it; while the platform takes no count it is kept.
asio::awaitable<void> Steering::carry_out_order() {
  if (!platform_.seen()) co_return;
  const auto& said = circumstances_.service;
  Wish wish;
  wish.from = platform_.seen()->desired;
  wish.to = within_bounds(said.manual_replicas.value_or(wish.from));
  wish.trigger = Trigger::manual;
  wish.reason = "ordered by hand";
  wish.version = platform_.seen()->version;
  wish.victims = victims(snapshot_, house_.settings.instance);
  if (verdict_.may_act && events_.under_way() && !events_.may_begin(wish.to, house_.clock.now())) {
    co_return;  // a change is under way; the order is next
  }
  if (verdict_.may_act && is_held()) co_return;
  lease_.carried_out[house_.service()] = said.manual_serial;  // in one record with its event
  if (verdict_.may_act) {
    co_await events_.begin(std::move(wish));
  } else {
    events_.refuse(std::move(wish), "the agent may not act: " + std::string{verdict_.because});
  }
}

asio::awaitable<Result<void>> Steering::renew() {
  lease_.at = house_.clock.now();
  lease_.states[house_.service()] = to_json(policy_, state_);
  if (!resumes_) lease_.events.erase(house_.service());
  if (const auto* event = events_.under_way()) {
    lease_.events[house_.service()] = to_json(*event);
  }
  auto renewed = co_await house_.fleet->renew(lease_);
  if (renewed) {
    house_.log.recovered("renew");
  } else {
    house_.log.trouble("renew", "the lease cannot be renewed: " + renewed.error().message);
  }
  co_return renewed;
}

asio::awaitable<void> Steering::publish() {
  Published what{.policy = policy_,
                 .snapshot = snapshot_,
                 .is_counted = maker_.has_counted(),
                 .decision = decision_,
                 .verdict = verdict_,
                 .enabled_by = named("policy_enabled", switches_).by,
                 .paused = named("paused", switches_).says_no,
                 .dry_run = named("dry_run", switches_).says_no,
                 .decision_id = account_.decision_id(),
                 .event = events_.under_way(),
                 .circuit = events_.circuit(),
                 .wait = platform_.wait(),
                 .events_last_hour = events_last_hour(state_, decision_.at),
                 .note = {},
                 .failure = {},
                 .hold = {},
                 .totals = house_.totals};
  if (platform_.seen()) {
    what.note = platform_.seen()->note;
    what.failure = platform_.seen()->failure;
    what.hold = platform_.seen()->hold;
  }
  published_ = published_json(what);
  if (role_ == Role::leader) {
    const auto done = co_await house_.fleet->publish(house_.service(), published_);
    if (!done) house_.log.trouble("publish", "cannot publish: " + done.error().message);
    if (done) house_.log.recovered("publish");
  } else if (house_.seat.segment() != nullptr) {
    house_.seat.segment()->publish(published_);
  }
}

asio::awaitable<Result<std::string>> Steering::published(std::string service) {
  const bool own = service == house_.service();
  if (own && !published_.empty()) co_return published_;
  auto by_leader = understood(co_await house_.fleet->published(service));
  if (!own || house_.seat.segment() == nullptr) co_return by_leader;
  auto by_recommender = house_.seat.segment()->published();
  if (!by_recommender || !check_published(*by_recommender)) co_return by_leader;
  if (!by_leader) co_return std::move(*by_recommender);
  const auto now = boot_milliseconds();
  const bool newer = age_of(*by_recommender, now) < age_of(*by_leader, now);
  co_return newer ? Result<std::string>{std::move(*by_recommender)} : std::move(by_leader);
}

}  // namespace selfscale::agent
