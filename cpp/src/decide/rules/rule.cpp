#include "decide/rules/rule.hpp"

#include "decide/rules/backlog.hpp"
#include "decide/rules/ecs_target.hpp"
#include "decide/rules/step.hpp"
#include "decide/rules/target.hpp"
#include "decide/rules/threshold.hpp"

namespace selfscale {
namespace {

/// The one place that knows every rule.
struct Propose {
  const Situation& seen;
  std::size_t metric;
  DecisionState::Memory& memory;
  Proposal operator()(const ThresholdRule& rule) const noexcept {
    return propose_threshold(rule, seen, metric, memory);
  }
  Proposal operator()(const TargetRule& rule) const noexcept {
    return propose_target(rule, seen, metric);
  }
  Proposal operator()(const EcsTargetRule& rule) const noexcept {
    return propose_ecs_target(rule, seen, metric, memory);
  }
  Proposal operator()(const StepRule& rule) const noexcept {
    return propose_step(rule, seen, metric);
  }
  Proposal operator()(const BacklogRule& rule) const noexcept {
    return propose_backlog(rule, seen, metric);
  }
};

}  // namespace

Proposal wanting(int replicas, int current, Code up, Code hold, Code down) noexcept {
  Proposal proposal;
  proposal.replicas = replicas;
  proposal.answer = replicas > current   ? Answer::up
                    : replicas < current ? Answer::down
                                         : Answer::hold;
  proposal.code = replicas > current ? up : replicas < current ? down : hold;
  return proposal;
}

Proposal without_data(int current, Code code) noexcept {
  Proposal proposal;
  proposal.answer = Answer::missing;
  proposal.replicas = current;
  proposal.code = code;
  return proposal;
}

Proposal missing_as(const Proposal& proposal, const MetricSpec& metric, int current,
                    std::optional<Duration> missing_for) noexcept {
  Proposal changed = proposal;
  if (metric.missing.kind == MissingPolicy::Kind::ignore) {
    changed.answer = Answer::abstain;
    changed.code = Code::missing_ignored;
    return changed;
  }
  const int floor = metric.missing.at_least_replicas;
  if (metric.missing.kind == MissingPolicy::Kind::at_least && floor > current && missing_for &&
      *missing_for >= metric.missing_after) {
    changed.answer = Answer::up;
    changed.replicas = floor;
    changed.code = Code::floor_for_missing;
  }
  return changed;
}

Proposal propose(const Situation& seen, int rule, DecisionState::Memory& memory,
                 std::optional<Instant> missing_since) noexcept {
  const RuleSpec& spec = seen.policy.rules[static_cast<std::size_t>(rule)];
  const auto metric = static_cast<std::size_t>(spec.metric);
  if (memory.definition != spec.definition) memory = {};
  Proposal proposal = std::visit(Propose{seen, metric, memory}, spec.kind);
  memory.definition = 0;
  if (memory != DecisionState::Memory{}) memory.definition = spec.definition;
  if (proposal.answer == Answer::missing) {
    const auto missing_for =
        missing_since ? std::optional<Duration>{seen.at - *missing_since} : std::nullopt;
    proposal = missing_as(proposal, seen.policy.metrics[metric], seen.current, missing_for);
  }
  proposal.rule = rule;
  proposal.metric = spec.metric;
  return proposal;
}

}  // namespace selfscale
