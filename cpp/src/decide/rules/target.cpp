#include "decide/rules/target.hpp"

#include <algorithm>

namespace selfscale {
namespace {

/// Inclusive at both ends.
bool is_within_tolerance(const TargetRule& rule, double ratio) noexcept {
  return 1.0 - rule.tolerance_down <= ratio && ratio <= 1.0 + rule.tolerance_up;
}

Proposal towards(int replicas, int current) noexcept {
  return wanting(replicas, current, Code::above_target, Code::within_tolerance, Code::below_target);
}

/// A load over the target never asks for less, one under it never for more: replicas that are
/// starting or ending would turn the direction round.
Proposal in_direction(double ratio, int replicas, int current) noexcept {
  const bool turns = (ratio > 1.0 && replicas < current) || (ratio < 1.0 && replicas > current);
  Proposal proposal = towards(turns ? current : replicas, current);
  if (proposal.answer == Answer::hold) {
    proposal.code = ratio > 1.0   ? Code::above_target
                    : ratio < 1.0 ? Code::below_target
                                  : Code::within_tolerance;
  }
  return proposal;
}

Proposal held_by_fill_in(int current) noexcept {
  return wanting(current, current, Code::unready_held, Code::unready_held, Code::unready_held);
}

/// Capacity that is not known is taken to be that of the others.
double capacity_of(const Silent& silent, double mean_capacity) noexcept {
  return silent.capacity + mean_capacity * static_cast<double>(silent.unknown);
}

/// The load with missing and unready instances filled in for the direction that `ratio` shows.
InstanceLoad filled_in(InstanceLoad load, const TargetRule& rule, double ratio,
                       bool is_percent) noexcept {
  const double full = std::max(100.0, rule.target);
  const double mean_capacity = load.capacity / static_cast<double>(load.ready);
  if (ratio != 1.0) {
    const double capacity = capacity_of(load.missing, mean_capacity);
    load.capacity += capacity;
    if (ratio < 1.0) load.amount += capacity * full / 100.0;
    const double loaded = is_percent ? full : rule.target;
    load.values.add(ratio > 1.0 ? 0.0 : loaded, load.missing.count);
    load.ready += load.missing.count;
  }
  if (ratio > 1.0) {
    load.capacity += capacity_of(load.unready, mean_capacity);
    load.values.add(0.0, load.unready.count);
    load.ready += load.unready.count;
  }
  return load;
}

void add_silent(const Instance& instance, std::size_t index, Silent& silent) noexcept {
  const bool has_entry = index < instance.metrics.size() && instance.metrics[index];
  const auto capacity = has_entry ? instance.metrics[index]->capacity : std::nullopt;
  ++silent.count;
  silent.capacity += capacity.value_or(0.0);
  if (!capacity) ++silent.unknown;
}

void add_reading(const Reading& reading, InstanceLoad& load) noexcept {
  ++load.ready;
  load.values.add(reading.value);
  load.is_share = load.is_share && reading.amount && reading.capacity.value_or(0.0) > 0.0;
  load.amount += reading.amount.value_or(0.0);
  load.capacity += reading.capacity.value_or(0.0);
}

bool has_turned(double before, double after) noexcept {
  return (before < 1.0 && after > 1.0) || (before > 1.0 && after < 1.0);
}

Proposal judge(const TargetRule& rule, const InstanceLoad* load, const Situation& seen,
               std::size_t index) noexcept {
  const PlatformCounts& platform = seen.snapshot.platform;
  if (load == nullptr) {
    const double value = service_reading(seen, index)->value;
    return rule.per_replica ? judge_total(rule, value, seen.current, platform.current_replicas)
                            : judge_value(rule, value, seen.current, ready_replicas(seen.snapshot));
  }
  if (rule.per_replica) return judge_sum(rule, *load, seen.current, platform.current_replicas);
  const auto listed = static_cast<int>(seen.snapshot.instances.size());
  const int existing = platform.ready_replicas.value_or(platform.current_replicas);
  const std::string& name = seen.policy.metrics[index].metric;
  const bool is_percent = name == "cpu_usage" || name == "memory_usage";
  return judge_load(rule, *load, seen.current, std::max(0, existing - listed), is_percent);
}

}  // namespace

InstanceLoad gather_load(const Situation& seen, std::size_t index, Across across) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  InstanceLoad load{across};
  for (const Instance& instance : seen.snapshot.instances) {
    switch (standing_of(instance, metric, index, seen.policy.readiness, seen.at)) {
      case Standing::ignored:
        break;
      case Standing::unready:
        add_silent(instance, index, load.unready);
        break;
      case Standing::missing:
        add_silent(instance, index, load.missing);
        break;
      case Standing::ready:
        add_reading(*instance.metrics[index], load);
        break;
    }
  }
  load.is_share = load.is_share && across == Across::avg;
  return load;
}

