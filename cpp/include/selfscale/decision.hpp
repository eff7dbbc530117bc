/// The output of decide(), and what record() is told.
///
/// Evidence is data: a code from one closed list with its numbers. Words are made from it on demand
/// (`explain`). Plain values; copy freely.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <selfscale/export.hpp>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

/// Why a number is what it is: the closed list, documented in docs/reference/codes.md.
enum class Code : std::uint8_t {
  // proposals: threshold
  above_threshold,  ///< past scaleUp for long enough
  below_threshold,  ///< past scaleDown for long enough
  above_not_long,   ///< past scaleUp, but not for scaleUpFor yet
  below_not_long,   ///< past scaleDown, but not for scaleDownFor yet
  within_band,      ///< between scaleUp and scaleDown
  // proposals: target
  above_target,
  below_target,
  within_tolerance,
  unready_held,  ///< filling in unready or missing instances left the count as it is
  no_ready_instances,
  // proposals: step
  step_up,        ///< the value lies in a step that asks for more
  step_down,      ///< in one that asks for less
  outside_steps,  ///< in no step, or in one that changes nothing
  // proposals: concurrency
  stable_load,   ///< the load over the stable window decides
  panic_load,    ///< the load over the panic window decides
  panic_held,    ///< in panic nothing goes below the peak
  delayed_down,  ///< scaleDownDelay: more was wanted within it
  scale_floor,   ///< initialScale or activationScale asks for more than the load
  // proposals: backlog
  backlog_due,         ///< so many replicas finish what is due within targetLatency
  oldest_job_late,     ///< the oldest job has waited longer than targetLatency
  throughput_unknown,  ///< throughputPerReplica is learned, and not known yet
  // proposals: any rule
  starting,           ///< what is asked for has been asked for already, and is starting
  inactive,           ///< not past `activation`: the rule does not ask for a first replica
  no_lowering,        ///< the rule cannot ask for less and does not ask for more
  no_data,            ///< the metric is missing
  data_refused,       ///< the metric's reading is NaN, infinite or negative
  floor_for_missing,  ///< missing: atLeastReplicas holds
  missing_ignored,    ///< missing: the policy says to ignore it
  unheard_held,       ///< less is wanted by those that are heard, and some that serve are not
  // combine
  largest_up,   ///< the largest proposal of those that want more
  smallest_up,  ///< up: all; the smallest of the proposals
  all_agree_down,
  smallest_down,   ///< down: any
  rules_disagree,  ///< some want less, not all
  missing_blocks_down,
  missing_blocks_up,
  all_abstain,
  all_hold,
  // activation: to zero and back
  activated,       ///< a rule past its activation: there is work, so there is a replica
  idle,            ///< nothing has been active for long enough: no replicas
  idle_not_long,   ///< inactive, but not for long enough yet
  nobody_wakes,    ///< nothing, or nobody, could bring it back: the last replica stays
  paused_at_zero,  ///< somebody else set no replicas: that is a pause
  // bounds before the rules
  below_minimum,  ///< current count below minReplicas: raised at once
  above_maximum,  ///< current count above maxReplicas: lowered at once
  // stabilize, rate limit, cooldown
  schedule_minimum,  ///< a schedule's minReplicas
  schedule_maximum,  ///< a schedule's maxReplicas
  updating,          ///< a deployment is under way: nothing is taken away
  scale_up_stabilized,
  scale_down_stabilized,
  scale_up_rate,      ///< at most so many more within a period
  scale_down_rate,    ///< at most so many fewer within a period
  scale_up_disabled,  ///< selectPolicy: Disabled
  scale_down_disabled,
  scale_up_cooldown,
  scale_down_cooldown,
  cooldown_period,  ///< the guide's cooldownPeriod
  // limits and guardrails
  at_maximum,
  at_minimum,
  total_replicas_limit,
  memory_limit,
  budget_limit,         ///< a budget of `uses` has no room for more
  hourly_events_limit,  ///< maxScaleEventsPerHour: no step down
  // outcome
  platform_unknown,  ///< the platform's counts could not be read
  // alerts: a guardrail that stops growth only is passed all the same
  total_replicas_exceeded,  ///< all services together have more than maxTotalReplicas
  budget_exceeded,          ///< a budget of `uses` does not pay for so many
  hourly_events_exceeded,   ///< a step up beyond maxScaleEventsPerHour
  memory_short,             ///< less than minAvailableMemoryMb
};

