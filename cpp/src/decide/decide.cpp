// decide(): the order of work of docs/policy.md, one line per stage; and each stage for itself.
#include <algorithm>
#include <selfscale/decide.hpp>
#include <selfscale/stages.hpp>

#include "decide/activate.hpp"
#include "decide/combine.hpp"
#include "decide/confidence.hpp"
#include "decide/cooldown.hpp"
#include "decide/expression.hpp"
#include "decide/limits.hpp"
#include "decide/rate_limit.hpp"
#include "decide/readings.hpp"
#include "decide/rules/rule.hpp"
#include "decide/schedules.hpp"
#include "decide/stabilize.hpp"

namespace selfscale {
namespace {

/// One evaluation: `wanted` goes through the stages, each change leaves an adjustment.
class Evaluation {
 public:
  Evaluation(const CompiledPolicy& policy, const Snapshot& snapshot, DecisionState& state,
             Decision& decision)
      : seen_{policy, snapshot, std::max(state.at, snapshot.at),
              snapshot.platform.desired_replicas},
        policy_{policy},
        bounds_{bounds_at(policy, snapshot.wall_time_seconds, snapshot.estimates)},
        state_{state},
        decision_{decision},
        recommendation_{decision.recommendation},
        wanted_{seen_.current} {
    begin();
  }

  void run() {
    if (!is_platform_known()) {
      ask_rules();
      combine_wishes();
      hold_unknown_platform();
    } else if (is_paused()) {
      stay_paused();
    } else if (const auto bound = out_of_bounds()) {
      recommendation_.code = bound->code;
      adjust(Stage::bounds, *bound);
    } else {
      ask_rules();
      combine_wishes();
      activate();
      stabilize();
      if (is_damped_) {
        limit_rate();
        cool_down();
      }
      limit();
    }
    conclude();
  }

  /// One stage alone makes of `wanted` what it makes of it in a decision.
  Staged run(int wanted, void (Evaluation::*stage)()) {
    wanted_ = wanted;
    (this->*stage)();
    return {wanted_, recommendation_.adjustments};
  }

  void ask_rules() {
    note_missing(seen_, state_.missing_since);
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
      const auto metric = static_cast<std::size_t>(policy_.rules[i].metric);
      recommendation_.proposals.push_back(
          propose(seen_, static_cast<int>(i), state_.rules[i], state_.missing_since[metric]));
      Proposal& proposal = recommendation_.proposals.back();
      const bool has_none = proposal.code == Code::no_data;
      if (has_none && is_refused(seen_, metric)) proposal.code = Code::data_refused;
    }
  }

  /// The way to no replicas, and back.
  void activate() {
    const auto [limited, is_final] = selfscale::activate(seen_, wanted_, state_.last_active);
    adjust(Stage::activate, limited);
    is_damped_ = !is_final;
    if (is_final && limited.replicas != seen_.current) recommendation_.code = limited.code;
  }

  /// The windows, a deployment under way, the schedules.
  void stabilize() {
    if (is_answered_ && is_damped_) look_back();
    hold_while_updating();
    adjust(Stage::stabilize, within_schedules(bounds_, wanted_));
  }

  void limit_rate() {
    adjust(Stage::rate_limit,
           within_rate(policy_, bounds_, state_, wanted_, seen_.current, seen_.at));
  }

  /// The bounds, then the guardrails.
  void limit() {
    const Shared& shared = seen_.snapshot.shared;
    const bool sleeps = wanted_ == 0 && may_sleep();
    if (!sleeps) adjust(Stage::limits, within_bounds(bounds_, wanted_));
    adjust(Stage::guardrails, within_total(policy_, shared, wanted_, seen_.current));
    adjust(Stage::guardrails, within_memory(policy_, shared, wanted_, seen_.current));
    adjust(Stage::guardrails, within_budgets(policy_, bounds_, shared, wanted_, seen_.current));
    adjust(Stage::guardrails,
           within_hourly_events(policy_, shared, state_, wanted_, seen_.current, seen_.at));
  }

