// A step rule: the further the value is past a threshold, the larger the step.
#include <algorithm>
#include <cmath>
#include <limits>

#include "policy/duration.hpp"
#include "policy/metrics.hpp"
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr std::pair<std::string_view, Adjusts> adjustments[] = {
    {"change", Adjusts::change}, {"percent", Adjusts::percent}, {"exact", Adjusts::exact}};
constexpr std::pair<std::string_view, Comparison> sides[] = {
    {"greater_than", Comparison::greater_than}, {"less_than", Comparison::less_than}};
constexpr Duration default_cooldown{300'000};

std::optional<double> read_bound(Reader& reader, std::string_view key, bool is_relative) {
  const Json* value = reader.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto bound = reader.number(key);
  if (bound && *bound < 0.0 && !is_relative) {
    reader.wrong(key, "must not be negative: no reading is; beside a threshold it may be");
  }
  return bound;
}

Step read_step(Reader& reader, const StepRule& rule, std::optional<Comparison> side) {
  Step step;
  step.from = read_bound(reader, "from", rule.threshold.has_value());
  step.to = read_bound(reader, "to", rule.threshold.has_value());
  const int least = rule.adjusts == Adjusts::exact ? 0 : -most_replicas;
  step.by = reader.whole("by", least, most_replicas).value_or(0);
  if (!reader.has("by")) reader.required("by", "1");
  if (!step.from && !step.to) {
    reader.wrong_here("a step needs from, to or both: without them it is every value");
  } else if (step.from && step.to && *step.from >= *step.to) {
    reader.wrong("to", "must lie above from");
  }
  if (side) {
    step.is_below = *side == Comparison::less_than;
  } else if (rule.threshold) {
    step.is_below = step.to && *step.to <= 0.0;
    const bool is_above = step.from && *step.from >= 0.0;
    if (!step.is_below && !is_above) {
      reader.wrong_here(
          "lies on both sides of the threshold; from and to count from there, so give one step "
          "that ends at 0 and one that begins there");
    }
  } else {
    step.is_below = rule.adjusts != Adjusts::exact && step.by < 0;
  }
  return step;
}

void check_overlaps(Reader& reader, const std::vector<Step>& steps) {
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const auto& end = steps[i - 1].to;
    const auto& begin = steps[i].from;
    const bool is_shared = end && begin && *end == *begin && steps[i].is_below == false &&
                           steps[i - 1].is_below == true;  // the edge would be in both
    if (!end || !begin || *end > *begin || is_shared) {
      return reader.wrong("steps",
                          "overlap: each value may lie in one step only; let one step's "
                          "`to` be the next one's `from`");
    }
  }
}

bool is_in(const Step& step, double threshold, double value) noexcept {
  const bool from = !step.from || (step.is_below ? value > threshold + *step.from
                                                 : value >= threshold + *step.from);
  const bool to =
      !step.to || (step.is_below ? value <= threshold + *step.to : value < threshold + *step.to);
  return from && to;
}

std::int64_t percent_change(const StepRule& rule, int percent, int replicas) noexcept {
  if (percent == 0) return 0;
  const std::int64_t change = std::int64_t{replicas} * percent / 100;
  const std::int64_t least = rule.min_adjustment;
  return percent > 0 ? std::max(change, least) : std::min(change, -least);
}

RuleKind read(Reader& reader, const RuleDefaults&) {
  StepRule rule;
  rule.adjusts = reader.choice<Adjusts>("adjustment", adjustments).value_or(Adjusts::change);
  rule.threshold = reader.number("threshold");
  const auto side = reader.choice<Comparison>("comparison", sides);
  rule.min_adjustment = reader.whole("minAdjustment", 1, most_replicas).value_or(1);
  if (reader.has("minAdjustment") && rule.adjusts != Adjusts::percent) {
    reader.wrong("minAdjustment", R"(has a meaning for "adjustment": "percent" only)");
  }
  rule.cooldown = reader.duration("cooldown").value_or(default_cooldown);
  reader.objects("steps", [&](Reader& step) { rule.steps.push_back(read_step(step, rule, side)); });
  if (rule.steps.empty()) {
    reader.required("steps", R"([{"from": 70, "to": 90, "by": 1}, {"from": 90, "by": 3}])");
  }
  std::sort(rule.steps.begin(), rule.steps.end(), [](const Step& one, const Step& other) {
    return one.from.value_or(-HUGE_VAL) < other.from.value_or(-HUGE_VAL);
  });
  check_overlaps(reader, rule.steps);
  return rule;
}

/// Which side a step lies on is said once, where it does not follow from the numbers.
std::optional<Comparison> side_of(const StepRule& rule) {
  const auto follows = [&](const Step& step) {
    return step.is_below == (rule.threshold ? step.to && *step.to <= 0.0
                                            : rule.adjusts != Adjusts::exact && step.by < 0);
  };
  if (std::all_of(rule.steps.begin(), rule.steps.end(), follows)) return std::nullopt;
  return rule.steps.front().is_below ? Comparison::less_than : Comparison::greater_than;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<StepRule>(kind);
  json["adjustment"] = spelled(rule.adjusts, adjustments);
  if (rule.threshold) json["threshold"] = json_number(*rule.threshold);
  if (const auto side = side_of(rule)) json["comparison"] = spelled(*side, sides);
  if (rule.adjusts == Adjusts::percent) json["minAdjustment"] = rule.min_adjustment;
  json["cooldown"] = to_text(rule.cooldown);
  for (const Step& step : rule.steps) {
    Json written{{"by", step.by}};
    if (step.from) written["from"] = json_number(*step.from);
    if (step.to) written["to"] = json_number(*step.to);
    json["steps"].push_back(std::move(written));
  }
}

bool can_lower(const RuleKind& kind) { return std::get<StepRule>(kind).can_lower(); }

}  // namespace

bool StepRule::can_lower() const noexcept {
  return adjusts == Adjusts::exact ||
         std::any_of(steps.begin(), steps.end(), [](const Step& step) { return step.by < 0; });
}

const Step* StepRule::step_for(double value) const noexcept {
  const double from = threshold.value_or(0.0);
  const auto found = std::find_if(steps.begin(), steps.end(),
                                  [&](const Step& step) { return is_in(step, from, value); });
  return found == steps.end() ? nullptr : &*found;
}

int StepRule::stepped(const Step& step, int replicas) const noexcept {
  if (adjusts == Adjusts::exact) return step.by;
  const std::int64_t change =
      adjusts == Adjusts::percent ? percent_change(*this, step.by, replicas) : step.by;
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  return static_cast<int>(std::clamp<std::int64_t>(replicas + change, 0, most));
}

extern const RuleType step_type{"step", read, write, can_lower};

}  // namespace selfscale
