#include "decide/rules/rule.hpp"

#include <algorithm>

#include "decide/activate.hpp"
#include "decide/rules/backlog.hpp"
#include "decide/rules/concurrency.hpp"
#include "decide/rules/ecs_target.hpp"
#include "decide/rules/serving.hpp"
#include "decide/rules/step.hpp"
#include "decide/rules/target.hpp"
#include "decide/rules/threshold.hpp"

namespace selfscale {
namespace {

const DecisionState::Memory nothing;  // what most rules remember

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
  Proposal operator()(const ConcurrencyRule& rule) const noexcept {
    return propose_concurrency(rule, seen, metric, memory);
  }
};

/// Of a service without replicas, a rule that is not past its activation asks for none.
bool is_asleep(const Situation& seen, const RuleSpec& rule, const Proposal& proposal) noexcept {
  return seen.current == 0 && seen.policy.scale_to_zero &&
         proposal.code != Code::floor_for_missing && work_of(seen, rule) != Work::some;
}

/// What those that are heard would give up, others may be busy with: each agent reads its own host.
bool leaves_out_some(const Situation& seen, std::size_t metric) noexcept {
  if (service_reading(seen, metric) != nullptr) return false;
  const MetricSpec& spec = seen.policy.metrics[metric];
  return std::ranges::any_of(seen.snapshot.instances, [&](const Instance& instance) {
    const Reading* entry = entry_of(instance, metric);
    return entry != nullptr && entry->missing == Missing::unheard &&
           serving_standing(instance, spec, metric) == Standing::missing;
  });
}

}  // namespace

Answer answer_of(int replicas, int current) noexcept {
  return replicas > current ? Answer::up : replicas < current ? Answer::down : Answer::hold;
}

Proposal wanting(int replicas, int current, Code up, Code hold, Code down) noexcept {
  Proposal proposal;
  proposal.replicas = replicas;
  proposal.answer = answer_of(replicas, current);
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

void prepare(DecisionState::Memory& memory, const RuleSpec& rule) {
  if (memory.definition != rule.definition && memory != nothing) {
    auto room = std::move(memory.delayed);
    room.clear();
    memory = {};
    memory.delayed = std::move(room);
  }
  const auto* concurrency = std::get_if<ConcurrencyRule>(&rule.kind);
  if (concurrency == nullptr || concurrency->scale_down_delay.count() == 0) return;
  memory.delayed.reserve(static_cast<std::size_t>(concurrency->delayed_kept) + 1);
}

Proposal propose(const Situation& seen, int rule, DecisionState::Memory& memory,
                 std::optional<Instant> missing_since) noexcept {
  const RuleSpec& spec = seen.policy.rules[static_cast<std::size_t>(rule)];
  const auto metric = static_cast<std::size_t>(spec.metric);
  Proposal proposal = std::visit(Propose{seen, metric, memory}, spec.kind);
  memory.definition = 0;
  if (memory != nothing) memory.definition = spec.definition;
  if (proposal.answer == Answer::missing) {
    const auto missing_for =
        missing_since ? std::optional<Duration>{seen.at - *missing_since} : std::nullopt;
    proposal = missing_as(proposal, seen.policy.metrics[metric], seen.current, missing_for);
  }
  if (proposal.answer == Answer::down && leaves_out_some(seen, metric)) {
    proposal.answer = Answer::hold;
    proposal.replicas = seen.current;
    proposal.code = Code::unheard_held;
  }
  if (proposal.answer == Answer::up && is_asleep(seen, spec, proposal)) {
    proposal.answer = Answer::hold;
    proposal.replicas = seen.current;
    proposal.code = Code::inactive;
  }
  proposal.rule = rule;
  proposal.metric = spec.metric;
  return proposal;
}

}  // namespace selfscale