 private:
  void begin() {
    state_.at = seen_.at;
    state_.rules.resize(policy_.rules.size());
    for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
      prepare(state_.rules[i], policy_.rules[i]);
    }
    state_.missing_since.resize(policy_.metrics.size());
    recommendation_.proposals.clear();
    recommendation_.adjustments.clear();
    recommendation_.alerts.clear();
    recommendation_.leading = -1;
    recommendation_.current_replicas = seen_.current;
    if (!state_.seen && is_platform_known()) meet();
    forget_old_changes(state_, policy_, seen_.at);
    seen_.changes = state_.changes;
    if (!policy_.expressions.empty()) computed_.emplace().work_out(seen_);
  }

  /// Who has brought it to none before we knew it nobody can say; with scaleToZero it is asleep.
  void meet() {
    seed(state_, policy_, seen_.current, seen_.at);
    const bool is_changed = state_.last_up || state_.last_down;
    if (!policy_.scale_to_zero) return;
    if (!is_changed && seen_.current == 0) state_.scaled_to_zero = true;
    if (const auto initial = policy_.scale_to_zero->initial_cooldown) {
      state_.last_active = seen_.at + (*initial - policy_.scale_to_zero->cooldown);
    }
  }

  [[nodiscard]] bool is_platform_known() const { return seen_.snapshot.platform.error.empty(); }

  /// No replicas, and not by our doing: somebody has paused the service (HPA's ScalingDisabled).
  /// What is measured on replicas alone could not wake it either.
  [[nodiscard]] bool is_paused() const {
    if (seen_.current != 0) return false;
    return !state_.scaled_to_zero ||
           ((bounds_.min_replicas == 0 || may_sleep()) && !sees_without_replicas(seen_.snapshot));
  }

  /// A policy's own minimum holds for a service that is awake, a schedule's at any time.
  [[nodiscard]] bool may_sleep() const {
    return policy_.scale_to_zero && !bounds_.is_min_scheduled;
  }

  /// When the pause ends, time without work counts from there.
  void stay_paused() {
    state_.last_active.reset();
    if (const auto bound = outside_bounds(bounds_, seen_.current)) wanted_ = bound->replicas;
    adjust(Stage::activate, {seen_.current, Code::paused_at_zero});
    recommendation_.code = Code::paused_at_zero;
  }

  /// From no replicas the rules say how many it takes; the minimum comes after them.
  [[nodiscard]] std::optional<Limited> out_of_bounds() const {
    return seen_.current == 0 ? std::nullopt : outside_bounds(bounds_, seen_.current);
  }

  void combine_wishes() {
    const Combined combined =
        combine(recommendation_.proposals, seen_.current, policy_.up, policy_.down);
    recommendation_.code = combined.code;
    recommendation_.leading = combined.leading;
    wanted_ = combined.replicas;
    is_answered_ = combined.code != Code::no_data && combined.code != Code::missing_blocks_down &&
                   combined.code != Code::missing_blocks_up;
  }

  void hold_unknown_platform() {
    adjust(Stage::readings, {seen_.current, Code::platform_unknown});
    recommendation_.code = Code::platform_unknown;
  }

  void look_back() {
    const Stabilized result =
        selfscale::stabilize(state_, policy_, wanted_, seen_.current, seen_.at);
    if (result.replicas == wanted_) return;
    const auto& direction =
        result.code == Code::scale_up_stabilized ? policy_.scale_up : policy_.scale_down;
    const auto seconds = static_cast<double>(direction.stabilization_window.count()) / 1000.0;
    adjust(Stage::stabilize, {result.replicas, result.code, seconds});
  }

  /// Replicas come and go by themselves then, and the averages say little.
  void hold_while_updating() {
    if (!seen_.snapshot.platform.updating || wanted_ >= seen_.current) return;
    adjust(Stage::stabilize, {seen_.current, Code::updating});
  }

  void cool_down() {
    const auto pause = pause_for(wanted_, seen_.current, policy_, state_, seen_.at);
    if (!pause) return;
    const auto seconds = static_cast<double>(pause->length.count()) / 1000.0;
    adjust(Stage::cooldown, {seen_.current, pause->code, seconds});
  }

  void adjust(Stage stage, Limited limited) {
    if (limited.replicas == wanted_) return;
    recommendation_.adjustments.push_back(
        {stage, wanted_, limited.replicas, limited.code, limited.limit});
    wanted_ = limited.replicas;
  }

