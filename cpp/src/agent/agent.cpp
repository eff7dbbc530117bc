#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <selfscale/agent.hpp>
#include <utility>

#include "agent/exposed.hpp"
#include "agent/fork.hpp"
#include "agent/runner.hpp"
#include "agent/status.hpp"
#include "agent/totals.hpp"
#include "exposition/format.hpp"
#include "metrics/registry.hpp"

namespace selfscale {
namespace {

using agent::Runner;

constexpr std::chrono::milliseconds patience_before_fork{500};
constexpr auto the_app = "the app";  // who tells it, as the log has it

std::string_view name_of(metrics::Kind kind) noexcept {
  switch (kind) {
    case metrics::Kind::counter:
      return "counter";
    case metrics::Kind::gauge:
      return "gauge";
    case metrics::Kind::distribution:
      break;
  }
  return "distribution";
}

/// Not timed_mutex, whose waits the thread sanitizer of GCC 12 does not see.
bool lock_within(std::chrono::milliseconds patience, std::mutex& mutex) {
  constexpr std::chrono::milliseconds moment{1};
  for (auto waited = moment; !mutex.try_lock(); waited += moment) {
    if (waited > patience) return false;
    std::this_thread::sleep_for(moment);
  }
  return true;
}

}  // namespace

/// What there is whether the agent runs or not, and the runner while it does.
struct Agent::Impl final : agent::ForkWitness {
  explicit Impl(AgentOptions given) : options{std::move(given)} { agent::watch_forks(*this); }
  ~Impl() override {
    agent::forget_forks(*this);
    stop();
    close_drain();
  }
  Impl(const Impl&) = delete;

  void configure(AgentOptions given);
  void start();
  void stop() noexcept;
  /// Null: it does not run here.
  [[nodiscard]] std::shared_ptr<Runner> runner() const;

  /// Has the control thread do something; throws Error(stopped) when there is none.
  template <class T, class What>
  T ask(What what) const {
    const auto running = runner();
    if (!running) throw Error{Errc::stopped, "the agent does not run: start() it first"};
    return running->ask<T>([&running, &what] { return what(*running); });
  }
  [[nodiscard]] std::vector<ScalingEvent> history_of_stopped(const std::string& service,
                                                             int limit) const;
  /// What all processes have recorded.
  [[nodiscard]] exposition::Sources exposed();
  /// What has changed of what this process says of itself need not wait for the next report.
  void report_soon() const noexcept {
    if (const auto running = runner()) running->report_soon();
  }

  void before_fork() noexcept override;
  void after_fork_in_parent() noexcept override;
  void after_fork_in_child() noexcept override;

  metrics::Registry registry;
  agent::Seat seat{registry};
  agent::Subscribers subscribers;
  /// Of this process; an agent that is started again goes on from there.
  std::unique_ptr<agent::Totals> totals = std::make_unique<agent::Totals>();
  std::atomic<bool> is_running{false};
  std::atomic<bool> is_draining{false};
  std::atomic<int> drain_descriptor{-1};

 private:
  void begin_to_drain();
  void close_drain() noexcept;