SELFSCALE_API std::string_view name_of(Code code) noexcept;
SELFSCALE_API std::optional<Code> code_named(std::string_view name) noexcept;

/// What a rule may answer.
enum class Answer : std::uint8_t { up, hold, down, abstain, missing };
SELFSCALE_API std::string_view name_of(Answer answer) noexcept;

/// Where a number was changed or held: the order of work of docs/policy.md.
enum class Stage : std::uint8_t {
  bounds,
  readings,
  rules,
  combine,
  activate,
  stabilize,
  rate_limit,
  cooldown,
  limits,
  guardrails
};
SELFSCALE_API std::string_view name_of(Stage stage) noexcept;

/// One rule's wish, with its evidence.
struct Proposal {
  int rule = -1;    ///< index into the policy's rules
  int metric = -1;  ///< index into the policy's metrics
  Answer answer = Answer::hold;
  int replicas = 0;
  Code code = Code::all_hold;
  double value = 0.0;      ///< the reading the rule saw; meaningless when missing
  double threshold = 0.0;  ///< the edge or target it was held against
  Duration held_for{0};    ///< for how long the edge has been passed
  /// concurrency alone: capacity beyond the load and the burst that is to be taken at once; below
  /// 0: requests should be buffered (Knative's excess burst capacity).
  std::optional<double> excess_burst_capacity;
  int samples = 0;  ///< backlog alone: jobs that its throughput was learned from; 0: it was given
  /// threshold and target alone: how many instances do not report, of how many that the value
  /// stands for; both 0 where all do, or where there is one reading of the whole service.
  int silent = 0;
  int counted = 0;
  bool operator==(const Proposal&) const = default;
};

/// One later stage's change.
struct Adjustment {
  Stage stage = Stage::limits;
  int from_replicas = 0;
  int to_replicas = 0;
  Code code = Code::at_maximum;
  double limit = 0.0;  ///< the bound, in the code's unit: replicas, seconds, MiB
  bool operator==(const Adjustment&) const = default;
};

enum class Priority : std::uint8_t { low, medium, high, critical };
SELFSCALE_API std::string_view name_of(Priority priority) noexcept;

/// The policy's wish after every limit.
struct Recommendation {
  int current_replicas = 0;
  int recommended_replicas = 0;
  Code code = Code::all_hold;  ///< the chief reason; `leading` is the proposal it speaks of
  int leading = -1;            ///< index into `proposals`, or -1
  double confidence = 0.0;     ///< 0 to 1, docs/policy.md
  Priority priority = Priority::low;
  std::vector<Proposal> proposals;      ///< one per rule that was asked
  std::vector<Adjustment> adjustments;  ///< in the order of work
  std::vector<Code> alerts;             ///< guardrails that are passed at the recommended count
  bool operator==(const Recommendation&) const = default;
};

enum class Action : std::uint8_t {
  scale,  ///< a write is wanted now
  hold,   ///< a change is wanted, and a stage holds it back
  none,   ///< no change is wanted
};
SELFSCALE_API std::string_view name_of(Action action) noexcept;

/// What decide() remembers: what was thought (by decide) and what was done (by record). Versioned
/// JSON under 8 KiB.
struct DecisionState {
  static constexpr int version = 2;
  static constexpr std::size_t most_kept = 64;  ///< entries of a window, and of `changes`

