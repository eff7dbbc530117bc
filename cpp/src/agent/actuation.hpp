/// The life of one scaling event, from the write to its end: a machine without I/O or clock.
///
/// It says what is to be done next; its owner does that, and tells it what came of it. So there are
/// never two writes at once, and retries, deadlines and foreign changes are tables of tests.
///
///     auto action = actuation.begin();
///     // Write    → driver.scale(), then resume(Written{...})
///     // Watch    → wait, then driver.observe(), then resume(Observed{...})
///     // Finished → journal the event; the machine is used up
///
/// A rollback is a second event of the same life: its Write has the trigger `rollback`, and `why`
/// says how the first event failed. Finished then speaks of the rollback.
#pragma once

#include <functional>
#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <variant>

#include "drivers/driver.hpp"
#include "model/result.hpp"

namespace selfscale::agent {

/// For so long after a platform took a count its answers may still show the one of before: some
/// read from copies that lag behind.
inline constexpr Duration visible_within{10'000};

/// For so long, from the acceptance on, an update that is under way keeps the deadline of a step
/// from running.
inline constexpr Duration longest_update{3'600'000};

/// What is wanted, and how long it may take.
struct Order {
  int from = 0;  ///< the count asked for until now, as the platform reported it
  int to = 0;
  std::string version;  ///< of the observation that the decision was made on
  Trigger trigger = Trigger::policy;
  Duration startup_timeout{180'000};  ///< from acceptance, or an update's end after it, to ready
  bool rollback = true;               ///< steps up alone are rolled back
  Duration poll{1'000};               ///< between observations, where the platform names no other
  int attempts = 5;                   ///< writes, and reads while it is not known what a write did
  Duration shortest_wait{1'000};      ///< before another attempt; the longest doubles with each
  Duration longest_wait{60'000};      ///< of them; a platform that asks for more ends the event
};

struct Write {
  int desired = 0;
  int from = 0;  ///< the count asked for, as last seen: who writes over another one loses it
  std::string version;
  Trigger trigger = Trigger::policy;
  std::string why;  ///< of a rollback: how the event before it failed
};
struct Watch {
  Duration after{0};
};
struct Finished {
  Outcome outcome = Outcome::succeeded;
  std::string why;                      ///< of a failure, or of somebody else's count
  Errc code = Errc::failed;             ///< of a refused write
  std::optional<int> ready;             ///< as last seen
  std::optional<int> foreign;           ///< superseded: the count that somebody else asked for
  std::optional<int> unchanged;         ///< this count stands, and nobody else asked for it
  std::optional<Duration> retry_after;  ///< a failed write: how long the platform asks to wait
};
using Action = std::variant<Write, Watch, Finished>;

struct Written {
  Result<void> result;
};
struct Observed {
  Result<drivers::Observation> result;
};

/// May a step that was broken off have left this count: as it began, or on its way?
[[nodiscard]] bool falls_short(int count, int from, int to) noexcept;

class Actuation {
 public:
  /// `jitter`: draws from 0 to 1, where a wait before another attempt lies between the shortest
  /// and the longest.
  Actuation(Order order, std::function<double()> jitter);

  [[nodiscard]] Action begin() const;
  /// Instead of begin(), of a life that another process began and whose count the platform has:
  /// goes on from its acceptance; empty: nobody saw when that was, and it counts from now.
  Action take_up(std::optional<Instant> accepted_at, Instant now);
  /// Instead of begin(), of a life whose write another process made, or was about to make: it is
  /// looked at before anything is written.
  void take_up_unsure(Instant now);
  Action resume(const Written& event, Instant now);
  Action resume(const Observed& event, Instant now);

  /// A newer order took this one's place: what the platform did not take is not written again.
  void withdraw() noexcept { is_withdrawn_ = true; }

  /// When the platform took the count of the event under way; cooldowns run from here.
  [[nodiscard]] std::optional<Instant> accepted_at() const { return accepted_at_; }
  /// Was the count of the event under way seen to be asked for, after it was accepted?
  [[nodiscard]] bool is_visible() const { return is_visible_; }

 private:
  Action accept(Instant now);
  Action retry(const Failure& failure);
  [[nodiscard]] Duration draw_wait() const;
  Action after_unsure_write(const drivers::Observation& seen, Instant now);
  [[nodiscard]] Action instead_of_write(const drivers::Observation& seen, Instant now) const;
  Action while_starting(const drivers::Observation& seen, Instant now);
  Action roll_back(int back_to, std::string why);
  Action watch(std::optional<Duration> asked, Instant now) const;
  [[nodiscard]] Finished finished(Outcome outcome, std::string why) const;
  [[nodiscard]] Finished superseded(int count) const;
  [[nodiscard]] Finished failed(const Failure& failure, std::string why) const;
  [[nodiscard]] Finished ignored(const drivers::Observation& seen) const;
  [[nodiscard]] bool may_be_stale(const drivers::Observation& seen, Instant now) const;
  [[nodiscard]] bool is_done(const drivers::Observation& seen) const;
  [[nodiscard]] Instant due() const;
  [[nodiscard]] bool is_overdue(Instant now) const;
  [[nodiscard]] std::string what_is_missing(const drivers::Observation& seen, Instant now) const;

  Order order_;
  std::function<double()> jitter_;
  int attempts_ = 1;
  bool may_be_half_done_ = false;       ///< the last write, as far as is known
  bool is_withdrawn_ = false;           ///< a newer order took its place
  Instant failed_at_{};                 ///< when the last write did
  std::optional<Instant> accepted_at_;  ///< empty: the write's outcome is not known yet
  bool is_visible_ = false;
  std::optional<Instant> changing_at_;  ///< when an update was last seen under way
  std::optional<int> ready_;
};

}  // namespace selfscale::agent