  AgentOptions options;
  double given_at_ = agent::wall_seconds();  ///< when the options were
  std::unique_ptr<std::mutex> lifecycle_ = std::make_unique<std::mutex>();
  bool has_lifecycle_ = false;  ///< the forking thread does
  mutable std::mutex runner_mutex_;
  std::shared_ptr<Runner> runner_;
};

// --- lifecycle ---

void Agent::Impl::configure(AgentOptions given) {
  const std::lock_guard lock{*lifecycle_};
  if (runner()) {
    throw Error{Errc::invalid_argument, "the agent runs: stop() it before you change its options"};
  }
  options = std::move(given);
  given_at_ = agent::wall_seconds();
  *totals = {};  // it may be another service's agent from now on
}

void Agent::Impl::start() {
  const std::lock_guard lock{*lifecycle_};
  if (runner()) return;
  auto settings = agent::read_settings(options, agent::process_environment(), given_at_);
  close_drain();
  is_draining = false;
  if (settings.supervised) drain_descriptor = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  auto made = std::make_shared<Runner>(options, std::move(settings), seat, subscribers, *totals,
                                       [this] { begin_to_drain(); });
  made->start();
  const std::lock_guard guard{runner_mutex_};
  runner_ = std::move(made);
  is_running = true;
}

void Agent::Impl::stop() noexcept {
  const std::lock_guard lock{*lifecycle_};
  std::shared_ptr<Runner> stopped;
  {
    const std::lock_guard guard{runner_mutex_};
    stopped = std::move(runner_);
    is_running = false;
  }
  if (stopped) stopped->stop();
}

std::shared_ptr<Runner> Agent::Impl::runner() const {
  const std::lock_guard guard{runner_mutex_};
  return runner_;
}

void Agent::Impl::begin_to_drain() {
  is_draining = true;
  const std::uint64_t one = 1;
  const auto written = ::write(drain_descriptor, &one, sizeof one);
  static_cast<void>(written);  // is_draining says it all the same
}

void Agent::Impl::close_drain() noexcept {
  const int descriptor = drain_descriptor.exchange(-1);
  if (descriptor >= 0) ::close(descriptor);
}

std::vector<ScalingEvent> Agent::Impl::history_of_stopped(const std::string& service,
                                                          int limit) const {
  const auto settings = agent::read_settings(options, agent::process_environment(), given_at_);
  const auto journal = journal::open_sqlite(settings.state_directory);
  const auto name = service.empty() ? agent::Policies{settings}.service() : service;
  return journal->events(name, limit).value();
}

/// The seat is the control thread's while that runs; without it, whoever holds the lifecycle's.
exposition::Sources Agent::Impl::exposed() {
  if (!runner()) {
    const std::lock_guard lock{*lifecycle_};
    if (!runner()) return agent::recorded_by_all(seat);
  }
  return ask<exposition::Sources>([](Runner& running) { return running.exposed(); });
}

// --- around a fork ---

void Agent::Impl::before_fork() noexcept {
  has_lifecycle_ = lock_within(patience_before_fork, *lifecycle_);
  runner_mutex_.lock();
  if (runner_) runner_->park(patience_before_fork);
  registry.lock_for_fork();
  subscribers.lock_for_fork();
}

void Agent::Impl::after_fork_in_parent() noexcept {
  subscribers.unlock_after_fork();
  registry.unlock_after_fork();
  if (runner_) runner_->unpark();
  runner_mutex_.unlock();
  if (has_lifecycle_) lifecycle_->unlock();
}

/// What the parent's thread used is left alone for good; recording goes on at once, into memory of
/// this process's own.
void Agent::Impl::after_fork_in_child() noexcept {
  if (runner_) {
    runner_->abandon_in_child();
    static_cast<void>(new std::shared_ptr<Runner>{std::move(runner_)});
  }
  runner_.reset();
  is_running = false;
  is_draining = false;
  close_drain();
  seat.begin_anew_in_child();
  static_cast<void>(totals.release());  // a thread that is not here may have been counting
  totals = std::make_unique<agent::Totals>();
  static_cast<void>(lifecycle_.release());  // a thread that is not here may have held it
  lifecycle_ = std::make_unique<std::mutex>();
  subscribers.unlock_after_fork();
  registry.unlock_after_fork();
  runner_mutex_.unlock();
}

// --- the agent ---

Agent::Agent(AgentOptions options) : impl_{std::make_unique<Impl>(std::move(options))} {}
Agent::~Agent() = default;

void Agent::configure(AgentOptions options) { impl_->configure(std::move(options)); }
void Agent::start() { impl_->start(); }
void Agent::ensure_started() {
  if (!impl_->is_running.load(std::memory_order_relaxed)) impl_->start();
}
void Agent::stop() noexcept { impl_->stop(); }
bool Agent::is_running() const noexcept { return impl_->is_running; }

Counter Agent::counter(std::string_view name, std::string_view labels) {
  return impl_->registry.counter(name, labels);
}
Gauge Agent::gauge(std::string_view name, std::string_view labels) {
  return impl_->registry.gauge(name, labels);
}
Distribution Agent::distribution(std::string_view name, std::string_view labels) {
  return impl_->registry.distribution(name, labels);
}

std::string Agent::metrics_json() const {
  auto list = nlohmann::ordered_json::array();
  for (const auto& entry : metrics::read(impl_->registry.block())) {
    nlohmann::ordered_json one{
        {"name", entry.name}, {"labels", entry.labels}, {"kind", name_of(entry.kind)}};
    if (entry.kind == metrics::Kind::counter) one["count"] = entry.count;
    if (entry.kind == metrics::Kind::gauge) one["value"] = entry.value;
    if (entry.kind == metrics::Kind::distribution) {
      one["count"] = entry.buckets.count();
      one["sum"] = entry.buckets.sum;
    }
    list.push_back(std::move(one));
  }
  return list.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Exposition Agent::exposition(std::optional<std::string_view> accept) const {
  const auto format = exposition::negotiate(accept);
  const auto families = exposition::collect(impl_->exposed());
  return {std::string{exposition::content_type(format)}, exposition::render(families, format)};
}

std::optional<std::string> Agent::recommendation_json(std::string_view service) const {
  if (!impl_->runner()) return std::nullopt;
  try {
    return impl_->ask<std::optional<std::string>>(
        [name = std::string{service}](Runner& runner) { return runner.recommendation(name); });
  } catch (const Error& error) {
    if (error.code() == Errc::stopped) return std::nullopt;
    throw;
  }
}

std::string Agent::status_json() const {
  if (!impl_->runner()) return agent::stopped_status_json();
  return impl_->ask<std::string>([](Runner& runner) { return runner.status(); });
}

std::vector<ScalingEvent> Agent::history(std::string_view service, int limit) const {
  const std::string name{service};
  if (!impl_->runner()) return impl_->history_of_stopped(name, limit);
  return impl_->ask<std::vector<ScalingEvent>>(
      [&name, limit](Runner& runner) { return runner.history(name, limit); });
}

void Agent::enable(std::string_view service, std::string_view by) {
  impl_->ask<void>(
      [&](Runner& runner) { return runner.enable(std::string{service}, true, std::string{by}); });
}

void Agent::disable(std::string_view service, std::string_view by) {
  impl_->ask<void>(
      [&](Runner& runner) { return runner.enable(std::string{service}, false, std::string{by}); });
}

void Agent::pause(std::string_view service,
                  std::optional<std::chrono::system_clock::time_point> until) {
  std::optional<double> seconds;
  if (until) seconds = std::chrono::duration<double>{until->time_since_epoch()}.count();
  impl_->ask<void>(
      [&](Runner& runner) { return runner.pause(std::string{service}, seconds, the_app); });
}

void Agent::resume(std::string_view service) {
  impl_->ask<void>([&](Runner& runner) { return runner.resume(std::string{service}, the_app); });
}

ScaleOrder Agent::scale(std::string_view service, int replicas) {
  if (replicas < 0) {
    throw Error{Errc::invalid_argument,
                "scale: " + std::to_string(replicas) + " replicas; 0 or more"};
  }
  const auto order = impl_->ask<control::Order>(
      [&](Runner& runner) { return runner.scale(std::string{service}, replicas, the_app); });
  return {order.serial, order.replicas};
}

void Agent::subscribe(std::function<void(std::string_view json)> subscriber) {
  impl_->subscribers.add(std::move(subscriber));
}

void Agent::report_ready(bool is_ready) noexcept {
  const auto said = is_ready ? segment::Readiness::ready : segment::Readiness::follows;
  if (impl_->seat.readiness.exchange(said) != said) impl_->report_soon();
}
void Agent::report_drains() noexcept {
  if (!impl_->seat.drains.exchange(true)) impl_->report_soon();
}

bool Agent::is_draining() const noexcept { return impl_->is_draining; }
int Agent::drain_descriptor() const noexcept { return impl_->drain_descriptor; }

}  // namespace selfscale
