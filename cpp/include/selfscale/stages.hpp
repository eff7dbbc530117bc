/// The stages that decide() is made of, each for itself: the same functions, one at a time.
///
/// Pure as decide() is. Each looks at the replicas asked for (`snapshot.platform.desired_replicas`)
/// as those that a change is counted from, takes `snapshot.at` for now, or the time of the last
/// decision where that is later, and leaves in `state` what decide() would have left there at that
/// stage. A state that has never met the service meets it: what is there counts as the first
/// recommendation. Never throws for what a snapshot holds, but where it says so.
#pragma once

#include <cstdint>
#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/policy.hpp>
#include <selfscale/snapshot.hpp>
#include <span>
#include <string_view>
#include <vector>

namespace selfscale {

/// How an instance counts for a metric, as Kubernetes' HPA classifies pods.
enum class Standing : std::uint8_t {
  ignored,  ///< being deleted, failed or ended: it is going
  unready,  ///< not serving yet: it will take load, and carries none
  missing,  ///< serving, without a reading
  ready,
};
SELFSCALE_API std::string_view name_of(Standing standing) noexcept;

/// What a stage makes of a number of replicas.
struct Staged {
  int replicas = 0;
  std::vector<Adjustment> adjustments;  ///< the changes that led there; empty: none
  bool operator==(const Staged&) const = default;
};

/// A load at one instant.
struct Load {
  Instant at{};
  double value = 0.0;
};

/// A load over a window.
struct Windowed {
  double value = 0.0;
  bool is_empty = true;  ///< nothing was recorded within the window
};

/// What Knative does with the number that its autoscaler wants: bounds, and the way to none.
struct Gate {
  int min = 0;
  int max = 0;                ///< 0: none
  int initial_scale = 1;      ///< acts as min until so many have been ready once
  bool scale_to_zero = true;  ///< false: one replica always stays
  Duration stable_window{60'000};
  Duration grace_period{30'000};  ///< so long the buffer takes the traffic before the last one goes
  Duration retention{0};          ///< so long the last one stays at least
  bool is_always_buffered = false;
};

/// A service as Knative sees it: being brought up, in use, or not.
enum class Activity : std::uint8_t { activating, active, inactive };
SELFSCALE_API std::string_view name_of(Activity activity) noexcept;

/// What it does that by.
struct GateInput {
  std::optional<int> wanted;  ///< empty: not known
  int current = 0;
  Activity activity = Activity::active;
  Duration active_for{0};
  Duration inactive_for{0};
  Duration buffered_for{0};
  bool is_buffered = false;  ///< a probe has found the buffer in the path
  bool activation_deadline_passed = false;
  bool is_initialized = false;
  bool is_reachable = true;  ///< false: neither min, initial scale nor retention hold
};

/// What becomes of the number.
struct Gated {
  std::optional<int> replicas;  ///< empty: not known
  bool applies = false;         ///< false: nothing is written for now
  bool writes = false;          ///< applies, and is another number than the current one
};

namespace stages {

/// How each instance of the snapshot counts for a metric of the policy, by Kubernetes'
/// classification (horizontal.go, groupPods): readiness and the time since the start matter for CPU
/// alone. Empty: the platform does not list the instance. Throws Error(invalid_argument) for a
/// metric that the policy does not have.
SELFSCALE_API std::vector<std::optional<Standing>> classify(const Policy& policy,
                                                            const Snapshot& snapshot,
                                                            std::string_view metric);

/// The load over the last `window`, as Knative aggregates it (pkg/autoscaler/aggregation): loads
/// are summed in buckets of `bucket`, in the order in which they were recorded; the average is over
/// the buckets from the first to the latest that was recorded, rounded to 6 decimals. Weighted,
/// newer buckets weigh more, a, a(1−a), a(1−a)², …, so that all hold 99.99 % of the weight, a being
/// at least 0.2, and those since the latest count as 0. Throws Error(invalid_argument) unless
/// `bucket` is above 0 and the window has 1 to 100 000 of them.
SELFSCALE_API Windowed window(std::span<const Load> loads, Duration window, Duration bucket,
                              Instant at, bool weighted = false);

/// The largest of the numbers of the last `window`, counted back from the latest in buckets of
/// `bucket`, as Knative's scale-down delay has it. 0 of none. Throws likewise.
SELFSCALE_API int window_maximum(std::span<const DecisionState::Wanted> numbers, Duration window,
                                 Duration bucket);

/// What every rule wants, in the order of the policy's rules.
SELFSCALE_API std::vector<Proposal> propose(const Policy& policy, const Snapshot& snapshot,
                                            DecisionState& state);

/// What `scaleToZero` makes of it: the step to no replicas and the one back; without it, that the
/// last replica stays where nobody could bring the service back.
SELFSCALE_API Staged activate(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                              int wanted);

/// min, max and initial scale; then, for 0: never without `scale_to_zero`; while activating once
/// its deadline has passed; while active not at all: 1 until it has been active for the stable
/// window, then it is only marked inactive (0, without a write); while inactive once the buffer is
/// in the path, inactive for the grace period and the retention, or for the retention and buffered
/// for the grace period.
SELFSCALE_API Gated gate(const Gate& gate, const GateInput& input) noexcept;

/// What the stabilization windows of `behavior` leave of a recommendation, which is remembered as
/// it came; then a deployment under way, and the bounds of schedules.
SELFSCALE_API Staged stabilize(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                               int wanted);

/// What the scaling policies of `behavior` leave of it, after the changes that `state` knows of. A
/// bound that is not tighter than the policy's own `minReplicas` or `maxReplicas` is left to
/// limit().
SELFSCALE_API Staged rate_limit(const Policy& policy, const Snapshot& snapshot,
                                DecisionState& state, int wanted);

/// What `minReplicas`, `maxReplicas` and the guardrails leave of it. Guardrails stop growth alone.
SELFSCALE_API Staged limit(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                           int wanted);

}  // namespace stages

}  // namespace selfscale
