#include "drivers/local/crew.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace selfscale::drivers::local {
namespace {

/// Between the drain mark and SIGTERM: the worker closes its listener and lets its clients go.
constexpr milliseconds drain_time{500};
/// A worker that takes longer to become ready is worth a sentence.
constexpr milliseconds young{10'000};
/// Between two SIGKILLs to a group that does not end (a process in an uninterruptible wait).
constexpr milliseconds kill_again{1'000};

/// So many ends in a row of one worker, and none that ever came up, are no accident.
constexpr int too_many_ends = 3;
constexpr auto no_accident =
    ". No worker has ever come up: the command itself fails, and what it prints says why";

bool is_leaving(const Worker& worker) { return !worker.again; }

std::string in_seconds(milliseconds time) {
  return std::to_string(time.count() / 1000) + "." + std::to_string(time.count() % 1000 / 100) +
         " s";
}

milliseconds since(Time then, Time now) {
  return std::chrono::duration_cast<milliseconds>(now - then);
}

}  // namespace

Crew::Crew(int most, milliseconds grace, milliseconds backoff_first, milliseconds backoff_most)
    : most_{most}, grace_{grace}, backoff_first_{backoff_first}, backoff_most_{backoff_most} {}

void Crew::allow(int most) { most_ = std::clamp(most, 1, most_workers); }

Result<void> Crew::want(int desired, const std::vector<std::string>& victims, Time now) {
  if (desired < 0 || desired > most_) {
    return Failure{Errc::invalid_argument,
                   std::to_string(desired) + " workers were asked for; from 0 to " +
                       std::to_string(most_) + " are possible (maxReplicas, at most " +
                       std::to_string(most_workers) + ")",
                   {}};
  }
  desired_ = desired;
  while (kept() > desired_) retire(*choose_victim(victims), now);
  while (kept() < desired_) workers_.emplace_back().due = now;
  return {};
}

std::vector<Step> Crew::next(Time now) {
  for (auto& worker : workers_) advance(worker, now);
  std::ranges::sort(workers_, {}, [](const Worker& each) { return each.place(); });
  return std::exchange(steps_, {});
}

void Crew::advance(Worker& worker, Time now) {
  if (now < worker.due) return;
  switch (worker.state) {
    case State::backoff:
      if (!may_start(worker)) return;
      if (worker.slot == 0) worker.slot = lowest_free_slot();
      steps_.push_back({Step::Do::start, worker.slot, 0, {}});
      return;
    case State::draining:
      stop(worker, Step::Do::terminate_leader, now);
      return;
    case State::stopping:
      steps_.push_back({Step::Do::kill, worker.slot, worker.pid, {}});
      worker.killed = true;
      worker.due = now + kill_again;
      return;
    default:
      return;
  }
}

bool Crew::may_start(const Worker& worker) const {
  // A start that was asked for and not yet answered counts as a worker that exists.
  const auto starting = std::count_if(
      steps_.begin(), steps_.end(), [](const Step& step) { return step.what == Step::Do::start; });
  if (existing() + static_cast<int>(starting) >= most_) return false;
  // One that waits for its restart keeps its slot: the next free one may be beyond the most.
  return worker.slot != 0 || lowest_free_slot() <= most_;
}

std::optional<Time> Crew::due() const {
  std::optional<Time> first;
  for (const auto& worker : workers_) {
    const bool is_up = worker.state == State::starting || worker.state == State::ready;
    const bool waits = worker.state == State::backoff ? may_start(worker) : !is_up;
    if (waits && (!first || worker.due < *first)) first = worker.due;
  }
  return first;
}

void Crew::started(int slot, pid_t pid, std::string instance, Time now) {
  Worker& worker = *in_slot(slot);
  worker.pid = pid;
  worker.instance = std::move(instance);
  worker.state = State::starting;
  worker.leader_lives = true;
  worker.word.reset();
  worker.accepts = false;
  worker.killed = false;
  worker.started = now;
}

void Crew::could_not_start(int slot, const std::string& why, Time now) {
  Worker& worker = *in_slot(slot);
  worker.last_exit = why;
  fail(worker, why, now);
}

void Crew::became_ready(int slot) {
  Worker* worker = in_slot(slot);
  if (worker == nullptr || worker->state != State::starting) return;
  worker->state = State::ready;
  has_served_ = true;
}

void Crew::reported(int slot, Word word) {
  if (Worker* worker = in_slot(slot)) worker->word = word;
}

void Crew::seen_accepting(int slot) {
  if (Worker* worker = in_slot(slot)) worker->accepts = true;
}

std::string Crew::leader_ended(pid_t pid, const std::string& how, Time now) {
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [pid](const Worker& each) { return each.pid == pid; });
  if (found == workers_.end()) return {};
  Worker& worker = *found;
  const bool was_to_end = worker.state == State::draining || worker.state == State::stopping;
  const bool was_known_to_fail = command_fails();
  worker.leader_lives = false;
  worker.last_exit = how;
  if (!was_to_end) {
    if (now - worker.started >= backoff_most_) worker.failures = 0;
    fail(worker, "ended with " + how + " after " + in_seconds(since(worker.started, now)), now);
  }
  // The others of its group have lost their leader, and their work.
  if (worker.state != State::stopping) {
    stop(worker, Step::Do::terminate_group, now);
  } else if (!worker.killed) {
    steps_.push_back({Step::Do::terminate_group, worker.slot, worker.pid, {}});
  }
  if (was_to_end) return {};
  return last_failure_ + (command_fails() && !was_known_to_fail ? no_accident : "");
}

void Crew::group_ended(int slot, Time now) {
  Worker& worker = *in_slot(slot);
  // The number may soon be somebody else's.
  std::erase_if(steps_, [&worker](const Step& step) { return step.pid == worker.pid; });
  worker.pid = 0;
  if (worker.again) {
    start_anew(worker, now);
  } else {
    std::erase_if(workers_, [slot](const Worker& each) { return each.slot == slot; });
  }
}

void Crew::kill_all(Time now) {
  desired_ = 0;
  std::erase_if(workers_, [](const Worker& each) { return !each.exists(); });
  for (auto& worker : workers_) {
    worker.again = false;
    worker.state = State::stopping;
    worker.due = now;
  }
}

std::string Crew::failure(Time now) const {
  int waiting = 0;
  milliseconds longest{0};
  bool failing = false;
  for (const auto& worker : workers_) {
    if (is_leaving(worker) || worker.state == State::ready) continue;
    failing = failing || worker.failures > 0;
    ++waiting;
    if (worker.state == State::starting) longest = std::max(longest, since(worker.started, now));
  }
  if (failing) return last_failure_ + (command_fails() ? no_accident : "");
  if (longest < young) return {};
  return std::to_string(waiting) + " of " + std::to_string(desired_) +
         " workers are not ready, one since " + in_seconds(longest);
}

bool Crew::command_fails() const { return !has_served_ && most_ends_ >= too_many_ends; }

Worker* Crew::in_slot(int slot) {
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [slot](const Worker& each) { return each.slot == slot; });
  return found == workers_.end() ? nullptr : &*found;
}

