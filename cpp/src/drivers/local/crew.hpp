/// Which workers there should be and what each is doing: a state machine without I/O or clock. The
/// supervisor tells it what happened and does what it asks for.
///
///     (backoff) ──start──▶ starting ──▶ ready ──retired──▶ draining ──▶ stopping ──▶ gone
///         ▲                    └────────────┴── ended by itself ──────────▶ │
///         └──────────────────────────────────────────────────────────────────┘
///
/// A worker exists until its whole process group has ended, and never do more than `most` exist.
#pragma once

#include <sys/types.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "drivers/local/options.hpp"
#include "drivers/local/protocol.hpp"

namespace selfscale::drivers::local {

/// What a worker says of itself through the segment.
struct Word {
  bool is_ready = false;
  bool readiness_follows = false;  ///< it will say so
  bool drains = false;             ///< it heeds a drain mark, as our middleware does
};

struct Worker {
  int slot = 0;  ///< from its first start on, the lowest free one then; 0: none yet
  std::string instance;
  pid_t pid = 0;  ///< of the leader, and of its group; 0: not started
  State state = State::backoff;
  bool leader_lives = false;
  std::optional<Word> word;  ///< empty: it reports nothing, and no drain mark reaches it
  bool accepts = false;      ///< has been seen to take connections from the shared socket
  bool again = true;         ///< is started again once it has ended
  bool killed = false;
  int failures = 0;  ///< ends in a row
  int restarts = 0;
  Time started{};
  Time due{};  ///< starting anew (backoff), SIGTERM (draining), SIGKILL (stopping)
  std::string last_exit;

  [[nodiscard]] bool exists() const { return pid != 0; }
  /// Its place in a list by slot: who has none yet comes last.
  [[nodiscard]] int place() const { return slot == 0 ? std::numeric_limits<int>::max() : slot; }
};

/// What the supervisor is to do now.
struct Step {
  enum class Do : std::uint8_t { start, mark_draining, terminate_leader, terminate_group, kill };
  Do what = Do::start;
  int slot = 0;
  pid_t pid = 0;
  std::string instance;
};

class Crew {
 public:
  Crew(int most, milliseconds grace, milliseconds backoff_first, milliseconds backoff_most);

  /// Never more than these from now on, within what the options allow.
  void allow(int most);
  [[nodiscard]] int most() const { return most_; }
  /// Exactly this many from now on; of those too many the named go first. Errc::invalid_argument:
  /// below 0 or above the most.
  Result<void> want(int desired, const std::vector<std::string>& victims, Time now);
  [[nodiscard]] int desired() const { return desired_; }
  /// All that is due, each step once; the supervisor does them in order.
  std::vector<Step> next(Time now);
  /// When next() has something to do again; empty: when something happens.
  [[nodiscard]] std::optional<Time> due() const;

  // What happened.
  void started(int slot, pid_t pid, std::string instance, Time now);
  void could_not_start(int slot, const std::string& why, Time now);
  void became_ready(int slot);
  void reported(int slot, Word word);
  void seen_accepting(int slot);
  /// Returns what to say of it, once with what follows of many ends; nothing where it was to end.
  std::string leader_ended(pid_t pid, const std::string& how, Time now);
  void group_ended(int slot, Time now);
  /// Everything at once, with no grace.
  void kill_all(Time now);

  [[nodiscard]] const std::vector<Worker>& workers() const { return workers_; }
  [[nodiscard]] bool is_empty() const { return workers_.empty(); }
  /// Why there are fewer ready workers than wanted; empty: there are not, or they are young.
  [[nodiscard]] std::string failure(Time now) const;

 private:
  [[nodiscard]] bool command_fails() const;
  Worker* in_slot(int slot);
  [[nodiscard]] int kept() const;
  [[nodiscard]] int existing() const;
  [[nodiscard]] int lowest_free_slot() const;
  [[nodiscard]] bool may_start(const Worker& worker) const;
  Worker* choose_victim(const std::vector<std::string>& victims);
  void retire(Worker& worker, Time now);
  void stop(Worker& worker, Step::Do how, Time now);
  void fail(Worker& worker, const std::string& how, Time now);
  void start_anew(Worker& worker, Time now);
  void advance(Worker& worker, Time now);

  int most_;
  milliseconds grace_;
  milliseconds backoff_first_;
  milliseconds backoff_most_;
  int desired_ = 0;
  std::vector<Worker> workers_;  ///< by place()
  std::vector<Step> steps_;
  std::string last_failure_;
  bool has_served_ = false;  ///< a worker, once
  int most_ends_ = 0;        ///< in a row, of one worker
};

}  // namespace selfscale::drivers::local
