/// A policy as decide() reads it: numbered, in milliseconds, checked. Names stand here once, for
/// JSON and words.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <variant>
#include <vector>

#include "policy/cron.hpp"
#include "policy/zone.hpp"

namespace selfscale {

enum class Aggregation : std::uint8_t {
  avg,
  max,
  min,
  sum,
  last,
  rate,
  p50,
  p75,
  p90,
  p95,
  p99,
  p99_9
};
/// Of an aggregation that is a quantile: which; 0 to 1.
inline std::optional<double> quantile_of(Aggregation aggregation) noexcept {
  switch (aggregation) {
    case Aggregation::p50:
      return 0.5;
    case Aggregation::p75:
      return 0.75;
    case Aggregation::p90:
      return 0.9;
    case Aggregation::p95:
      return 0.95;
    case Aggregation::p99:
      return 0.99;
    case Aggregation::p99_9:
      return 0.999;
    default:
      return std::nullopt;
  }
}
enum class Across : std::uint8_t { avg, max, min, sum };
enum class Comparison : std::uint8_t { greater_than, less_than, percentage_change };
enum class Of : std::uint8_t { limit, request, cores };
enum class Direction : std::uint8_t { any, all };

/// What a metric's absence means.
struct MissingPolicy {
  enum class Kind : std::uint8_t { hold, ignore, at_least } kind = Kind::hold;
  int at_least_replicas = 0;
};

struct MetricSpec {
  std::string name;    ///< how rules and JSON call it
  std::string metric;  ///< the built-in or recorded metric it reads (for a percentile name, the
                       ///< distribution)
  Aggregation aggregation = Aggregation::avg;
  Duration window{60'000};
  Across across = Across::avg;
  Of of = Of::limit;
  double weight = 1.0;
  MissingPolicy missing;
  Duration missing_after{45'000};
  bool needs_previous = false;           ///< a percentage_change rule reads it
  std::optional<Duration> short_window;  ///< a concurrency rule reads it over this time too
  int expression = -1;                   ///< index into the policy's expressions; -1: it is read

  [[nodiscard]] bool is_computed() const noexcept { return expression >= 0; }
  /// Kubernetes counts an instance that starts differently for these.
  [[nodiscard]] bool is_of_cpu() const noexcept {
    return metric == "cpu_usage" || metric == "cpu_cores";
  }
};

/// One step of an expression in postfix order: a number or a metric goes onto the stack, an
/// operation takes what it needs from there.
struct Operation {
  enum class Kind : std::uint8_t {
    number,
    metric,
    add,
    subtract,
    multiply,
    divide,
    min,
    max,
    negate
  } kind = Kind::number;
  double number = 0.0;
  int metric = -1;  ///< index into the policy's metrics
};

/// How deep an expression may be nested, and how much it may have in hand at once.
inline constexpr int deepest_expression = 32;
/// How many metrics of a policy may be computed.
inline constexpr int most_expressions = 16;

/// A metric that is computed from others.
struct Expression {
  std::string text;  ///< as the policy has it
  int metric = 0;    ///< the one it gives
  std::vector<Operation> operations;
};

struct ThresholdRule {
  Comparison comparison = Comparison::greater_than;
  std::optional<double> scale_up;    ///< none: the rule cannot ask for more
  std::optional<double> scale_down;  ///< none: the rule cannot ask for less
  Duration scale_up_for{0};
  Duration scale_down_for{0};
  int scale_up_by = 1;
  int scale_down_by = 1;
};

struct TargetRule {
  double target = 0.0;
  bool per_replica =
      false;  ///< targetPerReplica: `target` is what one replica should carry of the sum
  double tolerance_up = 0.1;
  double tolerance_down = 0.1;
  bool scale_down = true;  ///< false: disableScaleIn
};

/// A target rule `"as": "ecs"`: target tracking as Application Auto Scaling does it.
struct EcsTargetRule {
  double target = 0.0;
  bool scale_in = true;  ///< false: disableScaleIn
  Duration scale_out_cooldown{300'000};
  Duration scale_in_cooldown{300'000};
};

/// What a step's `by` is.
enum class Adjusts : std::uint8_t {
  change,   ///< replicas more, or fewer where it is negative
  percent,  ///< percent of the current count more or fewer
  exact,    ///< the count itself
};

struct Step {
  std::optional<double> from;  ///< none: no lower bound
  std::optional<double> to;    ///< none: no upper bound
  int by = 0;
  bool is_below = false;  ///< it lies on the low side: `to` is in it, not `from`
};

struct StepRule {
  Adjusts adjusts = Adjusts::change;
  std::optional<double> threshold;  ///< what bounds are relative to; none: they are absolute
  std::vector<Step> steps;          ///< in ascending order
  int min_adjustment = 1;           ///< percent: the least change
  Duration cooldown{300'000};

  [[nodiscard]] bool can_lower() const noexcept;  ///< a step may ask for fewer
  /// The step that a value lies in, or nullptr. On the upper side `from` is in it and `to` is not;
  /// on the lower side it is the other way round.
  [[nodiscard]] const Step* step_for(double value) const noexcept;
  /// What a step makes of a number of replicas, at least 0. A percentage is cut towards zero and
  /// changes at least `min_adjustment` replicas.
  [[nodiscard]] int stepped(const Step& step, int replicas) const noexcept;
};

/// Another metric that a rule reads beside its own.
struct OtherMetric {
  std::string name;  ///< empty: none
  int index = -1;
};

struct BacklogRule {
  Duration target_latency{0};
  std::optional<double> throughput;  ///< jobs a second that one replica finishes; none: learned
  OtherMetric running;               ///< jobs in hand: they count on the way down
  OtherMetric oldest;                ///< age of the oldest job that waits, in seconds
};

/// Knative's autoscaler (KPA), in loads per replica.
struct ConcurrencyRule {
  double target = 70.0;     ///< what one replica should carry: Knative's total × utilization
  double capacity = 100.0;  ///< what one replica can carry: Knative's total
  Duration window{60'000};  ///< of the stable load; a panic outlasts its cause by as much
  Duration panic_window{6'000};
  double panic_threshold = 2.0;  ///< share of what is ready that the panic load must ask for
  double max_scale_up_rate = 1000.0;
  double max_scale_down_rate = 2.0;
  Duration scale_down_delay{0};
  int delayed_kept = 32;     ///< results of scale_down_delay that are remembered at most
  int activation_scale = 1;  ///< the fewest that a load above 0 asks for
  int initial_scale = 1;     ///< the fewest until so many have been ready once
  double target_burst_capacity = 211.0;  ///< below 0: always buffer
};

struct RuleSpec {
  std::string name;
  int metric = 0;  ///< index into the policy's metrics
  double weight = 1.0;
  std::uint64_t definition = 0;  ///< fingerprint: a timer of another definition is dropped
  bool from_preset = false;      ///< a preset brought it: left out where its metric does not exist
  double activation = 0.0;       ///< with scaleToZero: above it there is work
  bool wakes = false;            ///< with scaleToZero: it can see work without replicas
  std::variant<ThresholdRule, TargetRule, EcsTargetRule, StepRule, BacklogRule, ConcurrencyRule>
      kind;
};

/// To no replicas and back: KEDA's activation with Knative's retention of the last replica.
struct ScaleToZero {
  Duration cooldown{300'000};                ///< without work for longer than this: idle
  Duration retention{0};                     ///< once idle, the last replica stays for this
  std::optional<Duration> initial_cooldown;  ///< instead, for a service just met
};

/// How far the count may go within a period (autoscaling/v2 HPAScalingPolicy).
struct ScalingPolicy {
  enum class Type : std::uint8_t { pods, percent } type = Type::pods;
  int value = 1;  ///< replicas, or percent of the count at the period's start
  Duration period{15'000};
  bool operator==(const ScalingPolicy&) const = default;
};

enum class SelectPolicy : std::uint8_t {
  max,       ///< the policy that allows the largest change
  min,       ///< the one that allows the smallest
  disabled,  ///< no change in this direction
};

struct DirectionBehavior {
  Duration stabilization_window{0};
  Duration cooldown{0};
  SelectPolicy select_policy = SelectPolicy::max;
  std::vector<ScalingPolicy> policies{};  ///< none: no rate limit
};

/// What Kubernetes does for an HPA without behavior: no periods, one bound for each evaluation.
struct KubernetesLimits {
  double scale_up_limit_factor = 2.0;   ///< up to this multiple of the current count
  double scale_up_limit_minimum = 4.0;  ///< and to so many in any case
};

/// When an instance's CPU counts: HPA's --horizontal-pod-autoscaler-cpu-initialization-period and
/// -initial-readiness-delay.
struct Readiness {
  Duration cpu_initialization_period{300'000};
  Duration initial_readiness_delay{30'000};
};

/// Open from one time of the day to another.
struct DailyTimes {
  std::chrono::minutes from{0};
  std::chrono::minutes to{0};             ///< not above `from`: of the next day
  std::uint32_t weekdays = all_weekdays;  ///< on which it opens: bit 0 (Sunday) to 6
};
struct CronTimes {
  std::string text;  ///< as normal_cron() spells it
  Cron cron;
  std::optional<Duration> duration;  ///< none: set and hold
};
struct OneTime {
  local_minutes at{};
  std::optional<local_minutes> until;  ///< none: set and hold
};

/// Bounds for some of the time: of a window while it is open, otherwise (set and hold) until
/// another one's time comes.
struct Schedule {
  std::string name;
  std::optional<int> min_replicas;
  std::optional<int> max_replicas;
  bool start_ahead = false;  ///< opens earlier by the start-up time
  std::variant<DailyTimes, CronTimes, OneTime> times;
  Zone zone = Zone::utc();
};

struct AlertSpec {
  std::string metric;
  Comparison comparison = Comparison::greater_than;
  std::optional<double> warning;
  std::optional<double> critical;
};

/// What all services of the document may take together of something they share.
struct Budget {
  std::string name;
  double limit = 0.0;
  double reserve = 0.0;  ///< of the limit; nobody grows into it
};

/// What one replica takes of a budget.
struct BudgetUse {
  Budget budget;
  double per_replica = 0.0;  ///< above 0

  /// A billionth of a replica is no more than the binary error of decimal numbers: 0.3 pays for
  /// three replicas of 0.1.
  [[nodiscard]] int replicas_paid(double used_by_others) const noexcept {
    const double free = budget.limit - budget.reserve - used_by_others;
    return static_cast<int>(std::clamp(std::floor(free / per_replica + 1e-9), 0.0, 1e9));
  }
};

struct CompiledPolicy {
  std::string name;
  std::string service;
  std::string description;
  std::string timezone;  ///< the document's; empty: UTC
  bool enabled = false;
  int min_replicas = 1;
  int max_replicas = 1;
  std::optional<int> initial_replicas;
  Duration evaluation_interval{15'000};

  std::string driver;         ///< platform.driver; empty: none named
  std::string platform_json;  ///< the platform object as it stands, for the driver to read

  std::vector<Schedule> schedules;  ///< they move the bounds (decide/schedules.hpp)

  std::vector<MetricSpec> metrics;
  std::vector<Expression> expressions;  ///< each after those it is computed from
  std::vector<RuleSpec> rules;
  Direction up = Direction::any;
  Direction down = Direction::all;
  DirectionBehavior scale_up;
  DirectionBehavior scale_down{Duration{300'000}};
  std::optional<KubernetesLimits>
      kubernetes;  ///< behavior: "kubernetes"; both lists are empty then
  std::optional<Duration> cooldown_period;
  Duration changes_kept{0};  ///< for how long what was done to the count may still matter
  bool never_scales_down = false;
  std::optional<ScaleToZero> scale_to_zero;  ///< none, or min_replicas and more
  Readiness readiness;

  std::optional<Duration> startup_expected;
  Duration startup_timeout{180'000};
  bool rollback = true;

  std::optional<int> max_total_replicas;
  std::optional<double> min_available_memory_mb;
  std::optional<int> max_scale_events_per_hour;
  std::vector<Budget> budgets;    ///< the document's
  std::vector<BudgetUse> uses;    ///< this service's
  std::vector<AlertSpec> alerts;  ///< the document's; read for `priority`

  std::vector<std::string>
      left_out;      ///< a preset's rules on metrics that this service does not have
  std::string json;  ///< normal form
  std::string hash;  ///< of `json`

  /// What a service begins with: none from the start would be a pause.
  [[nodiscard]] int first_replicas() const noexcept {
    return initial_replicas.value_or(std::max(min_replicas, 1));
  }
};

}  // namespace selfscale