int Crew::kept() const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                        [](const Worker& each) { return !is_leaving(each); }));
}

int Crew::existing() const {
  return static_cast<int>(std::count_if(workers_.begin(), workers_.end(),
                                        [](const Worker& each) { return each.exists(); }));
}

int Crew::lowest_free_slot() const {
  const auto is_taken = [this](int slot) {
    return std::ranges::find(workers_, slot, &Worker::slot) != workers_.end();
  };
  int slot = 1;
  while (is_taken(slot)) ++slot;
  return slot;
}

/// Those that do not run, then the named in their order, then those not ready, then the newest.
Worker* Crew::choose_victim(const std::vector<std::string>& victims) {
  const auto rank = [&victims](const Worker& worker) {
    if (!worker.leader_lives) return 0L;
    const auto named = std::find(victims.begin(), victims.end(), worker.instance);
    if (named != victims.end()) return 1L + static_cast<long>(named - victims.begin());
    const auto after_named = 1L + static_cast<long>(victims.size());
    return worker.state == State::starting ? after_named : after_named + 1;
  };
  Worker* chosen = nullptr;
  for (auto& worker : workers_) {
    if (is_leaving(worker)) continue;
    if (chosen == nullptr || rank(worker) < rank(*chosen) ||
        (rank(worker) == rank(*chosen) && worker.started >= chosen->started)) {
      chosen = &worker;
    }
  }
  return chosen;
}

void Crew::retire(Worker& worker, Time now) {
  worker.again = false;
  if (!worker.exists()) {
    std::erase_if(workers_, [&worker](const Worker& each) { return &each == &worker; });
  } else if (worker.state != State::stopping && worker.word) {
    worker.state = State::draining;
    worker.due = now + drain_time;
    steps_.push_back({Step::Do::mark_draining, worker.slot, worker.pid, worker.instance});
  } else if (worker.state != State::stopping) {
    stop(worker, Step::Do::terminate_leader, now);
  }
}

void Crew::stop(Worker& worker, Step::Do how, Time now) {
  worker.state = State::stopping;
  worker.due = now + grace_;
  steps_.push_back({how, worker.slot, worker.pid, {}});
}

void Crew::fail(Worker& worker, const std::string& how, Time now) {
  ++worker.failures;
  most_ends_ = std::max(most_ends_, worker.failures);
  last_failure_ = "worker " + std::to_string(worker.slot) + " " + how;
  if (!worker.exists()) start_anew(worker, now);
}

void Crew::start_anew(Worker& worker, Time now) {
  const double factor = std::exp2(std::min(worker.failures - 1, 30));
  const auto wait = std::min(static_cast<double>(backoff_most_.count()),
                             static_cast<double>(backoff_first_.count()) * factor);
  worker.state = State::backoff;
  worker.due = now + milliseconds{static_cast<std::int64_t>(wait)};
  ++worker.restarts;
}

}  // namespace selfscale::drivers::local
