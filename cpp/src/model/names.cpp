#include "model/names.hpp"

#include <array>
#include <selfscale/stages.hpp>

namespace selfscale {
namespace {

template <std::size_t N, class E>
std::string_view look_up(const std::array<std::string_view, N>& names, E value) noexcept {
  const auto index = static_cast<std::size_t>(value);
  return index < N ? names[index] : std::string_view{};
}

// In the order of the enumerations.
constexpr std::array<std::string_view, 68> codes{"above_threshold",
                                                 "below_threshold",
                                                 "above_not_long",
                                                 "below_not_long",
                                                 "within_band",
                                                 "above_target",
                                                 "below_target",
                                                 "within_tolerance",
                                                 "unready_held",
                                                 "no_ready_instances",
                                                 "step_up",
                                                 "step_down",
                                                 "outside_steps",
                                                 "stable_load",
                                                 "panic_load",
                                                 "panic_held",
                                                 "delayed_down",
                                                 "scale_floor",
                                                 "backlog_due",
                                                 "oldest_job_late",
                                                 "throughput_unknown",
                                                 "starting",
                                                 "inactive",
                                                 "no_lowering",
                                                 "no_data",
                                                 "data_refused",
                                                 "floor_for_missing",
                                                 "missing_ignored",
                                                 "unheard_held",
                                                 "largest_up",
                                                 "smallest_up",
                                                 "all_agree_down",
                                                 "smallest_down",
                                                 "rules_disagree",
                                                 "missing_blocks_down",
                                                 "missing_blocks_up",
                                                 "all_abstain",
                                                 "all_hold",
                                                 "activated",
                                                 "idle",
                                                 "idle_not_long",
                                                 "nobody_wakes",
                                                 "paused_at_zero",
                                                 "below_minimum",
                                                 "above_maximum",
                                                 "schedule_minimum",
                                                 "schedule_maximum",
                                                 "updating",
                                                 "scale_up_stabilized",
                                                 "scale_down_stabilized",
                                                 "scale_up_rate",
                                                 "scale_down_rate",
                                                 "scale_up_disabled",
                                                 "scale_down_disabled",
                                                 "scale_up_cooldown",
                                                 "scale_down_cooldown",
                                                 "cooldown_period",
                                                 "at_maximum",
                                                 "at_minimum",
                                                 "total_replicas_limit",
                                                 "memory_limit",
                                                 "budget_limit",
                                                 "hourly_events_limit",
                                                 "platform_unknown",
                                                 "total_replicas_exceeded",
                                                 "budget_exceeded",
                                                 "hourly_events_exceeded",
                                                 "memory_short"};
constexpr std::array<std::string_view, 5> answers{"up", "hold", "down", "abstain", "missing"};
constexpr std::array<std::string_view, 10> stage_names{
    "bounds",    "readings",   "rules",    "combine", "activate",
    "stabilize", "rate_limit", "cooldown", "limits",  "guardrails"};
constexpr std::array<std::string_view, 4> standings{"ignored", "unready", "missing", "ready"};
constexpr std::array<std::string_view, 3> activities{"activating", "active", "inactive"};
constexpr std::array<std::string_view, 4> priorities{"low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 3> actions{"scale", "hold", "none"};
constexpr std::array<std::string_view, 5> triggers{"policy", "schedule", "manual", "rollback",
                                                   "foreign"};
constexpr std::array<std::string_view, 6> outcomes{"accepted",    "succeeded", "failed",
                                                   "rolled_back", "adopted",   "superseded"};
constexpr std::array<std::string_view, 9> missings{"no",     "not_reported", "timed_out",
                                                   "stale",  "incomplete",   "refused",
                                                   "denied", "unknown",      "unheard"};
constexpr std::array<std::string_view, 5> phases{"running", "pending", "failed", "succeeded",
                                                 "unknown"};

}  // namespace

std::string_view name_of(Code code) noexcept { return look_up(codes, code); }
std::string_view name_of(Answer answer) noexcept { return look_up(answers, answer); }
std::string_view name_of(Stage stage) noexcept { return look_up(stage_names, stage); }
std::string_view name_of(Activity activity) noexcept { return look_up(activities, activity); }
std::string_view name_of(Standing standing) noexcept { return look_up(standings, standing); }
std::string_view name_of(Priority priority) noexcept { return look_up(priorities, priority); }
std::string_view name_of(Action action) noexcept { return look_up(actions, action); }
std::string_view name_of(Trigger trigger) noexcept { return look_up(triggers, trigger); }
std::string_view name_of(Outcome outcome) noexcept { return look_up(outcomes, outcome); }
std::string_view name_of(Missing missing) noexcept { return look_up(missings, missing); }
std::string_view name_of(Phase phase) noexcept { return look_up(phases, phase); }

std::optional<Code> code_named(std::string_view name) noexcept { return named<Code>(name); }

}  // namespace selfscale
