// A threshold rule: up past one edge, down past another, nothing in between.
#include "policy/duration.hpp"
#include "policy/metrics.hpp"
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr std::pair<std::string_view, Comparison> comparisons[] = {
    {"greater_than", Comparison::greater_than},
    {"less_than", Comparison::less_than},
    {"percentage_change", Comparison::percentage_change}};

/// Readings are never negative; a change can be.
std::optional<double> read_edge(Reader& reader, std::string_view key, Comparison comparison) {
  const auto edge = reader.number(key);
  if (!edge || comparison == Comparison::percentage_change || *edge >= 0.0) return edge;
  reader.wrong(key, "must not be negative: no reading is");
  return std::nullopt;
}

/// A key that says how a direction works is a mistake where the rule has no such direction.
void check_lonely(Reader& reader, std::string_view edge, std::string_view pause,
                  std::string_view step) {
  if (reader.has(edge)) return;
  for (const std::string_view key : {pause, step}) {
    if (reader.has(key)) reader.wrong(key, "needs " + std::string{edge} + " beside it");
  }
}

void check_edges(Reader& reader, const ThresholdRule& rule) {
  if (!reader.has("scaleUp") && !reader.has("scaleDown")) {
    return reader.wrong_here("a threshold rule needs scaleUp, scaleDown or both");
  }
  check_lonely(reader, "scaleUp", "scaleUpFor", "scaleUpBy");
  check_lonely(reader, "scaleDown", "scaleDownFor", "scaleDownBy");
  if (rule.comparison == Comparison::greater_than && rule.scale_up == 0.0) {
    reader.wrong("scaleUp", "must be above 0: every reading is at or over 0");
  }
  if (!rule.scale_up || !rule.scale_down) return;
  if (rule.comparison == Comparison::less_than) {
    if (*rule.scale_down <= *rule.scale_up) {
      reader.wrong("scaleDown", "must lie above scaleUp: with less_than, low values ask for more");
    }
  } else if (*rule.scale_down >= *rule.scale_up) {
    reader.wrong("scaleDown", "must lie below scaleUp, with room between them");
  }
}

RuleKind read(Reader& reader, const RuleDefaults& defaults) {
  ThresholdRule rule;
  rule.comparison =
      reader.choice<Comparison>("comparison", comparisons).value_or(Comparison::greater_than);
  rule.scale_up = read_edge(reader, "scaleUp", rule.comparison);
  rule.scale_down = read_edge(reader, "scaleDown", rule.comparison);
  rule.scale_up_for = reader.duration("scaleUpFor").value_or(Duration{0});
  rule.scale_down_for = reader.duration("scaleDownFor").value_or(Duration{0});
  rule.scale_up_by = reader.whole("scaleUpBy", 1, most_replicas).value_or(defaults.scale_up_by);
  rule.scale_down_by =
      reader.whole("scaleDownBy", 1, most_replicas).value_or(defaults.scale_down_by);
  check_edges(reader, rule);
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<ThresholdRule>(kind);
  json["comparison"] = spelled(rule.comparison, comparisons);
  if (rule.scale_up) {
    json["scaleUp"] = json_number(*rule.scale_up);
    json["scaleUpFor"] = to_text(rule.scale_up_for);
    json["scaleUpBy"] = rule.scale_up_by;
  }
  if (rule.scale_down) {
    json["scaleDown"] = json_number(*rule.scale_down);
    json["scaleDownFor"] = to_text(rule.scale_down_for);
    json["scaleDownBy"] = rule.scale_down_by;
  }
}

bool can_lower(const RuleKind& kind) {
  return std::get<ThresholdRule>(kind).scale_down.has_value();
}

}  // namespace

extern const RuleType threshold_type{"threshold", read, write, can_lower};

}  // namespace selfscale
