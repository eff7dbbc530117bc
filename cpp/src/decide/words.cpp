#include "decide/words.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "decide/rules/ecs_target.hpp"
#include "decide/situation.hpp"
#include "policy/duration.hpp"
#include "policy/metrics.hpp"

namespace selfscale {
namespace {

constexpr std::string_view paused =
    "it has no replicas, and not by our doing (a pause), or nothing that could wake it is measured";

/// A window's first entry is the count that the service was met with.
constexpr std::string_view or_met = ", or there when the service was met, within the last ";

/// As many digits as tell the number from every other.
std::string shortest(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

const MetricSpec& metric_of(const CompiledPolicy& policy, const Proposal& proposal) {
  return policy.metrics[static_cast<std::size_t>(proposal.metric)];
}

/// What is longer than any duration of a policy is as long as the longest.
Duration of_seconds(double seconds) {
  const double milliseconds =
      std::min(std::round(seconds * 1000.0), static_cast<double>(longest_duration.count()));
  return Duration{milliseconds > 0.0 ? static_cast<Duration::rep>(milliseconds) : 0};
}

/// " %" for a metric in percent, " s" for one in seconds.
std::string_view unit_of(const MetricSpec& metric) {
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  if (builtin == nullptr) return "";
  if (builtin->unit == "percent") return " %";
  return builtin->unit == "seconds" ? " s" : "";
}

/// A decision that was read may speak of edges that its rule no longer has; then of one without.
const ThresholdRule& threshold_of(const CompiledPolicy& policy, const Proposal& proposal) {
  static constexpr ThresholdRule no_edges;
  const RuleSpec& rule = policy.rules[static_cast<std::size_t>(proposal.rule)];
  const auto* threshold = std::get_if<ThresholdRule>(&rule.kind);
  return threshold == nullptr ? no_edges : *threshold;
}

/// Two numbers that are not the same, written so that a reader sees it: "70.002" and "70", not "70"
/// twice.
std::pair<std::string, std::string> told_apart(double number, double other) {
  auto words = std::pair{number_in_words(number), number_in_words(other)};
  if (words.first == words.second && number != other) words.first = shortest(number);
  return words;
}

/// "cpu_usage 85 % is above 70 %"
std::string against_edge(const CompiledPolicy& policy, const Proposal& proposal,
                         bool towards_more) {
  const MetricSpec& metric = metric_of(policy, proposal);
  const Comparison comparison = threshold_of(policy, proposal).comparison;
  const bool is_change = comparison == Comparison::percentage_change;
  const std::string unit{is_change ? " %" : unit_of(metric)};
  const bool above = towards_more != (comparison == Comparison::less_than);
  const auto [value, edge] = told_apart(proposal.value, proposal.threshold);
  return metric.name + (is_change ? " changed by " : " ") + value + unit +
         (is_change ? ", " : " is ") + (above ? "above " : "below ") + edge + unit;
}

std::string for_how_long(const Proposal& proposal) {
  return proposal.held_for.count() == 0 ? "" : " for " + duration_in_words(proposal.held_for);
}

/// Whether the value may be the load of all: then the target divides it into so many replicas.
bool may_be_total(const TargetRule& rule, const Proposal& proposal) {
  const double replicas = proposal.replicas;
  const double wanted = proposal.value / proposal.threshold;
  const double unseen = 1e-9 * wanted;  // last bits
  if (proposal.code == Code::within_tolerance) {
    return wanted >= replicas * (1.0 - rule.tolerance_down) - unseen &&
           wanted <= replicas * (1.0 + rule.tolerance_up) + unseen;
  }
  return proposal.code != Code::unready_held && wanted > replicas - 1.0 - unseen &&
         wanted <= replicas + unseen;
}

/// The same for the load of each; how many instances a wish counted is not known.
bool may_be_of_each(const TargetRule& rule, const Proposal& proposal) {
  if (proposal.code != Code::within_tolerance) return true;
  Proposal of_one = proposal;
  of_one.replicas = 1;
  return may_be_total(rule, of_one);
}

/// A proposal does not say whether its value is that of each replica or of all. Where the numbers
/// fit one of the two alone, it is said, as then they would look wrong to who thinks of the other.
std::string_view whose(const TargetRule& rule, const Proposal& proposal) {
  const bool total = may_be_total(rule, proposal);
  const bool of_each = may_be_of_each(rule, proposal);
  if (total == of_each) return "";
  return total ? " in all" : " each";
}

/// "rps 120 at 20 per replica", "rps 21 each at 20 per replica", "cpu_usage 85 % at a target of
/// 70 %"
std::string against_target(const CompiledPolicy& policy, const Proposal& proposal) {
  const MetricSpec& metric = metric_of(policy, proposal);
  const auto* rule =
      std::get_if<TargetRule>(&policy.rules[static_cast<std::size_t>(proposal.rule)].kind);
  const std::string unit{unit_of(metric)};
  const std::string target = number_in_words(proposal.threshold) + unit;
  const std::string value = metric.name + " " + number_in_words(proposal.value) + unit;
  if (rule == nullptr || !rule->per_replica) return value + " at a target of " + target;
  return value + std::string{whose(*rule, proposal)} + " at " + target + " per replica";
}

/// "cpu_usage 85 % at a target of 70 % for 1 m, not yet for 3 m"
std::string not_long_enough_for_ecs(const CompiledPolicy& policy, const Proposal& proposal,
                                    bool up) {
  return against_target(policy, proposal) + " for " + duration_in_words(proposal.held_for) +
         ", not yet for " + duration_in_words(up ? ecs_high_alarm : ecs_low_alarm);
}

std::string not_long_enough(const CompiledPolicy& policy, const Proposal& proposal, bool up) {
  const RuleSpec& asked = policy.rules[static_cast<std::size_t>(proposal.rule)];
  if (std::holds_alternative<EcsTargetRule>(asked.kind)) {
    return not_long_enough_for_ecs(policy, proposal, up);
  }
  const ThresholdRule& rule = threshold_of(policy, proposal);
  return against_edge(policy, proposal, up) + ", but for " + duration_in_words(proposal.held_for) +
         " only, not yet for " + duration_in_words(up ? rule.scale_up_for : rule.scale_down_for);
}

/// "; 1 of 3 replicas does not report": what was seen may be true of the others alone.
std::string but_some_are_silent(const Proposal& proposal) {
  if (proposal.silent == 0) return "";
  return "; " + std::to_string(proposal.silent) + " of " + replicas_in_words(proposal.counted) +
         (proposal.silent == 1 ? " does not report" : " do not report");
}

std::string in_band(const CompiledPolicy& policy, const Proposal& proposal) {
  const MetricSpec& metric = metric_of(policy, proposal);
  const ThresholdRule& rule = threshold_of(policy, proposal);
  const bool is_change = rule.comparison == Comparison::percentage_change;
  const std::string unit{is_change ? " %" : unit_of(metric)};
  const std::string seen =
      metric.name + (is_change ? " changed by " : " ") + number_in_words(proposal.value) + unit;
  if (!rule.scale_up || !rule.scale_down) {
    return seen + " is not past " + number_in_words(proposal.threshold) + unit;
  }
  const bool low_is_bad = rule.comparison == Comparison::less_than;
  const double low = low_is_bad ? *rule.scale_up : *rule.scale_down;
  const double high = low_is_bad ? *rule.scale_down : *rule.scale_up;
  return seen + " lies between " + number_in_words(low) + unit + " and " + number_in_words(high) +
         unit;
}

/// "due 1500 at 100 per replica in time"
std::string backlog_words(const CompiledPolicy& policy, const Proposal& proposal) {
  const std::string jobs =
      metric_of(policy, proposal).name + " " + number_in_words(proposal.value) +
      ", and one replica finishes " + number_in_words(proposal.threshold) + " in time" +
      (proposal.samples > 0 ? " (learned from " + std::to_string(proposal.samples) + " jobs)" : "");
  return proposal.answer == Answer::hold
             ? jobs + ": no change is needed"
             : jobs + ": that asks for " + replicas_in_words(proposal.replicas);
}

/// "wait 0.7 s is past 0.5 s"
std::string past_step(const CompiledPolicy& policy, const Proposal& proposal) {
  const MetricSpec& metric = metric_of(policy, proposal);
  const std::string unit{unit_of(metric)};
  return metric.name + " " + number_in_words(proposal.value) + unit + " is past " +
         number_in_words(proposal.threshold) + unit;
}

/// "in_flight 720 at 80 per replica asks for 9 replicas"
std::string against_load(const CompiledPolicy& policy, const Proposal& proposal) {
  const int asked_for = whole_replicas(proposal.value / proposal.threshold);
  return metric_of(policy, proposal).name + " " + number_in_words(proposal.value) + " at " +
         number_in_words(proposal.threshold) + " per replica asks for " +
         replicas_in_words(asked_for) +
         (asked_for == proposal.replicas ? ""
                                         : "; the rule's rates and silent replicas make that " +
                                               std::to_string(proposal.replicas));
}

/// `the schedule "evening"`: by the bound that it gives, as an adjustment has no name.
std::string schedules_giving(const CompiledPolicy& policy, std::optional<int> Schedule::*bound,
                             double replicas) {
  std::string names;
  int count = 0;
  for (const Schedule& schedule : policy.schedules) {
    if (!(schedule.*bound) || *(schedule.*bound) != replicas) continue;
    names += (count++ == 0 ? "\"" : ", \"") + schedule.name + '"';
  }
  if (count == 0) return "a schedule";
  return (count == 1 ? "the schedule " : "one of the schedules ") + names;
}

/// What became of it, for the sentence of a whole decision.
std::string held_sentence(const CompiledPolicy& policy, const Decision& decision) {
  const Adjustment& adjustment = decision.recommendation.adjustments.back();
  return replicas_in_words(decision.recommendation.adjustments.front().from_replicas) +
         " wanted, held at " + std::to_string(decision.to_replicas) + ": " +
         in_words(policy, adjustment);
}

/// What the rules want, and what made it another number since.
std::string adjusted_sentence(const CompiledPolicy& policy, const Decision& decision,
                              std::string wish) {
  const auto& adjustments = decision.recommendation.adjustments;
  if (adjustments.empty()) return wish;
  const int wanted = adjustments.front().from_replicas;
  if (wanted == decision.to_replicas) return wish;
  if (!wish.ends_with("asks for " + replicas_in_words(wanted))) {
    wish += "; " + replicas_in_words(wanted) + " wanted";
  }
  return wish + ", but " + in_words(policy, adjustments.back());
}

/// Also where the rules want the same.
Adjustment activation_of(const CompiledPolicy& policy, const Decision& decision) {
  const auto& adjustments = decision.recommendation.adjustments;
  if (!adjustments.empty() && adjustments.front().stage == Stage::activate) {
    return adjustments.front();
  }
  const Duration cooldown = policy.scale_to_zero.value_or(ScaleToZero{}).cooldown;
  const int wanted = adjustments.empty() ? decision.to_replicas : adjustments.front().from_replicas;
  return {Stage::activate, decision.from_replicas, wanted, decision.recommendation.code,
          static_cast<double>(cooldown.count()) / 1000.0};
}

/// The way to no replicas and back is said by itself; what came after it changes its number.
std::string activation_sentence(const CompiledPolicy& policy, const Decision& decision) {
  const Adjustment activation = activation_of(policy, decision);
  const auto& adjustments = decision.recommendation.adjustments;
  const bool is_last = adjustments.empty() || adjustments.back().stage == Stage::activate;
  return in_words(policy, activation) +
         (is_last ? "" : ", but " + in_words(policy, adjustments.back()));
}

std::string leading_words(const CompiledPolicy& policy, const Recommendation& recommendation) {
  if (recommendation.leading < 0) return "no rule asks for a change";
  return in_words(policy,
                  recommendation.proposals[static_cast<std::size_t>(recommendation.leading)]);
}

/// What the rules ask for together.
std::string wish_sentence(const CompiledPolicy& policy, const Recommendation& recommendation) {
  switch (recommendation.code) {
    case Code::all_abstain:
      return "no rule asks for more";
    case Code::missing_blocks_down:
    case Code::missing_blocks_up:
      return leading_words(policy, recommendation) + ", so nothing changes that needs it";
    case Code::rules_disagree:
      return "the rules disagree: " + leading_words(policy, recommendation);
    default:
      return leading_words(policy, recommendation);
  }
}

}  // namespace

std::string number_in_words(double number) {
  char text[64];
  const double size = std::abs(number);
  if (number == std::trunc(number) && size < 1e15) {
    const auto end = std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(number)).ptr;
    return {text, end};
  }
  if (size >= 1e15) {
    const auto end =
        std::to_chars(text, text + sizeof text, number, std::chars_format::scientific, 3).ptr;
    return {text, end};
  }
  int places = 4;  // below 1; one fewer for each digit before the point
  for (double edge = 1.0; places > 1 && size >= edge; edge *= 10.0) --places;
  const auto end =
      std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, places).ptr;
  std::string words{text, end};
  words.erase(words.find_last_not_of('0') + 1);
  if (words.back() == '.') words.pop_back();
  return words;
}