  void conclude() {
    recommendation_.recommended_replicas = wanted_;
    decision_.at = seen_.at;
    decision_.from_replicas = seen_.current;
    decision_.to_replicas = wanted_;
    decision_.held_by.reset();
    const bool changes = wanted_ != seen_.current;
    const bool is_held = !changes && !recommendation_.adjustments.empty();
    decision_.action = changes ? Action::scale : is_held ? Action::hold : Action::none;
    if (is_held) {
      decision_.held_by = recommendation_.adjustments.back().stage;
      recommendation_.code = recommendation_.adjustments.back().code;
    }
    if (is_platform_known()) {
      note_alerts(policy_, seen_.snapshot.shared, state_, wanted_, seen_.current, seen_.at,
                  recommendation_.alerts);
    }
    recommendation_.confidence = confidence_of(seen_, recommendation_, state_.past);
    recommendation_.priority = priority_of(policy_, recommendation_);
  }

  Situation seen_;
  std::optional<Computed> computed_;
  const CompiledPolicy& policy_;
  const Bounds bounds_;  // in force now
  DecisionState& state_;
  Decision& decision_;
  Recommendation& recommendation_;
  int wanted_;
  /// Where a rule without data stands in the way there is nothing to be remembered.
  bool is_answered_ = true;
  bool is_damped_ = true;  ///< neither the way to no replicas nor the one back decides alone
};

}  // namespace

void decide(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
            Decision& decision) {
  Evaluation{policy.compiled(), snapshot, state, decision}.run();
}

Decision decide(const Policy& policy, const Snapshot& snapshot, DecisionState& state) {
  Decision decision;
  decide(policy, snapshot, state, decision);
  return decision;
}

namespace stages {
namespace {

std::size_t index_of(const CompiledPolicy& policy, std::string_view metric) {
  std::string known;
  for (std::size_t i = 0; i < policy.metrics.size(); ++i) {
    if (policy.metrics[i].name == metric) return i;
    known += (known.empty() ? "" : ", ") + policy.metrics[i].name;
  }
  throw Error{Errc::invalid_argument, "the policy of " + policy.service + " has no metric " +
                                          std::string{metric} + "; it has " + known};
}

Staged run(const Policy& policy, const Snapshot& snapshot, DecisionState& state, int wanted,
           void (Evaluation::*stage)()) {
  Decision decision;
  return Evaluation{policy.compiled(), snapshot, state, decision}.run(wanted, stage);
}

}  // namespace

std::vector<std::optional<Standing>> classify(const Policy& policy, const Snapshot& snapshot,
                                              std::string_view metric) {
  const CompiledPolicy& compiled = policy.compiled();
  const std::size_t index = index_of(compiled, metric);
  std::vector<std::optional<Standing>> standings;
  for (const Instance& instance : snapshot.instances) {
    standings.emplace_back();
    if (!instance.listed) continue;
    standings.back() =
        standing_of(instance, compiled.metrics[index], index, compiled.readiness, snapshot.at);
  }
  return standings;
}

std::vector<Proposal> propose(const Policy& policy, const Snapshot& snapshot,
                              DecisionState& state) {
  Decision decision;
  Evaluation{policy.compiled(), snapshot, state, decision}.ask_rules();
  return std::move(decision.recommendation.proposals);
}

Staged activate(const Policy& policy, const Snapshot& snapshot, DecisionState& state, int wanted) {
  return run(policy, snapshot, state, wanted, &Evaluation::activate);
}

Gated gate(const Gate& gate, const GateInput& input) noexcept { return gated(gate, input); }

Staged stabilize(const Policy& policy, const Snapshot& snapshot, DecisionState& state, int wanted) {
  return run(policy, snapshot, state, wanted, &Evaluation::stabilize);
}

Staged rate_limit(const Policy& policy, const Snapshot& snapshot, DecisionState& state,
                  int wanted) {
  return run(policy, snapshot, state, wanted, &Evaluation::limit_rate);
}

Staged limit(const Policy& policy, const Snapshot& snapshot, DecisionState& state, int wanted) {
  return run(policy, snapshot, state, wanted, &Evaluation::limit);
}

}  // namespace stages

}  // namespace selfscale
