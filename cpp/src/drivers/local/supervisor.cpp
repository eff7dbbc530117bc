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
#include <random>
#include <sstream>
#include <string_view>
#include <utility>

#include "drivers/local/accepting.hpp"
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
constexpr milliseconds alive_for_where_others_report{10'000};
/// Whoever signals a process and its group (timeout, some shells) means one signal.
constexpr milliseconds echo_time{300};

void say(const std::string& text) { std::fprintf(stderr, "selfscale: %s\n", text.c_str()); }

/// Tells the workers of this run from those of another of the same service on this host.
std::string name_of_run() {
  constexpr std::string_view letters = "abcdefghjkmnpqrstuvwxyz23456789";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> draw{0, letters.size() - 1};
  std::string name;
  while (name.size() < 6) name += letters[draw(random)];
  return name;
}

/// Of all its processes together; empty: none reports.
std::optional<Word> word_of(const Worker& worker, const std::vector<segment::SlotView>& slots) {
  std::optional<Word> word;
  for (const auto& slot : slots) {
    if (!slot.alive || slot.heartbeat_ms == 0 || slot.instance != worker.instance) continue;
    if (!word) word.emplace();
    const auto readiness = slot.standing.readiness;
    word->is_ready = word->is_ready || readiness == segment::Readiness::ready;
    word->readiness_follows = word->readiness_follows || readiness == segment::Readiness::follows;
    word->drains = word->drains || slot.standing.drains;
  }
  return word;
}

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
  void open_segment(Time now);
  void look_at_segment(Time now);
  void judge_readiness(Time now);
  [[nodiscard]] bool is_ready_by_report(const Worker& worker, Time now) const;
  [[nodiscard]] bool is_judged_by_port(const Worker& worker) const;
  void judge_by_port(const std::vector<int>& starting, Time now);
  void look_who_accepts();
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
  const std::string run_name = name_of_run();
  std::unique_ptr<segment::Segment> segment;
  std::string segment_trouble;  ///< said once, until it changes
  Keeper keeper;
  Crew crew;
  ReadinessChecks checks;
  AgentChild agent;
  HostCpu cpu;
  std::vector<LineStream> streams;
  Descriptor signals;

  std::optional<Time> answered_unseen_at;  ///< the port, by nobody that was seen to accept
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
  if (const auto warning = warning_of_one_port(options); !warning.empty()) say(warning);
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

void Supervisor::State::open_segment(Time now) {
  if (now < next_open) return;
  next_open = now + quiet_interval;
  auto opened = segment::Segment::open({.service = options.service,
                                        .release = options.release,
                                        .run_directory = options.run_directory});
  std::string trouble;
  if (opened) {
    segment = std::move(opened.value());
  } else if (segment == nullptr) {
    trouble = "no reports of workers: " + opened.error().message +
              "; name a directory that this user may write to in SELFSCALE_RUN_DIR";
  }
  const bool is_new = trouble != segment_trouble;
  segment_trouble = std::move(trouble);
  if (is_new && !segment_trouble.empty()) say(segment_trouble);
}

void Supervisor::State::look_at_segment(Time now) {
  if (segment == nullptr || segment->is_stale()) open_segment(now);
  if (segment == nullptr) return;
  const auto slots = segment->slots();
  for (const auto& worker : crew.workers()) {
    if (const auto word = word_of(worker, slots)) crew.reported(worker.slot, *word);
  }
}

void Supervisor::State::judge_readiness(Time now) {
  checks.end_overdue(now);
  std::vector<int> by_port;
  for (const auto& worker : crew.workers()) {
    if (worker.state != local::State::starting) continue;
    if (options.readiness == Readiness::command) {
      checks.begin(worker, places_of(worker.slot), variables_of(worker.instance), now);
    } else if (is_judged_by_port(worker)) {
      const bool is_due = options.readiness == Readiness::port || now - worker.started >= alive_for;
      if (is_due) by_port.push_back(worker.slot);
    } else if (is_ready_by_report(worker, now)) {
      crew.became_ready(worker.slot);
    }
  }
  judge_by_port(by_port, now);
}

/// Said, or at least not denied, by itself. Without a word it has to live for a while: where others
/// report it may only be about to.
bool Supervisor::State::is_ready_by_report(const Worker& worker, Time now) const {
  if (worker.word) return worker.word->is_ready || !worker.word->readiness_follows;
  if (options.readiness != Readiness::automatic) return false;
  const bool others_report = std::ranges::any_of(
      crew.workers(), [](const Worker& other) { return other.word.has_value(); });
  return now - worker.started >= (others_report ? alive_for_where_others_report : alive_for);
}

bool Supervisor::State::is_judged_by_port(const Worker& worker) const {
  if (!listener || options.readiness == Readiness::port) return listener.has_value();
  const bool has_said = worker.word && (worker.word->is_ready || worker.word->readiness_follows);
  return options.readiness == Readiness::automatic && !has_said;
}

/// All workers share the port: that it answers counts for those that are seen to accept from it,
/// or, where none is, for all alike.
void Supervisor::State::judge_by_port(const std::vector<int>& starting, Time now) {
  if (starting.empty()) return answered_unseen_at.reset();
  look_who_accepts();
  const bool any_seen = std::ranges::any_of(crew.workers(), &Worker::accepts);
  if (any_seen) answered_unseen_at.reset();
  std::vector<int> may_be;
  for (const auto& worker : crew.workers()) {
    const bool is_asked_for = std::ranges::find(starting, worker.slot) != starting.end();
    if (is_asked_for && (worker.accepts || !any_seen)) may_be.push_back(worker.slot);
  }
  if (may_be.empty() || !listener->probe()) return;
  if (!any_seen) {
    // Who serves one connection at a time has just taken the probe, and is seen once it is done.
    answered_unseen_at = answered_unseen_at.value_or(now);
    if (now - *answered_unseen_at < alive_for) return;
  }
  for (const int slot : may_be) crew.became_ready(slot);
}

void Supervisor::State::look_who_accepts() {
  for (const auto& worker : crew.workers()) {
    const bool is_unknown = worker.leader_lives && !worker.accepts;
    if (is_unknown && is_seen_accepting(worker.pid, listener->inode())) {
      crew.seen_accepting(worker.slot);
    }
  }
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

/// Known once a worker has become ready and has not said that it drains.
std::vector<std::string> Supervisor::State::warnings() const {
  const bool breaks_off = std::ranges::any_of(crew.workers(), [](const Worker& worker) {
    return worker.state == local::State::ready && !(worker.word && worker.word->drains);
  });
  if (!breaks_off) return {};
  return {
      "workers run without selfscale's middleware: a scale-down ends them by SIGTERM alone, and "
      "connections that they have not answered may be lost. The middleware in the app lets them "
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
  return options.service.substr(0, longest_service) + "-" + run_name + "-" + std::to_string(slot) +
         "-" + std::to_string(serial);
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