std::string duration_in_words(Duration duration) {
  struct Unit {
    std::int64_t milliseconds;
    std::string_view name;
  };
  constexpr Unit units[] = {
      {86'400'000, " d"}, {3'600'000, " h"}, {60'000, " m"}, {1000, " s"}, {1, " ms"}};
  std::string words;
  auto left = duration.count();
  for (const Unit& unit : units) {
    const auto whole = left / unit.milliseconds;
    left -= whole * unit.milliseconds;
    // Beside minutes and more, milliseconds tell nothing.
    if (whole == 0 || (unit.milliseconds == 1 && duration >= std::chrono::minutes{1})) continue;
    if (!words.empty()) words += ' ';
    words += std::to_string(whole);
    words += unit.name;
  }
  return words.empty() ? "0 s" : words;
}

std::string replicas_in_words(int replicas) {
  return std::to_string(replicas) + (replicas == 1 ? " replica" : " replicas");
}

std::string in_words(const CompiledPolicy& policy, const Proposal& proposal) {
  const std::string& metric = metric_of(policy, proposal).name;
  switch (proposal.code) {
    case Code::above_threshold:
      return against_edge(policy, proposal, true) + for_how_long(proposal);
    case Code::below_threshold:
      return against_edge(policy, proposal, false) + for_how_long(proposal);
    case Code::above_not_long:
      return not_long_enough(policy, proposal, true);
    case Code::below_not_long:
      return not_long_enough(policy, proposal, false);
    case Code::within_band:
      return in_band(policy, proposal) + but_some_are_silent(proposal);
    case Code::above_target:
    case Code::below_target:
      return against_target(policy, proposal) + " asks for " + replicas_in_words(proposal.replicas);
    case Code::within_tolerance:
      return against_target(policy, proposal) + " is within tolerance" +
             (proposal.answer == Answer::hold
                  ? ""
                  : " for the " + replicas_in_words(proposal.replicas) + " that exist") +
             but_some_are_silent(proposal);
    case Code::unready_held:
      return against_target(policy, proposal) +
             " would ask for a change, but not once instances that are not ready or do not report "
             "are counted in";
    case Code::unheard_held:
      return metric + " " + number_in_words(proposal.value) +
             std::string{unit_of(metric_of(policy, proposal))} +
             " of the replicas that are heard would do with fewer, but others serve that are not "
             "heard here";
    case Code::updating:
      return against_target(policy, proposal) +
             " asks for no more, though a deployment has more running than were asked for";
    case Code::no_ready_instances:
      return "no instance is ready to be measured for " + metric;
    case Code::step_up:
    case Code::step_down:
      return past_step(policy, proposal) + ": the step asks for " +
             replicas_in_words(proposal.replicas);
    case Code::outside_steps:
      return metric + " " + number_in_words(proposal.value) +
             std::string{unit_of(metric_of(policy, proposal))} + " is in no step";
    case Code::scale_down_cooldown:
      return metric + " asks for less, and the last step down is too recent to go on";
    case Code::starting:
      return metric + " asks for more, and that has been asked for already";
    case Code::backlog_due:
      return backlog_words(policy, proposal);
    case Code::oldest_job_late:
      return "the oldest job has waited for " + number_in_words(proposal.value) +
             " s, longer than " + number_in_words(proposal.threshold) + " s";
    case Code::throughput_unknown:
      return "how many jobs a replica finishes is not known yet: give throughputPerReplica a "
             "number";
    case Code::no_lowering:
      return metric + " asks for no more, and this rule never asks for less";
    case Code::stable_load:
      return against_load(policy, proposal);
    case Code::panic_load:
      return against_load(policy, proposal) + " (a burst)";
    case Code::panic_held:
      return "a burst of " + metric + " has asked for " + replicas_in_words(proposal.replicas) +
             ", and nothing goes until it is over";
    case Code::delayed_down:
      return metric + " has asked for " + replicas_in_words(proposal.replicas) +
             " within scaleDownDelay";
    case Code::scale_floor:
      return "the rule on " + metric + " starts with " + replicas_in_words(proposal.replicas);
    case Code::inactive:
      return metric + " is not past its activation";
    case Code::floor_for_missing:
      return metric + " is missing: at least " + replicas_in_words(proposal.replicas);
    case Code::missing_ignored:
      return metric + " is missing, and the policy says to ignore that";
    case Code::data_refused:
      return "the reading of " + metric + " was refused: it is NaN, infinite or negative";
    default:
      return "there is no reading of " + metric;
  }
}

std::string in_words(const CompiledPolicy& policy, const Adjustment& adjustment) {
  const std::string limit = number_in_words(adjustment.limit);
  const std::string time = duration_in_words(of_seconds(adjustment.limit));
  const std::string replicas = std::to_string(adjustment.to_replicas);
  switch (adjustment.code) {
    case Code::below_minimum:
      return "there are fewer replicas than the minimum of " + limit;
    case Code::above_maximum:
      return "there are more replicas than the maximum of " + limit;
    case Code::schedule_minimum:
      return schedules_giving(policy, &Schedule::min_replicas, adjustment.limit) +
             " asks for at least " + limit;
    case Code::schedule_maximum:
      return schedules_giving(policy, &Schedule::max_replicas, adjustment.limit) +
             " allows no more than " + limit;
    case Code::scale_up_stabilized:
      return "no more than " + replicas + " were wanted" + std::string{or_met} + time;
    case Code::scale_down_stabilized:
      return replicas + " or more were wanted" + std::string{or_met} + time;
    case Code::scale_up_rate:
      return "the rate limit allows no more than " + limit + " for now";
    case Code::scale_down_rate:
      return "the rate limit allows no fewer than " + limit + " for now";
    case Code::scale_up_disabled:
      return "behavior says that the service is never made larger (selectPolicy: Disabled)";
    case Code::scale_down_disabled:
      return "behavior says that the service is never made smaller (selectPolicy: Disabled)";
    case Code::paused_at_zero:
      return std::string{paused};
    case Code::activated:
      return "there is work: a rule is past its activation";
    case Code::idle:
      return "there has been no work for more than " + time +
             (adjustment.to_replicas == 0 ? "" : ", and the last replica stays for its retention");
    case Code::idle_not_long:
      return "there has been work within the last " + time;
    case Code::nobody_wakes:
      return "nothing, or nobody, could bring the service back from none";
    case Code::no_data:
      return "whether there is work is not known";
    case Code::scale_up_cooldown:
      return "the last step up was less than " + time + " ago";
    case Code::scale_down_cooldown:
    case Code::cooldown_period:
      return "the last change was less than " + time + " ago";
    case Code::at_maximum:
      return "the maximum is " + limit;
    case Code::at_minimum:
      return "the minimum is " + limit;
    case Code::total_replicas_limit:
      return "all services together may have " + limit + " replicas";
    case Code::updating:
      return "a deployment is under way, and nothing is taken away meanwhile";
    case Code::budget_limit:
      return "the budgets pay for " + replicas_in_words(whole_replicas(adjustment.limit));
    case Code::hourly_events_limit:
      return "all services together have changed " + limit +
             " times or more within the last hour, and nothing is taken away meanwhile";
    case Code::memory_limit:
      return "less than " + limit + " MB of memory are available on the host";
    default:
      return "the platform's replica counts could not be read";
  }
}

std::string_view alert_in_words(Code alert) {
  switch (alert) {
    case Code::total_replicas_exceeded:
      return "all services together have more replicas than maxTotalReplicas";
    case Code::budget_exceeded:
      return "a budget does not pay for so many replicas";
    case Code::hourly_events_exceeded:
      return "this step up goes beyond maxScaleEventsPerHour";
    default:
      return "less memory than minAvailableMemoryMb is available on the host";
  }
}

std::string reason_of(const CompiledPolicy& policy, const Decision& decision) {
  const Recommendation& recommendation = decision.recommendation;
  const auto& adjustments = recommendation.adjustments;
  switch (recommendation.code) {
    case Code::below_minimum:
    case Code::above_maximum:
    case Code::schedule_minimum:
    case Code::schedule_maximum:
      if (adjustments.empty() || adjustments.front().stage != Stage::bounds) break;
      return in_words(policy, adjustments.front());
    case Code::platform_unknown:
      return "the platform's replica counts could not be read";
    case Code::paused_at_zero:
      return std::string{paused};
    case Code::activated:
    case Code::idle:
      if (decision.action != Action::hold) return activation_sentence(policy, decision);
      break;
    default:
      break;
  }
  const std::string wish = wish_sentence(policy, recommendation);
  if (decision.action == Action::hold && !adjustments.empty()) {
    return held_sentence(policy, decision) + " (" + wish + ")";
  }
  return adjusted_sentence(policy, decision, wish);
}

}  // namespace selfscale
