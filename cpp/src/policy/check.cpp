#include "policy/check.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/json.hpp"
#include "policy/metrics.hpp"
#include "policy/names.hpp"
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

/// Rules stand in `rules`, then in `thresholds`.
void hint_at_rule(Reader& reader, std::size_t number, std::string message) {
  std::string_view list = "rules";
  if (const Json* rules = reader.find("rules"); rules == nullptr || number >= rules->size()) {
    number -= rules == nullptr ? 0 : rules->size();
    list = "thresholds";
  }
  reader.findings().hints.push_back({reader.place(list) + '/' + std::to_string(number),
                                     shortened((*reader.find(list))[number]), std::move(message)});
}

/// What one replica has after their number has changed: they share the load evenly.
double shared_anew(double value, int before, int after) { return value * before / after; }

/// What a rule makes of a number of replicas while each has this value.
int answer(const ThresholdRule& rule, double value, int replicas) {
  if (rule.scale_up && value > *rule.scale_up) return replicas + rule.scale_up_by;
  if (rule.scale_down && value < *rule.scale_down) return replicas - rule.scale_down_by;
  return replicas;
}
int answer(const StepRule& rule, double value, int replicas) {
  const Step* step = rule.step_for(value);
  return step == nullptr ? replicas : rule.stepped(*step, replicas);
}

/// Where an answer begins: the least that asks for more and the most that asks for less flip first.
std::vector<double> edges(const ThresholdRule& rule) {
  std::vector<double> found;
  if (rule.scale_up) found.push_back(std::nextafter(*rule.scale_up, HUGE_VAL));
  if (rule.scale_down) found.push_back(std::nextafter(*rule.scale_down, -HUGE_VAL));
  return found;
}
std::vector<double> edges(const StepRule& rule) {
  const double threshold = rule.threshold.value_or(0.0);
  std::vector<double> found;
  for (const Step& step : rule.steps) {
    if (step.from) found.push_back(threshold + *step.from);
    if (step.from) found.push_back(std::nextafter(threshold + *step.from, HUGE_VAL));
    if (step.to) found.push_back(threshold + *step.to);
    if (step.to) found.push_back(std::nextafter(threshold + *step.to, -HUGE_VAL));
  }
  return found;
}

/// Schedules may go below the policy's own minimum.
int lowest_minimum(const CompiledPolicy& policy) {
  int least = policy.min_replicas;
  for (const Schedule& schedule : policy.schedules) {
    least = std::min(least, schedule.min_replicas.value_or(least));
  }
  return least;
}

/// Where something serves.
int fewest(const CompiledPolicy& policy) { return std::max(1, lowest_minimum(policy)); }

/// One step asks for the opposite: at the same load the count would swing forever. With more
/// replicas one of them matters less, so the fewest show it; percentages are rounded, so some more
/// are looked at.
template <class Rule>
bool one_step_flips(const Rule& rule, const CompiledPolicy& policy) {
  constexpr int enough = 100;
  const int least = fewest(policy);
  const int most = std::max(least, policy.max_replicas);
  const auto next = [&](double value, int replicas) {
    return std::clamp(answer(rule, value, replicas), least, most);
  };
  for (int first = least; first <= std::min(most, least + enough); ++first) {
    for (const double edge : edges(rule)) {
      const int second = next(edge, first);
      const int third = next(shared_anew(edge, first, second), second);
      if ((second > first && third < second) || (second < first && third > second)) return true;
    }
  }
  return false;
}

/// Against the window before, a step is a change of load itself: also of a sum, which is of those
/// that were there before and still are.
bool step_is_a_change(const ThresholdRule& rule, const CompiledPolicy& policy) {
  if (!rule.scale_up || !rule.scale_down) return false;
  const double least = fewest(policy);
  const double fall = -100.0 * rule.scale_up_by / (least + rule.scale_up_by);
  const double rise = 100.0 * rule.scale_down_by / least;
  return fall < *rule.scale_down || rise > *rule.scale_up;
}

/// An app's own, of which nobody knows how it depends on the number of replicas: what is added up
/// or averaged is taken to be shared.
bool is_taken_to_be_shared(const MetricSpec& metric) {
  const bool adds_up = metric.across == Across::avg || metric.across == Across::sum;
  return builtin_metric(metric.metric) == nullptr && !metric.is_computed() && adds_up &&
         metric.aggregation < Aggregation::p50;
}

/// More replicas carry less of it each.
bool is_shared(const MetricSpec& metric) {
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  return builtin == nullptr ? is_taken_to_be_shared(metric) : builtin->shared_by_replicas;
}

/// And the rule looks at one's share.
bool sees_a_share(const MetricSpec& metric) {
  return is_shared(metric) && metric.across != Across::sum;
}

