#include "agent/runner.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "agent/candidacy.hpp"
#include "agent/exposed.hpp"
#include "agent/records.hpp"
#include "agent/status.hpp"
#include "agent/thread.hpp"
#include "model/rfc3339.hpp"
#include "sampling/unmeasured.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;
using json = nlohmann::ordered_json;

constexpr auto with_error = asio::as_tuple(asio::use_awaitable);
constexpr Duration shortest_tick{10};
constexpr Duration longest_tick{1'000};
constexpr Duration word_interval{1'000};
constexpr std::chrono::milliseconds drain_tick{100};
constexpr std::chrono::milliseconds work_tick{1'000};
constexpr std::chrono::milliseconds patience_with_calls{300};
constexpr std::chrono::milliseconds patience_with_step{1'000};
constexpr int change_attempts = 5;

std::string socket_path(const House& house) {
  return house.settings.run_directory + "/" + house.service() + ".sock";
}

}  // namespace

/// One fork: the thread comes here and waits until the process has been copied.
struct Runner::Parking {
  std::mutex mutex;
  std::condition_variable changed;
  bool parked = false;
  bool released = false;
};

Runner::Runner(const AgentOptions& options, Settings settings, Seat& seat, Subscribers& subscribers,
               Totals& totals, std::function<void()> on_drain)
    : seat_{seat},
      on_drain_{std::move(on_drain)},
      house_{options, std::move(settings), seat, subscribers, totals},
      steering_{house_},
      own_work_{house_},
      next_step_{house_.io},
      step_ended_{house_.io},
      next_tick_{house_.io},
      started_boot_ms_{boot_milliseconds()} {}

Runner::~Runner() { stop(); }

// --- the thread ---

void Runner::start() {
  const auto& settings = house_.settings;
  seat_.take({.service = house_.service(),
              .release = settings.release,
              .run_directory = settings.run_directory},
             settings.instance, settings.is_replica);
  say_whether_seen();
  if (const auto missing = sampling::unmeasured(); !missing.empty()) {
    house_.log.trouble("sampling", missing);
  }
  if (house_.unmade) house_.log.trouble("driver", house_.unmade->what);
  if (house_.guess) {
    const auto found = drivers::finding_of(*house_.guess);
    house_.log.info(found.what + ": " + found.why + (found.paste.empty() ? "" : ". ") +
                    found.paste);
  }
  for (const auto& sentence : settings.without_effect) house_.log.warn(sentence);
  for (const auto& hint : house_.policies.hints()) {
    house_.log.debug(house_.policies.origin() + ": " + hint.pointer + ": " + hint.message);
  }
  seat_.heartbeat();
  spawn(keep_up());
  spawn(steer());
  if (settings.supervised) spawn(watch_drain());
  if (settings.is_replica && house_.driver && house_.driver->keeps_busy_replica()) {
    spawn(watch_own_work());
  }
  thread_ = start_thread("selfscale", [this] { run(); });
}

void Runner::run() {
  for (;;) {
    try {
      house_.io.run();
      return;
    } catch (const abi::__forced_unwind&) {
      throw;  // the thread is being ended from outside
    } catch (const std::exception& error) {
      caught("the control thread", error.what());
    } catch (...) {
      caught("the control thread", "something that is no std::exception");
    }
  }
}

/// A loop ends with the agent only: what it throws is counted where it is caught, inside.
void Runner::spawn(asio::awaitable<void> loop) {
  asio::co_spawn(house_.io, std::move(loop), [this](const std::exception_ptr& failed) {
    if (!failed) return;
    try {
      std::rethrow_exception(failed);
    } catch (const std::exception& error) {
      caught("a loop", error.what());
    }
  });
}

void Runner::caught(const char* where, const std::string& what) noexcept {
  ++house_.errors;
  try {
    house_.log.trouble("error", std::string{"caught in "} + where + ": " + what);
  } catch (const std::exception&) {  // there is nobody left to tell
  }
}

void Runner::stop() noexcept {
  if (!thread_.joinable()) return;
  asio::post(house_.io, [this] {
    stopping_ = true;
    next_step_.cancel();
    next_tick_.cancel();
    asio::co_spawn(house_.io, wind_up(), [this](const std::exception_ptr&) { house_.io.stop(); });
  });
  thread_.join();
  stopped_ = true;
  server_.reset();
  seat_.leave();
  house_.calls.stop(patience_with_calls);
  house_.log.flush();
}

asio::awaitable<void> Runner::wind_up() {
  if (server_) server_->stop();
  seat_.count_usage();
  steering_.write_no_more();
  if (is_stepping_) {  // what it has asked for is to be known before the lease is given back
    step_ended_.expires_after(patience_with_step);
    co_await step_ended_.async_wait(with_error);
  }
  co_await steering_.resign();
}

// --- its loops ---

asio::awaitable<void> Runner::steer() {
  bool is_overruling_known = false;
  while (!stopping_) {
    std::string failed;
    try {
      is_stepping_ = true;
      co_await steering_.step();
      if (!is_overruling_known && !steering_.switches().empty()) {  // a follower reads none
        is_overruling_known = true;
        say_what_is_overruled();
      }
      say_what_is_not_kept();
      tell_peers();
      hurry_tick();
      serve_people();
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (const std::exception& error) {
      failed = error.what();
    } catch (...) {
      failed = "something that is no std::exception";
    }
    is_stepping_ = false;
    step_ended_.cancel();
    if (failed.empty()) {
      house_.log.recovered("error");
    } else {
      caught("an evaluation", failed);
    }
    const auto wait = std::max(steering_.due() - house_.clock.now(), Duration{1});
    next_step_.expires_after(failed.empty() ? wait : longest_tick);
    co_await next_step_.async_wait(with_error);
  }
}

/// A word that somebody has said before is kept, and a setting of this start may stand against it.
void Runner::say_what_is_overruled() {
  const auto& settings = house_.settings;
  const auto& word = named("enabled", steering_.switches());
  const auto setting = std::ranges::find(settings.found, "AUTOSCALING_ENABLED", &Setting::name);
  if (word.says_no || settings.word || settings.enabled || setting->from == "default") return;
  house_.log.warn(setting->name + "=" + setting->value + " (" + setting->from +
                  ") has no effect: the global switch was turned on by " + who_set(word) +
                  ", which is kept. `selfscale disable` turns it off; SELFSCALE_KILL=1 holds "
                  "this agent back whoever said what");
}

/// Once: how much is lost since then is in the status.
void Runner::say_what_is_not_kept() {
  if (is_loss_known_) return;
  const auto loss = house_.journal->degraded();
  is_loss_known_ = !loss.empty();
  if (is_loss_known_) house_.log.warn(loss);
}

/// What every process does, whoever decides: it says that it lives, and shows what it costs.
asio::awaitable<void> Runner::keep_up() {
  while (!stopping_) {
    ticked_at_ = house_.clock.now();
    try {
      seat_.keep();
      say_whether_seen();
      seat_.heartbeat();
      seat_.show_cost();
      steering_.sample();
      if (const auto failed = house_.calls.failed(); failed > 0) {
        house_.log.trouble("calls",
                           "a function of the app's, called by the agent, ended with an exception");
      }
    } catch (const std::exception& error) {
      caught("a tick", error.what());
    }
    next_tick_.expires_after(tick_interval());
    co_await next_tick_.async_wait(with_error);
  }
}

/// What this process lacks, for whichever of them is asked. Workers of `selfscale run` never lead.
void Runner::tell_peers() {
  const auto now = house_.clock.now();
  if (house_.settings.supervised || seat_.segment() == nullptr || now < next_word_) return;
  next_word_ = now + word_interval;
  seat_.segment()->tell(to_json(candidacy_of(house_, steering_)));
}

/// The thread is awake: what is due soon is done now, instead of waking it again.
void Runner::hurry_tick() {
  if (house_.clock.now() - ticked_at_ > tick_interval() / 2) next_tick_.cancel();
}

/// Whether the other processes see what this one counts.
void Runner::say_whether_seen() {
  if (seat_.degraded().empty()) {
    house_.log.recovered("segment");
  } else {
    house_.log.trouble("segment", seat_.degraded());
  }
}

/// A loop of its own: a job that has begun is to be known before the next evaluation.
asio::awaitable<void> Runner::watch_own_work() {
  asio::steady_timer timer{house_.io};
  while (!stopping_) {
    try {
      co_await own_work_.tell(steering_.people_allow());
    } catch (const std::exception& error) {
      caught("telling of this replica's work", error.what());
    }
    timer.expires_after(work_tick);
    co_await timer.async_wait(with_error);
  }
}

asio::awaitable<void> Runner::watch_drain() {
  asio::steady_timer timer{house_.io};
  while (!stopping_ && !seat_.is_told_to_go()) {
    timer.expires_after(drain_tick);
    co_await timer.async_wait(with_error);
  }
  if (!stopping_) on_drain_();
}

/// Once a second, or with each evaluation where these come more often.
Duration Runner::tick_interval() const {
  return std::clamp(house_.evaluation_interval(), shortest_tick, longest_tick);
}

void Runner::wake() {
  steering_.hurry();
  next_step_.cancel();
}

void Runner::report_soon() {
  asio::post(house_.io, [this] { seat_.heartbeat(); });
}

/// Of a service's own processes the one that decides. An agent apart answers while it follows, too,
/// unless whoever leads is of the same run directory, and answers there.
bool Runner::answers_people() {
  if (steering_.role() != Role::follower) return true;
  if (house_.settings.is_replica || !house_.fleet_spans_hosts) return false;
  const bool leads_elsewhere = seat_.hold_control();
  if (leads_elsewhere) seat_.drop_control();
  return leads_elsewhere;
}

/// People find it by the service's name.
void Runner::serve_people() {
  if (!answers_people()) {
    server_.reset();
    house_.log.recovered("socket");
    return;
  }
  if (server_ || stopping_) return;
  auto listening = http::Server::listen(
      house_.io, socket_path(house_),
      [this](http::Request request) { return control::handle(std::move(request), *this); });
  if (listening) {
    server_ = std::move(*listening);
    house_.log.recovered("socket");
  } else {
    house_.log.trouble("socket", "nobody can ask this agent: " + listening.error().message);
  }
}

// --- around a fork ---

bool Runner::park(std::chrono::milliseconds patience) noexcept {
  is_parked_ = false;
  try {
    parking_ = std::make_shared<Parking>();
    asio::post(house_.io, [this, parking = parking_] {
      house_.journal->release();
      house_.log.flush();
      std::unique_lock lock{parking->mutex};
      parking->parked = true;
      parking->changed.notify_all();
      parking->changed.wait(lock, [&parking] { return parking->released; });
    });
    std::unique_lock lock{parking_->mutex};
    is_parked_ = parking_->changed.wait_for(lock, patience, [this] { return parking_->parked; });
    return is_parked_;
  } catch (const std::exception&) {
    return false;
  }
}

void Runner::unpark() noexcept {
  if (!parking_) return;
  const std::lock_guard lock{parking_->mutex};
  parking_->released = true;
  parking_->changed.notify_all();
}

void Runner::abandon_in_child() noexcept {
  if (server_) server_->abandon_in_child();
  if (is_parked_) steering_.abandon_in_child();
}

// --- what can be asked ---

asio::awaitable<Result<std::optional<std::string>>> Runner::recommendation(std::string service) {
  const auto published = co_await steering_.published(service.empty() ? house_.service() : service);
  std::optional<std::string> known;
  if (published) known = with_age(*published, boot_milliseconds());
  co_return known;
}

asio::awaitable<Result<std::string>> Runner::status() {
  const auto published = co_await recommendation({});
  const Upkeep upkeep{uptime_seconds(), thread_cpu_seconds()};
  co_return agent::status_json(house_, steering_, upkeep, *published);
}

asio::awaitable<Result<exposition::Sources>> Runner::exposed() {
  co_await steering_.take_up_totals();  // what was shown once is never more than is counted on
  const auto published = co_await steering_.published(house_.service());
  std::optional<std::string> known;
  if (published) known = *published;
  seat_.count_usage();
  auto sources = recorded_by_all(seat_);
  sources.others = families_of_agent(known);
  co_return sources;
}

asio::awaitable<Result<std::vector<ScalingEvent>>> Runner::history(std::string service, int limit) {
  co_return house_.journal->events(service.empty() ? house_.service() : service, limit);
}

double Runner::wall_time_seconds() { return wall_seconds(); }

double Runner::uptime_seconds() {
  return static_cast<double>(boot_milliseconds() - started_boot_ms_) / 1000.0;
}

Result<std::string> Runner::status_json() {
  std::optional<std::string> published;
  if (!steering_.own_published().empty()) {
    published = with_age(steering_.own_published(), boot_milliseconds());
  }
  const Upkeep upkeep{uptime_seconds(), thread_cpu_seconds()};
  return agent::status_json(house_, steering_, upkeep, published);
}

Result<std::string> Runner::policies_json() {
  std::string list;
  for (const auto& policy : house_.policies.all()) {
    const bool own = policy.service() == house_.service();
    list += (list.empty() ? "" : ",") + (own ? house_.policies.policy() : policy).to_json();
  }
  return "[" + list + "]";
}

Result<std::string> Runner::recommendations_json() {
  const auto& published = steering_.own_published();
  if (published.empty()) return std::string{"[]"};
  return "[" + with_age(published, boot_milliseconds()) + "]";
}

Result<std::string> Runner::history_json(const std::string& service, int limit) {
  if (auto known = check_service(service); !known) return known.error();
  const auto events = house_.journal->events(service, limit);
  if (!events) return events.error();
  std::string list;
  for (const auto& event : *events) list += (list.empty() ? "" : ",") + to_json(event);
  return "[" + list + "]";
}

Result<std::string> Runner::decision_json(const std::string& id) {
  return journal::record_with_policy(*house_.journal, id);
}

Result<void> Runner::check_service(const std::string& service) const {
  if (service == house_.service()) return {};
  return Failure{Errc::not_found,
                 "this agent is that of " + house_.service() + "; it knows no service " + service,
                 {}};
}

asio::awaitable<Result<fleet::Switches>> Runner::change(std::string service, Change how) {
  if (!service.empty()) {
    const auto known = check_service(service);
    if (!known) co_return known.error();
  }
  for (int attempt = 1;; ++attempt) {
    auto stands = co_await house_.fleet->switches(service);
    if (!stands) co_return stands.error();
    how(*stands);
    auto changed = co_await house_.fleet->change(service, *stands);
    const bool again = !changed && changed.error().code == Errc::conflict;
    if (again && attempt < change_attempts) continue;
    if (changed) wake();
    co_return changed;
  }
}

asio::awaitable<Result<void>> Runner::enable(std::string service, bool enabled, std::string by) {
  if (const auto why = steering_.rivals(); enabled && why) {
    co_return Failure{Errc::unsupported, "not enabled: " + why->what, {}};
  }
  const double word_at = house_.settings.word ? house_.settings.word->wall_seconds : 0.0;
  const Change how = [enabled, by, word_at](fleet::Switches& stands) {
    stands.enabled = enabled;
    stands.enabled_by = by;
    // Said last, whatever the clock says: it may have been put back meanwhile.
    stands.enabled_at_wall_seconds =
        std::max({wall_seconds(), word_at, stands.enabled_at_wall_seconds});
  };
  const auto changed = co_await change(service, how);
  if (!changed) co_return changed.error();
  house_.log.info((service.empty() ? "the global switch" : "the switch of " + service) + " is " +
                  (enabled ? "on" : "off") + ", by " + by);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Runner::pause(std::string service,
                                            std::optional<double> until_wall_seconds,
                                            std::string by) {
  const Change how = [until_wall_seconds](auto& stands) {
    stands.paused = true;
    stands.paused_until_wall_seconds = until_wall_seconds;
  };
  const auto changed = co_await change(service, how);
  if (!changed) co_return changed.error();
  const auto end = until_wall_seconds ? to_rfc3339(*until_wall_seconds) : "it is resumed";
  house_.log.info(service + " is paused until " + end + ", by " + by);
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Runner::resume(std::string service, std::string by) {
  const Change how = [](fleet::Switches& stands) {
    stands.paused = false;
    stands.paused_until_wall_seconds.reset();
  };
  const auto changed = co_await change(service, how);
  if (!changed) co_return changed.error();
  house_.log.info(service + " is resumed, by " + by);
  co_return Result<void>{};
}

asio::awaitable<Result<control::Order>> Runner::scale(std::string service, int replicas,
                                                      std::string by) {
  const Change how = [replicas](fleet::Switches& stands) {
    stands.manual_replicas = replicas;
    ++stands.manual_serial;
  };
  const auto changed = co_await change(service, how);
  if (!changed) co_return changed.error();
  const int aimed_for = steering_.within_bounds(replicas);
  house_.log.info(service + ": " + std::to_string(aimed_for) + " replicas are ordered, by " + by);
  co_return control::Order{changed->manual_serial, aimed_for};
}

}  // namespace selfscale::agent
