// A target rule: as many replicas as bring the load of one to the target.
#include "policy/rules/rule.hpp"
#include "policy/rules/target_value.hpp"
#include "policy/write.hpp"

namespace selfscale {
extern const RuleType ecs_target_type;

namespace {

/// Means over instances are cut to whole thousandths: of less nothing would be left.
void check_thousandths(Reader& reader, std::optional<double> per_replica) {
  if (!per_replica || *per_replica >= 0.001) return;
  reader.wrong("targetPerReplica",
               "must be at least 0.001: loads are counted in thousandths; record the metric in a "
               "smaller unit");
}

/// One number for both directions, or one for each.
void read_tolerance(Reader& reader, TargetRule& rule) {
  const Json* tolerance = reader.find("tolerance");
  if (tolerance == nullptr) return;
  if (!tolerance->is_object()) {
    const auto both = reader.number("tolerance", 0.0, 0.99);
    rule.tolerance_up = both.value_or(rule.tolerance_up);
    rule.tolerance_down = both.value_or(rule.tolerance_down);
    return;
  }
  reader.object("tolerance", [&rule](Reader& each) {
    rule.tolerance_up = each.number("up", 0.0, largest_tolerance_up).value_or(rule.tolerance_up);
    rule.tolerance_down =
        each.number("down", 0.0, largest_tolerance_down).value_or(rule.tolerance_down);
  });
}

Json tolerance_to_json(const TargetRule& rule) {
  if (rule.tolerance_up == rule.tolerance_down && rule.tolerance_up <= 0.99) {
    return json_number(rule.tolerance_up);
  }
  return {{"up", json_number(rule.tolerance_up)}, {"down", json_number(rule.tolerance_down)}};
}

RuleKind read(Reader& reader, const RuleDefaults& defaults) {
  constexpr std::string_view manners[] = {"kubernetes", "ecs"};
  if (reader.one_of("as", manners) == "ecs") return ecs_target_type.read(reader, defaults);
  TargetRule rule;
  rule.tolerance_up = defaults.tolerance_up;
  rule.tolerance_down = defaults.tolerance_down;
  const auto target = read_target_value(reader, "target");
  const auto per_replica = read_target_value(reader, "targetPerReplica");
  if (reader.has("target") == reader.has("targetPerReplica")) {
    reader.wrong_here(
        "a target rule needs either target (a value that stays, such as percent of CPU) or "
        "targetPerReplica (a load that is shared out, such as requests per second)");
  }
  rule.per_replica = per_replica.has_value();
  rule.target = target.value_or(per_replica.value_or(1.0));
  check_thousandths(reader, per_replica);
  read_tolerance(reader, rule);
  rule.scale_down = !reader.flag("disableScaleIn").value_or(false);
  for (const std::string_view key : {"scaleOutCooldown", "scaleInCooldown"}) {
    if (!reader.has(key)) continue;
    reader.find(key);
    reader.wrong(key, R"(belongs to "as": "ecs"; pauses stand in behavior or cooldown)");
  }
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<TargetRule>(kind);
  json[rule.per_replica ? "targetPerReplica" : "target"] = json_number(rule.target);
  json["tolerance"] = tolerance_to_json(rule);
  json["disableScaleIn"] = !rule.scale_down;
}

bool can_lower(const RuleKind& kind) {
  const auto& rule = std::get<TargetRule>(kind);
  return rule.scale_down && rule.tolerance_down < largest_tolerance_down;
}

}  // namespace

extern const RuleType target_type{"target", read, write, can_lower};

}  // namespace selfscale