bool swings(const RuleSpec& rule, const CompiledPolicy& policy) {
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  if (!is_shared(metric)) return false;
  const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
  if (threshold != nullptr && threshold->comparison == Comparison::percentage_change) {
    return step_is_a_change(*threshold, policy);
  }
  if (!sees_a_share(metric)) return false;
  if (const auto* step = std::get_if<StepRule>(&rule.kind)) return one_step_flips(*step, policy);
  // Of less_than more replicas make it worse, up to a bound.
  return threshold != nullptr && threshold->comparison == Comparison::greater_than &&
         one_step_flips(*threshold, policy);
}

bool can_lower(const RuleSpec& rule) { return type_of(rule.kind).can_lower(rule.kind); }

/// More replicas content a rule that only asks for more, and then it has no say in what the others
/// take away again. A target wants one of none whatever there is to do, unless scaleToZero decides.
bool is_overruled(const RuleSpec& rule, const CompiledPolicy& policy) {
  if (policy.up == Direction::all || can_lower(rule)) return false;
  if (std::ranges::none_of(policy.rules, can_lower)) return false;
  const auto* target = std::get_if<TargetRule>(&rule.kind);
  const bool may_be_none = !policy.scale_to_zero && lowest_minimum(policy) == 0;
  const bool is_contented = target != nullptr && (target->per_replica || may_be_none);
  // What is taken away is a change of what stays: also of a sum.
  const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
  const bool sees_changes =
      threshold != nullptr && threshold->comparison == Comparison::percentage_change;
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  return is_contented || (sees_changes ? is_shared(metric) : sees_a_share(metric));
}

/// Application Auto Scaling has a policy for each side; here one rule has both.
bool has_other_half(const RuleSpec& rule, const CompiledPolicy& policy) {
  return std::holds_alternative<StepRule>(rule.kind) &&
         std::ranges::any_of(policy.rules, [&](const RuleSpec& other) {
           return other.metric == rule.metric && std::holds_alternative<StepRule>(other.kind) &&
                  can_lower(other);
         });
}

/// What a hint at a rule on an app's own metric supposes.
std::string supposition(const RuleSpec& rule, const CompiledPolicy& policy) {
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  const auto* target = std::get_if<TargetRule>(&rule.kind);
  const bool adds_up = target != nullptr && target->per_replica;
  if (adds_up || !is_taken_to_be_shared(metric)) return {};
  return ". That is so if the replicas share " + metric.name +
         "; if each of them reports all of it, give the metric \"across\": \"max\"";
}

void hint_at_swings(Reader& reader, const CompiledPolicy& policy, std::size_t number) {
  const RuleSpec& rule = policy.rules[number];
  if (policy.never_scales_down) return;
  const bool is_of_preset = rule.from_preset && reader.has("preset");
  const auto hint = [&](std::string message) {
    message += supposition(rule, policy);
    if (is_of_preset) return reader.hint("preset", rule.name + ": " + message);
    hint_at_rule(reader, number, message);
  };
  if (swings(rule, policy)) {
    hint(
        std::string{"one step asks for a step back: what this rule adds at its upper edge it takes "
                    "away again, or the other way round, at the same load; "} +
        (is_of_preset ? "by what this policy changes of the preset: keep its minReplicas and its "
                        "steps, or write rules of your own"
                      : "move scaleUp and scaleDown apart, or make the steps smaller"));
  }
  if (is_overruled(rule, policy)) {
    hint(std::string{"only asks for more, so the other rules may take away again what it has "
                     "added, at the same load; "} +
         (has_other_half(rule, policy)
              ? "put both sides into one step rule: its steps may ask for more and for fewer"
              : "let it ask for fewer too, at a value well below"));
  }
}

bool may_never_lower(const RuleSpec& rule) {
  if (const auto* threshold = std::get_if<ThresholdRule>(&rule.kind)) {
    return threshold->scale_down.has_value();
  }
  const auto* target = std::get_if<TargetRule>(&rule.kind);
  return target != nullptr && target->scale_down;
}

/// Where a rule begins to ask for more, in the unit of its metric, and how that is called.
std::pair<std::string_view, std::optional<double>> edge_for_more(const RuleSpec& rule) {
  if (const auto* threshold = std::get_if<ThresholdRule>(&rule.kind)) {
    const bool is_level = threshold->comparison == Comparison::greater_than;
    return {"scaleUp", is_level ? threshold->scale_up : std::nullopt};
  }
  if (const auto* target = std::get_if<TargetRule>(&rule.kind)) {
    return {target->per_replica ? "targetPerReplica" : "target", target->target};
  }
  if (const auto* ecs = std::get_if<EcsTargetRule>(&rule.kind)) return {"target", ecs->target};
  const auto* steps = std::get_if<StepRule>(&rule.kind);
  if (steps == nullptr || steps->adjusts == Adjusts::exact) return {};
  const auto first = std::ranges::find_if(
      steps->steps, [](const Step& step) { return !step.is_below && step.by > 0 && step.from; });
  if (first == steps->steps.end()) return {};
  return {"the first step up", steps->threshold.value_or(0.0) + *first->from};
}

