#include "decide/rules/threshold.hpp"

#include <algorithm>

#include "decide/readings.hpp"
#include "decide/rules/added_already.hpp"
#include "decide/rules/held.hpp"

namespace selfscale {
namespace {

/// 100 × (value − before) ÷ |before|; empty when the one before is 0 or not there.
std::optional<double> change_of(const Reading& reading) noexcept {
  if (!reading.previous || *reading.previous == 0.0) return std::nullopt;
  const double change = 100.0 * (reading.value - *reading.previous) / std::abs(*reading.previous);
  return std::isfinite(change) ? std::optional{change} : std::nullopt;
}

struct Gathered {
  Reduction values;
  Reduction previous;
  int missing = 0;
  bool is_share = true;  ///< percent of a known capacity
};

Gathered gather(const ThresholdRule& rule, const Situation& seen, std::size_t index) noexcept {
  const MetricSpec& metric = seen.policy.metrics[index];
  const bool is_change = rule.comparison == Comparison::percentage_change;
  Gathered all{Reduction{metric.across}, Reduction{metric.across}};
  for (const Instance& instance : seen.snapshot.instances) {
    switch (serving_standing(instance, metric, index)) {
      case Standing::ignored:
      case Standing::unready:
        continue;
      case Standing::missing:
        ++all.missing;
        continue;
      case Standing::ready:
        break;
    }
    const Reading& reading = *reading_of(instance, metric, index);
    if (is_change && !reading.previous) {
      ++all.missing;
      continue;
    }
    all.values.add(reading.value);
    all.previous.add(reading.previous.value_or(0.0));
    all.is_share = all.is_share && reading.capacity.has_value();
  }
  return all;
}

std::optional<ThresholdInput> changed_input(const Gathered& all) noexcept {
  Reading reading = Reading::of(all.values.value());
  reading.previous = all.previous.value();
  const auto change = change_of(reading);
  if (!change) return std::nullopt;
  return ThresholdInput{*change, *change, *change, all.missing == 0};
}

double filled(Reduction values, double value, int times) noexcept {
  values.add(value, times);
  return values.value();
}

/// Those that do not report: at ease where that matters for the way up, loaded for the way down.
ThresholdInput level_input(const ThresholdRule& rule, const Gathered& all) noexcept {
  const double value = all.values.value();
  if (all.missing == 0) return {value, value, value, true};
  if (rule.comparison == Comparison::less_than) {
    const double at_ease = rule.scale_down.value_or(rule.scale_up.value_or(value));
    return {value, filled(all.values, at_ease, all.missing), filled(all.values, 0.0, all.missing),
            true};
  }
  const double loaded = std::max(rule.scale_up.value_or(0.0), all.is_share ? 100.0 : 0.0);
  const bool knows_loaded = rule.scale_up || all.is_share;
  return {value, filled(all.values, 0.0, all.missing), filled(all.values, loaded, all.missing),
          knows_loaded};
}

Proposal step_up(const ThresholdRule& rule, const Situation& seen) noexcept {
  const int before = seen.current - starting_replicas(seen);
  const int wanted = std::max(seen.current, saturated(std::int64_t{before} + rule.scale_up_by));
  return wanting(wanted, seen.current, Code::above_threshold, Code::starting, Code::starting);
}

}  // namespace

std::optional<ThresholdInput> threshold_input(const ThresholdRule& rule, const Situation& seen,
                                              std::size_t metric) noexcept {
  const bool is_change = rule.comparison == Comparison::percentage_change;
  if (const Reading* reading = service_reading(seen, metric)) {
    if (!is_usable(*reading, seen.policy.metrics[metric])) return std::nullopt;
    const auto value = is_change ? change_of(*reading) : std::optional{reading->value};
    if (!value) return std::nullopt;
    return ThresholdInput{*value, *value, *value, true};
  }
  const Gathered all = gather(rule, seen, metric);
  if (all.values.count() == 0) return std::nullopt;
  auto input = is_change ? changed_input(all) : std::optional{level_input(rule, all)};
  if (!input) return std::nullopt;
  input->silent = all.missing;
  input->counted = all.values.count() + all.missing;
  return input;
}

Proposal judge_threshold(const ThresholdRule& rule, const ThresholdInput& input,
                         const Situation& seen, DecisionState::Memory& memory) noexcept {
  const bool low_is_bad = rule.comparison == Comparison::less_than;
  const auto is_past = [low_is_bad](double value, double edge) {
    return low_is_bad ? value < edge : value > edge;
  };
  const bool up = rule.scale_up && is_past(input.for_up, *rule.scale_up);
  const bool down =
      !up && rule.scale_down && input.may_lower && is_past(*rule.scale_down, input.for_down);
  const Duration up_for = held(up, seen.at, memory.above_since);
  const Duration down_for = held(down, seen.at, memory.below_since);

  Proposal proposal;
  proposal.replicas = seen.current;
  if (up && up_for >= rule.scale_up_for) {
    proposal = step_up(rule, seen);
  } else if (up) {
    proposal.code = Code::above_not_long;
  } else if (down && down_for >= rule.scale_down_for) {
    proposal.answer = Answer::down;
    proposal.code = Code::below_threshold;
    proposal.replicas = saturated(std::int64_t{seen.current} - rule.scale_down_by);
  } else if (down) {
    proposal.code = Code::below_not_long;
  } else if (!rule.scale_down && is_past(*rule.scale_up, input.value)) {
    proposal.answer = Answer::abstain;
    proposal.code = Code::no_lowering;
  } else {
    proposal.code = Code::within_band;
  }
  proposal.value = input.value;
  proposal.silent = input.silent;
  proposal.counted = input.silent > 0 ? input.counted : 0;
  proposal.held_for = up ? up_for : down_for;
  proposal.threshold = down || !rule.scale_up ? *rule.scale_down : *rule.scale_up;
  return proposal;
}

Proposal propose_threshold(const ThresholdRule& rule, const Situation& seen, std::size_t metric,
                           DecisionState::Memory& memory) noexcept {
  if (const auto input = threshold_input(rule, seen, metric)) {
    return judge_threshold(rule, *input, seen, memory);
  }
  memory = {};
  Proposal proposal = without_data(seen.current);
  proposal.threshold = rule.scale_up.value_or(rule.scale_down.value_or(0.0));
  return proposal;
}

}  // namespace selfscale
