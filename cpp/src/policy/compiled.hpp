/// A policy as decide() reads it: numbered, in milliseconds, checked. Names stand here once, for
/// JSON and words.
#pragma once

#include <cstdint>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <variant>
#include <vector>

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
  bool needs_previous = false;  ///< a percentage_change rule reads it
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

struct RuleSpec {
  std::string name;
  int metric = 0;  ///< index into the policy's metrics
  double weight = 1.0;
  std::uint64_t definition = 0;  ///< fingerprint: a timer of another definition is dropped
  bool from_preset = false;      ///< a preset brought it: left out where its metric does not exist
  std::variant<ThresholdRule, TargetRule> kind;
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

struct AlertSpec {
  std::string metric;
  Comparison comparison = Comparison::greater_than;
  std::optional<double> warning;
  std::optional<double> critical;
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

  std::vector<MetricSpec> metrics;
  std::vector<RuleSpec> rules;
  Direction up = Direction::any;
  Direction down = Direction::all;
  DirectionBehavior scale_up;
  DirectionBehavior scale_down{Duration{300'000}};
  std::optional<KubernetesLimits>
      kubernetes;  ///< behavior: "kubernetes"; both lists are empty then
  std::optional<Duration> cooldown_period;
  bool never_scales_down = false;
  Readiness readiness;

  std::optional<Duration> startup_expected;
  Duration startup_timeout{180'000};
  bool rollback = true;

  std::optional<int> max_total_replicas;
  std::optional<double> min_available_memory_mb;
  std::vector<AlertSpec> alerts;  ///< the document's; read for `priority`

  std::vector<std::string>
      left_out;      ///< a preset's rules on metrics that this service does not have
  std::string json;  ///< normal form
  std::string hash;  ///< of `json`
};

}  // namespace selfscale