/// One request, query or turn of an event loop takes less; a job may wait for hours.
bool is_too_long(double seconds, const MetricSpec& metric, const BuiltinMetric& builtin) {
  constexpr double longest = 30.0;
  const bool is_of_one =
      metric.aggregation != Aggregation::sum && metric.aggregation != Aggregation::rate;
  return builtin.kind == MetricKind::distribution && builtin.unit == "seconds" && is_of_one &&
         seconds > longest;
}

void hint_at_units(Reader& reader, const CompiledPolicy& policy, std::size_t number) {
  const RuleSpec& rule = policy.rules[number];
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(rule.metric)];
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  if (metric.metric == "memory_usage" && may_never_lower(rule)) {
    hint_at_rule(reader, number,
                 "memory seldom falls when load does, so this may never let the service "
                 "scale down");
  }
  const auto [edge, value] = edge_for_more(rule);
  if (builtin == nullptr || !value) return;
  if (builtin->unit == "percent" && *value <= 1.0) {
    hint_at_rule(reader, number,
                 metric.metric + " is in percent, 0 to 100: " + std::string{edge} +
                     " is at most one percent");
  }
  if (is_too_long(*value, metric, *builtin)) {
    hint_at_rule(reader, number,
                 metric.metric + " is in seconds, and " + std::string{edge} + " is at " +
                     json_number(*value).dump() + " of them; if you mean milliseconds, write " +
                     json_number(*value / 1000.0).dump());
  }
}

/// An app may record anything under any name, so a name that nobody knows is no mistake; listed in
/// `metrics` it is meant.
void hint_at_unknown_metrics(Reader& reader, const CompiledPolicy& policy) {
  std::vector<std::string_view> known;
  if (const Json* listed = reader.find("metrics")) {
    for (const Json& entry : *listed) known.push_back(entry["name"].get_ref<const std::string&>());
  }
  for (std::size_t number = 0; number < policy.rules.size(); ++number) {
    const auto index = static_cast<std::size_t>(policy.rules[number].metric);
    const MetricSpec& metric = policy.metrics[index];
    const bool is_known = std::ranges::find(known, metric.name) != known.end();
    if (is_known || builtin_metric(metric.metric) != nullptr) continue;
    known.push_back(metric.name);
    hint_at_rule(reader, number,
                 "nothing here records " + metric.metric +
                     ": it is read once your app records it under that name; listed in `metrics`, "
                     "it is taken to be meant");
  }
}

/// Application Auto Scaling refuses a gap between steps of one side.
void hint_at_gap(Reader& reader, const CompiledPolicy& policy, std::size_t number) {
  const auto* rule = std::get_if<StepRule>(&policy.rules[number].kind);
  if (rule == nullptr) return;
  for (std::size_t i = 1; i < rule->steps.size(); ++i) {
    const Step& lower = rule->steps[i - 1];
    const Step& upper = rule->steps[i];
    if (lower.is_below != upper.is_below || *lower.to == *upper.from) continue;
    const double threshold = rule->threshold.value_or(0.0);
    return hint_at_rule(
        reader, number,
        "no step is for values between " + json_number(threshold + *lower.to).dump() + " and " +
            json_number(threshold + *upper.from).dump() + ": there nothing is asked for");
  }
}

/// One rule asks for more, and at the count that it gets another asks for less.
void hint_at_combination(Reader& reader, const CompiledPolicy& policy) {
  const bool any_decides = policy.up == Direction::any && policy.down == Direction::any;
  if (!any_decides || policy.rules.size() < 2 || policy.never_scales_down) return;
  reader.hint("combine",
              "one rule alone may add replicas and another alone take them away, so the count may "
              "swing between them; \"down\": \"all\" waits until no rule needs them");
}

void hint_at_tolerance(Reader& reader, const CompiledPolicy& policy, std::size_t number) {
  const auto* target = std::get_if<TargetRule>(&policy.rules[number].kind);
  if (target == nullptr || !target->scale_down || target->per_replica) return;
  const MetricSpec& metric = policy.metrics[static_cast<std::size_t>(policy.rules[number].metric)];
  // A percentage of requests is cut to whole percents, as Kubernetes does it.
  const double unseen = metric.of == Of::request ? 1.0 / target->target : 0.0;
  if (target->tolerance_up > unseen) return;
  hint_at_rule(
      reader, number,
      "the tolerance is not above what rounding alone moves the value by, so the count may "
      "swing by one");
}

