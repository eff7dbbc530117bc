#include "drivers/local/supervisor.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "drivers/local/agent_child.hpp"
#include "drivers/local/crew.hpp"
#include "drivers/local/host_cpu.hpp"
#include "drivers/local/keeper.hpp"
#include "drivers/local/line_stream.hpp"
#include "drivers/local/listener.hpp"
#include "drivers/local/protocol.hpp"
#include "drivers/local/readiness_checks.hpp"
#include "segment/segment.hpp"

namespace selfscale::drivers::local {
namespace {

constexpr milliseconds busy_interval{50};      // while a worker comes or goes
constexpr milliseconds quiet_interval{1'000};  // host's CPU, and a segment that was replaced
constexpr milliseconds alive_for{1'000};       // readiness of a worker that nothing else tells of
/// Whoever signals a process and its group (timeout, some shells) means one signal.
constexpr milliseconds echo_time{300};

void say(const std::string& text) { std::fprintf(stderr, "selfscale: %s\n", text.c_str()); }

std::string text_of_file(const std::string& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

struct Supervisor::State {
  State(Options given, std::optional<Listener> bound)
      : options{std::move(given)},
        listener{std::move(bound)},
        keeper{options.grace},
        crew{options.most, options.grace, options.backoff_first, options.backoff_most},
        checks{options.readiness_command, keeper},
        agent{options, keeper} {}

  int run();
  void begin();
  void finish();

  // One round of the loop.
  void step(Time now);
  void wait(Time now);
  void look_at_segment(Time now);
  void judge_readiness(Time now);
  void judge(const Worker& worker, Time now);
  void perform(const Step& step, Time now);
  void start_worker(int slot, Time now);
  void notice_ended_groups(Time now);
  void look_at_host(Time now);

  // What comes in.
  void take_signals(Time now);
  void stop(int signal, Time now);
  void reap(Time now);
  void child_ended(pid_t pid, int status, Time now);
  void answer(LineStream& stream, Time now);
  Answer answer_to(const Request& request, Time now);
  Result<void> scale(const Scale& wanted, Time now);
  [[nodiscard]] Report report(Time now) const;
  [[nodiscard]] std::string note() const;
  [[nodiscard]] std::vector<std::string> warnings() const;

  [[nodiscard]] bool is_done() const { return stopping && crew.is_empty() && !agent.exists(); }
  [[nodiscard]] bool is_busy() const;
  [[nodiscard]] std::string instance_of(int slot, int serial) const;
  [[nodiscard]] std::vector<std::string> variables_of(const std::string& instance) const;
  [[nodiscard]] Places places_of(int slot) const;

  Options options;
  std::optional<Listener> listener;
  std::unique_ptr<segment::Segment> segment;
  Keeper keeper;
  Crew crew;
  ReadinessChecks checks;
  AgentChild agent;
  HostCpu cpu;
  std::vector<LineStream> streams;
  Descriptor signals;

  bool workers_report = false;  ///< any worker has, since the beginning
  int starts = 0;
  int version = 0;
  std::int64_t highest_token = 0;
  bool stopping = false;
  int exit_code = 0;
  Time stopped_at{};
  Time kill_agent_at{};
  Time next_look_at_host{};
  Time next_open{};
};

Supervisor::Supervisor(std::unique_ptr<State> state) : state_{std::move(state)} {}
Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::make(Options options) {
  for (const auto* command : {&options.command, &options.agent, &options.readiness_command}) {
    if (command->empty()) continue;
    if (auto found = find_program(command->front()); !found) return found.error();
  }
  std::optional<Listener> listener;
  if (options.bind) {
    auto bound = Listener::bind(*options.bind);
    if (!bound) return bound.error();
    listener = std::move(bound.value());
  }
  auto state = std::make_unique<State>(std::move(options), std::move(listener));
  return std::unique_ptr<Supervisor>{new Supervisor{std::move(state)}};
}

void Supervisor::serve(Descriptor stream) { state_->streams.emplace_back(std::move(stream)); }

int Supervisor::run() { return state_->run(); }

int Supervisor::State::run() {
  begin();
  while (!is_done()) {
    const auto now = std::chrono::steady_clock::now();
    step(now);
    if (!is_done()) wait(now);
  }
  finish();
  return exit_code;
}

void Supervisor::State::begin() {
  // Orphans of workers come to us, so that they can be reaped and, in the end, ended.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&taken, number);
  ::sigprocmask(SIG_BLOCK, &taken, nullptr);
  signals = Descriptor{::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK)};
  if (auto started = keeper.start(); !started) say(started.error().message);
  const auto now = std::chrono::steady_clock::now();
  look_at_segment(now);
  crew.want(options.count, {}, now).value();
  say(options.service + ": " + std::to_string(options.count) + " of at most " +
      std::to_string(options.most) + " workers" +
      (listener ? ", listening on " + listener->name() : ""));
}

void Supervisor::State::step(Time now) {
  reap(now);
  notice_ended_groups(now);
  if (is_busy()) look_at_segment(now);
  judge_readiness(now);
  for (const auto& each : crew.next(now)) perform(each, now);
  auto stream = agent.start_if_due(now);
  if (!stream) say("the agent: " + stream.error().message);
  if (stream && stream.value()) streams.push_back(std::move(*stream.value()));
  if (stopping && now >= kill_agent_at) agent.stop(SIGKILL);
  look_at_host(now);
}

void Supervisor::State::wait(Time now) {
  auto until = now + (is_busy() || stopping ? busy_interval : quiet_interval);
  if (const auto due = crew.due()) until = std::min(until, std::max(*due, now));
  if (const auto due = agent.due()) until = std::min(until, std::max(*due, now));
  std::vector<pollfd> watched{{signals.get(), POLLIN, 0}};
  for (const auto& stream : streams) {
    const int events = POLLIN | (stream.wants_to_write() ? POLLOUT : 0);
    watched.push_back({stream.descriptor(), static_cast<short>(events), 0});
  }
  // Rounded up: a wait that ends just before something is due would only come back.
  const auto timeout = std::chrono::ceil<milliseconds>(until - now).count();
  ::poll(watched.data(), watched.size(), static_cast<int>(timeout));
  now = std::chrono::steady_clock::now();
  take_signals(now);
  for (std::size_t i = 0; i < streams.size(); ++i) {
    if ((watched[i + 1].revents & POLLOUT) != 0) streams[i].flush();
    if ((watched[i + 1].revents & ~POLLOUT) != 0) answer(streams[i], now);
  }
  std::erase_if(streams, [](const LineStream& stream) { return !stream.is_open(); });
}

void Supervisor::State::look_at_segment(Time now) {
  if ((segment == nullptr || segment->is_stale()) && now >= next_open) {
    next_open = now + quiet_interval;
    auto opened = segment::Segment::open({.service = options.service,
                                          .release = options.release,
                                          .run_directory = options.run_directory});
    if (!opened && segment == nullptr) say("no reports of workers: " + opened.error().message);
    if (opened) segment = std::move(opened.value());
  }
  if (segment == nullptr) return;
  const auto slots = segment->slots();
  std::vector<int> ready;
  for (const auto& worker : crew.workers()) {
    for (const auto& slot : slots) {
      if (!slot.alive || slot.heartbeat_ms == 0 || slot.instance != worker.instance) continue;
      workers_report = true;
      crew.reported(worker.slot);
      if (slot.ready) ready.push_back(worker.slot);
    }
  }
  const bool counts =
      options.readiness == Readiness::report || options.readiness == Readiness::automatic;
  for (const int slot : ready) {
    if (counts) crew.became_ready(slot);
  }
}

void Supervisor::State::judge_readiness(Time now) {
  checks.end_overdue(now);
  for (const auto& worker : crew.workers()) {
    if (worker.state == local::State::starting) judge(worker, now);
  }
}

void Supervisor::State::judge(const Worker& worker, Time now) {
  const bool is_automatic = options.readiness == Readiness::automatic;
  if (options.readiness == Readiness::command) {
    checks.begin(worker, places_of(worker.slot), variables_of(worker.instance), now);
    return;
  }
  if (options.readiness == Readiness::report || (is_automatic && workers_report)) return;
  if (is_automatic && now - worker.started < alive_for) return;
  if (!listener || listener->probe()) crew.became_ready(worker.slot);
}

void Supervisor::State::perform(const Step& step, Time now) {
  using Do = Step::Do;
  switch (step.what) {
    case Do::start:
      start_worker(step.slot, now);
      break;
    case Do::mark_draining:
      if (segment) segment->mark_draining(step.instance);
      break;
    case Do::terminate_leader:
      ::kill(step.pid, SIGTERM);
      ::kill(step.pid, SIGCONT);  // a stopped process acts on no SIGTERM
      break;
    case Do::terminate_group:
      ::kill(-step.pid, SIGTERM);
      ::kill(-step.pid, SIGCONT);
      break;
    case Do::kill:
      ::kill(-step.pid, SIGKILL);
      break;
  }
}

void Supervisor::State::start_worker(int slot, Time now) {
  const auto instance = instance_of(slot, ++starts);
  Launch worker{
      fill_in(options.command, places_of(slot)), variables_of(instance), {}, keeper.descriptor()};
  if (listener) worker.inherited.push_back(listener->descriptor());
  const auto pid = launch(worker);
  if (!pid) {
    say("worker " + std::to_string(slot) + ": " + pid.error().message);
    crew.could_not_start(slot, pid.error().message, now);
    return;
  }
  keeper.remember(pid.value());
  crew.started(slot, pid.value(), instance, now);
}

void Supervisor::State::notice_ended_groups(Time now) {
  std::vector<std::pair<int, pid_t>> ended;
  for (const auto& worker : crew.workers()) {
    if (!worker.exists() || worker.leader_lives) continue;
    if (!group_lives(worker.pid)) ended.emplace_back(worker.slot, worker.pid);
  }
  for (const auto& [slot, group] : ended) {
    keeper.forget(group);
    crew.group_ended(slot, now);
  }
}

void Supervisor::State::look_at_host(Time now) {
  if (now < next_look_at_host) return;
  next_look_at_host = now + quiet_interval;
  cpu.feed(text_of_file(options.root + "/proc/stat"), now);
}

void Supervisor::State::take_signals(Time now) {
  signalfd_siginfo info{};
  while (::read(signals.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != SIGCHLD) stop(static_cast<int>(info.ssi_signo), now);
  }
}

void Supervisor::State::stop(int signal, Time now) {
  if (stopping) {
    if (now - stopped_at < echo_time) return;
    say("a second signal: everything ends at once");
    exit_code = 128 + signal;
    crew.kill_all(now);
    agent.stop(SIGKILL);
    return;
  }
  stopping = true;
  stopped_at = now;
  look_at_segment(now);
  crew.want(0, {}, now).value();
  checks.kill_all();
  agent.stop(SIGTERM);
  kill_agent_at = now + options.grace;
}

void Supervisor::State::reap(Time now) {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
       pid = ::waitpid(-1, &status, WNOHANG)) {
    child_ended(pid, status, now);
  }
}

void Supervisor::State::child_ended(pid_t pid, int status, Time now) {
  std::optional<pid_t> ready;
  if (pid == keeper.pid()) {
    say("the keeper ended with " + describe_exit(status) + "; it starts again");
    if (auto started = keeper.start(); !started) say(started.error().message);
  } else if (pid == agent.pid()) {
    const auto words = agent.ended(describe_exit(status), now);
    if (!words.empty()) say(words);
  } else if (checks.ended(pid, status, ready)) {
    for (const auto& worker : crew.workers()) {
      if (ready == worker.pid) return crew.became_ready(worker.slot);
    }
  } else {
    const auto words = crew.leader_ended(pid, describe_exit(status), now);
    if (!words.empty()) say(words);
  }
}

void Supervisor::State::answer(LineStream& stream, Time now) {
  for (const auto& line : stream.read()) {
    const auto request = parse_request(line);
    stream.write(
        write_line(request ? answer_to(request.value(), now) : Answer{0, request.error()}));
  }
}

Answer Supervisor::State::answer_to(const Request& request, Time now) {
  look_at_segment(now);
  if (const auto* wanted = std::get_if<Scale>(&request.what)) {
    const auto done = scale(*wanted, now);
    if (!done) return {request.id, done.error()};
    return {request.id, Accepted{}};
  }
  return {request.id, report(now)};
}

Result<void> Supervisor::State::scale(const Scale& wanted, Time now) {
  if (stopping) return Failure{Errc::stopped, "the service is being stopped", {}};
  if (wanted.token < highest_token) {
    return Failure{Errc::conflict,
                   "a leader with token " + std::to_string(highest_token) +
                       " has acted since; this one's is " + std::to_string(wanted.token),
                   {}};
  }
  if (wanted.desired == crew.desired()) return {};
  if (!wanted.version.empty() && wanted.version != std::to_string(version)) {
    return Failure{Errc::conflict,
                   "the count was changed meanwhile: version " + std::to_string(version) +
                       ", not " + wanted.version,
                   {}};
  }
  if (wanted.most) crew.allow(*wanted.most);
  if (auto done = crew.want(wanted.desired, wanted.victims, now); !done) return done;
  highest_token = wanted.token;
  ++version;
  return {};
}

Report Supervisor::State::report(Time now) const {
  Report report;
  report.desired = crew.desired();
  report.version = std::to_string(version);
  report.most = crew.most();
  report.failure = crew.failure(now);
  report.note = note();
  report.warnings = warnings();
  for (const auto& worker : crew.workers()) {
    const std::chrono::duration<double> age = now - worker.started;
    report.workers.push_back({worker.slot, worker.instance, static_cast<int>(worker.pid),
                              worker.state, worker.exists() ? age.count() : 0.0, worker.restarts,
                              worker.last_exit});
  }
  return report;
}

std::string Supervisor::State::note() const {
  return cpu.is_exhausted() ? "this host has no CPU left: more workers will not help" : "";
}

/// Known once a worker has become ready and none has reported.
std::vector<std::string> Supervisor::State::warnings() const {
  const auto& all = crew.workers();
  const bool any_ready = std::any_of(all.begin(), all.end(), [](const Worker& worker) {
    return worker.state == local::State::ready;
  });
  if (!any_ready || workers_report) return {};
  return {
      "the workers do not report through selfscale: a scale-down ends them by SIGTERM alone, and "
      "connections that they have not answered may be lost. Its middleware in the app lets them "
      "finish first"};
}

bool Supervisor::State::is_busy() const {
  const auto& all = crew.workers();
  return std::any_of(all.begin(), all.end(), [](const Worker& worker) {
    return worker.state != local::State::ready && worker.exists();
  });
}

std::string Supervisor::State::instance_of(int slot, int serial) const {
  constexpr std::size_t longest_service = 40;  // an instance's name in the segment has 63 bytes
  return options.service.substr(0, longest_service) + "-" + std::to_string(slot) + "-" +
         std::to_string(serial);
}

std::vector<std::string> Supervisor::State::variables_of(const std::string& instance) const {
  std::vector<std::string> set{"SELFSCALE_SERVICE=" + options.service,
                               "SELFSCALE_RUN_DIR=" + options.run_directory,
                               "SELFSCALE_SUPERVISED=1", "SELFSCALE_INSTANCE=" + instance};
  if (!options.release.empty()) set.push_back("SELFSCALE_RELEASE=" + options.release);
  return environment({"SELFSCALE_SUPERVISOR_FD"}, set);
}

Places Supervisor::State::places_of(int slot) const {
  return {listener ? listener->descriptor() : -1, listener ? listener->port() : 0, slot};
}

void Supervisor::State::finish() {
  // What left its group is a child of ours by now.
  const auto list = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  for (bool found = true; found;) {
    found = false;
    std::istringstream children{text_of_file(list)};
    for (pid_t pid = 0; children >> pid;) {
      if (pid == keeper.pid()) continue;
      found = true;
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  keeper.stop();
}

}  // namespace selfscale::drivers::local