double usage(const InstanceLoad& load) noexcept {
  return load.is_share ? 100.0 * load.amount / load.capacity : load.values.value();
}

Proposal judge_load(const TargetRule& rule, const InstanceLoad& load, int current, int unlisted,
                    bool is_percent) noexcept {
  const double ratio = usage(load) / rule.target;
  const bool fills_in = load.missing.count > 0 || (load.unready.count > 0 && ratio > 1.0);
  if (!fills_in) {
    if (is_within_tolerance(rule, ratio)) return towards(current, current);
    const int count = saturated(std::int64_t{load.ready} + unlisted);
    return in_direction(ratio, whole_replicas(ratio * static_cast<double>(count)), current);
  }
  const InstanceLoad filled = filled_in(load, rule, ratio, is_percent);
  const double after = usage(filled) / rule.target;
  if (is_within_tolerance(rule, after) || has_turned(ratio, after)) {
    return is_within_tolerance(rule, ratio) ? towards(current, current) : held_by_fill_in(current);
  }
  const int count = saturated(std::int64_t{filled.ready} + unlisted);
  return in_direction(after, whole_replicas(after * static_cast<double>(count)), current);
}

Proposal judge_sum(const TargetRule& rule, const InstanceLoad& load, int current,
                   int existing) noexcept {
  // Idle where it would be more: nothing is added. Loaded where it would be fewer: a target each.
  const double sum = load.values.value();
  const Proposal if_idle = judge_total(rule, sum, current, existing);
  if (load.missing.count == 0 || if_idle.answer == Answer::up) return if_idle;
  const double with_missing = sum + rule.target * static_cast<double>(load.missing.count);
  const Proposal if_loaded = judge_total(rule, with_missing, current, existing);
  if (if_loaded.answer == Answer::down) return if_loaded;
  if (if_idle.answer == Answer::hold) return if_idle;
  return held_by_fill_in(current);
}

Proposal judge_value(const TargetRule& rule, double value, int current, int ready) noexcept {
  const double ratio = value / rule.target;
  if (current == 0) return towards(whole_replicas(ratio), current);  // no tolerance from 0
  if (is_within_tolerance(rule, ratio)) return towards(current, current);
  return in_direction(ratio, whole_replicas(ratio * static_cast<double>(ready)), current);
}

Proposal judge_total(const TargetRule& rule, double value, int current, int existing) noexcept {
  const int replicas = whole_replicas(value / rule.target);
  if (current == 0) return towards(replicas, current);
  // Nothing exists yet: outside any tolerance.
  const double ratio = existing == 0 ? std::numeric_limits<double>::infinity()
                                     : value / (rule.target * static_cast<double>(existing));
  if (is_within_tolerance(rule, ratio)) return towards(current, current);
  return in_direction(ratio, replicas, current);
}

Proposal propose_target(const TargetRule& rule, const Situation& seen, std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  Proposal proposal = without_data(seen.current);
  const Reading* service = service_reading(seen, index);
  if (service != nullptr) {
    if (is_usable(*service, metric)) {
      proposal = judge(rule, nullptr, seen, index);
      proposal.value = service->value;
    }
  } else {
    const InstanceLoad load =
        gather_load(seen, index, rule.per_replica ? Across::sum : metric.across);
    if (load.ready > 0) {
      proposal = judge(rule, &load, seen, index);
      proposal.value = usage(load);
    } else if (load.missing.count == 0 && !seen.snapshot.instances.empty()) {
      proposal.code = Code::no_ready_instances;
    }
  }
  proposal.threshold = rule.target;
  const bool votes = proposal.answer == Answer::up || proposal.answer == Answer::missing;
  if (!rule.scale_down && !votes) {
    proposal.answer = Answer::abstain;
    proposal.replicas = seen.current;
    proposal.code = Code::no_lowering;
  }
  return proposal;
}

}  // namespace selfscale