void hint_at_startup(Reader& reader, const CompiledPolicy& policy) {
  const Duration pause =
      std::max(policy.scale_up.cooldown, policy.cooldown_period.value_or(Duration{0}));
  if (!policy.startup_expected || pause == Duration{0} || pause >= *policy.startup_expected) return;
  reader.hint(
      "startup",
      "the cooldown after a step up is shorter than the expected start-up: the next step is "
      "decided before this one can show");
}

void hint_at_no_replicas(Reader& reader, const CompiledPolicy& policy) {
  const bool can_wake =
      std::any_of(policy.metrics.begin(), policy.metrics.end(), can_be_read_without_replicas);
  if (can_wake) return;
  const std::string why =
      "everything that the rules read is measured on replicas: nothing could wake a service of "
      "none";
  if (policy.min_replicas == 0) reader.hint("minReplicas", why);
  const bool may_be_none =
      std::any_of(policy.schedules.begin(), policy.schedules.end(), [](const Schedule& schedule) {
        return schedule.min_replicas == 0 && schedule.max_replicas != 0;
      });
  if (may_be_none) reader.hint("schedules", why + " while one's minReplicas of 0 is in force");
}

void hint_at_budgets(Reader& reader, const CompiledPolicy& policy) {
  for (const BudgetUse& use : policy.uses) {
    const int paid = use.replicas_paid(0.0);
    if (paid >= policy.max_replicas) continue;
    reader.hint("uses", "the budget " + use.budget.name + " pays for " + std::to_string(paid) +
                            " replicas at most, even if nobody else uses it; maxReplicas is " +
                            std::to_string(policy.max_replicas));
  }
}

/// The longest that there are.
constexpr Instant longest_time{Duration{1'732'272'000'125}};
constexpr int longest_count = std::numeric_limits<int>::max();

DecisionState::Memory fullest_memory(const RuleSpec& rule) {
  DecisionState::Memory memory;
  if (std::holds_alternative<ThresholdRule>(rule.kind) ||
      std::holds_alternative<EcsTargetRule>(rule.kind)) {
    memory.definition = rule.definition;
    memory.above_since = longest_time;
  } else if (const auto* concurrency = std::get_if<ConcurrencyRule>(&rule.kind)) {
    memory.definition = rule.definition;
    memory.panic_since = longest_time;
    memory.peak = longest_count;
    memory.is_met = memory.is_initialized = true;
    const bool delays = concurrency->scale_down_delay > Duration{0};
    const int kept = delays ? concurrency->delayed_kept : 0;
    memory.delayed.assign(static_cast<std::size_t>(kept), {longest_time, longest_count});
  }
  return memory;
}

/// Every window and memory that it has is full.
DecisionState fullest_state(const CompiledPolicy& policy) {
  constexpr Instant at = longest_time;
  constexpr int most = longest_count;
  constexpr std::size_t kept = DecisionState::most_kept;
  DecisionState state;
  state.at = at;
  if (policy.scale_up.stabilization_window > Duration{0}) {
    state.up_window.assign(kept, {at, most});
  }
  if (policy.scale_down.stabilization_window > Duration{0} || policy.kubernetes) {
    state.down_window.assign(kept, {at, most});
  }
  state.changes.assign(kept, {at, -most_replicas, most});
  state.missing_since.assign(policy.metrics.size(), at);
  state.last_active = state.last_up = state.last_down = at;
  state.past = {most, most};
  for (const RuleSpec& rule : policy.rules) state.rules.push_back(fullest_memory(rule));
  return state;
}

}  // namespace

void check_state_size(Reader& reader, const CompiledPolicy& policy) {
  constexpr std::size_t most = 8192;
  const std::size_t size = to_json(names_of(policy), fullest_state(policy)).size();
  if (size < most) return;
  reader.wrong_here("what these rules may have to remember takes up to " + std::to_string(size) +
                    " bytes, and a state has " + std::to_string(most) +
                    ": use fewer rules or metrics, or shorter names");
}

void hint_at_oddities(Reader& reader, const CompiledPolicy& policy) {
  for (std::size_t number = 0; number < policy.rules.size(); ++number) {
    hint_at_swings(reader, policy, number);
    if (policy.rules[number].from_preset) continue;
    hint_at_units(reader, policy, number);
    hint_at_tolerance(reader, policy, number);
    hint_at_gap(reader, policy, number);
  }
  hint_at_unknown_metrics(reader, policy);
  hint_at_combination(reader, policy);
  hint_at_startup(reader, policy);
  hint_at_no_replicas(reader, policy);
  hint_at_budgets(reader, policy);
}

}  // namespace selfscale