  struct Wanted {  ///< one recommendation of the past, for stabilization
    Instant at{};
    int replicas = 0;
    bool operator==(const Wanted&) const = default;
  };
  struct Memory {                  ///< what one rule remembers
    std::uint64_t definition = 0;  ///< fingerprint of the rule; a changed rule starts anew
    /// Since when its edges have been passed without a break; empty: they are not.
    std::optional<Instant> above_since;
    std::optional<Instant> below_since;
    /// concurrency: since when it has panicked; empty: it does not.
    std::optional<Instant> panic_since;
    int peak = 0;                 ///< concurrency: the most it wanted in this panic
    std::vector<Wanted> delayed;  ///< concurrency: results within scaleDownDelay, oldest first
    bool is_met = false;          ///< concurrency: the service has been met, in panic or not
    bool is_initialized = false;  ///< concurrency: initialScale replicas have been ready once
    bool operator==(const Memory&) const = default;
  };
  struct Change {  ///< what was done to the count, for rate limits
    Instant at{};
    int replicas = 0;  ///< above 0: added, below 0: taken away
    int events = 1;    ///< how many events it stands for
    bool operator==(const Change&) const = default;
  };
  struct Past {  ///< how earlier scaling went, for confidence
    int succeeded = 0;
    int failed = 0;
    bool operator==(const Past&) const = default;
  };

  Instant at{};       ///< of the last decision; the next one is not before it
  bool seen = false;  ///< false: this state has never met the service
  // thought
  std::vector<Wanted> up_window;    ///< monotone: what a later minimum needs, oldest first
  std::vector<Wanted> down_window;  ///< monotone: what a later maximum needs, oldest first
  std::vector<Memory> rules;        ///< by the policy's rules
  std::vector<std::optional<Instant>> missing_since;  ///< by the policy's metrics
  std::optional<Instant> last_active;                 ///< when a rule was last past its activation
  // done
  std::vector<Change> changes;  ///< oldest first; what the longest period may still need
  /// The last change was ours, to no replicas; or it was met so, with scaleToZero.
  bool scaled_to_zero = false;
  std::optional<Instant> last_up;
  std::optional<Instant> last_down;
  Past past;
  bool operator==(const DecisionState&) const = default;
};

struct Decision {
  Instant at{};
  Action action = Action::none;
  int from_replicas = 0;
  int to_replicas = 0;  ///< what to ask for now; equals `from_replicas` unless action is scale
  std::optional<Stage> held_by;
  Recommendation recommendation;
  bool operator==(const Decision&) const = default;
};

enum class Trigger : std::uint8_t { policy, schedule, manual, rollback, foreign };
SELFSCALE_API std::string_view name_of(Trigger trigger) noexcept;

enum class Outcome : std::uint8_t { accepted, succeeded, failed, rolled_back, adopted, superseded };
SELFSCALE_API std::string_view name_of(Outcome outcome) noexcept;

/// What was done, or noticed: one shape in the journal, the history, webhooks, subscribers and
/// record().
struct ScalingEvent {
  static constexpr int version = 1;
  std::string id;  ///< ULID
  std::string service;
  std::string policy;
  std::string decision;  ///< id of the DecisionRecord; empty for manual and foreign events
  Instant started_at{};
  std::optional<Instant> accepted_at;  ///< empty: refused
  std::optional<Duration> duration;    ///< empty: not ended
  int from_replicas = 0;
  int to_replicas = 0;
  std::optional<int> ready_replicas;
  Trigger trigger = Trigger::policy;
  std::string reason;
  std::vector<std::pair<std::string, double>> metrics;
  Outcome outcome = Outcome::accepted;
  std::string error;
  std::string leader;  ///< "host/pid"
  std::int64_t token = 0;
  std::string code;  ///< what kind of failure `error` is, as name_of(Errc) has it; empty: none
  bool operator==(const ScalingEvent&) const = default;
};

}  // namespace selfscale
