// A target rule "as": "ecs": target tracking as Application Auto Scaling does it.
#include "policy/duration.hpp"
#include "policy/rules/rule.hpp"
#include "policy/rules/target_value.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

RuleKind read(Reader& reader, const RuleDefaults&) {
  EcsTargetRule rule;
  rule.target = read_target_value(reader, "target").value_or(1.0);
  if (!reader.has("target")) reader.required("target", "70");
  for (const std::string_view key : {"targetPerReplica", "tolerance"}) {
    if (!reader.has(key)) continue;
    reader.find(key);
    reader.wrong(key, R"(is not part of ECS' target tracking: leave it or "as": "ecs" out)");
  }
  rule.scale_in = !reader.flag("disableScaleIn").value_or(false);
  rule.scale_out_cooldown = reader.duration("scaleOutCooldown").value_or(rule.scale_out_cooldown);
  rule.scale_in_cooldown = reader.duration("scaleInCooldown").value_or(rule.scale_in_cooldown);
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<EcsTargetRule>(kind);
  json["as"] = "ecs";
  json["target"] = json_number(rule.target);
  json["disableScaleIn"] = !rule.scale_in;
  json["scaleOutCooldown"] = to_text(rule.scale_out_cooldown);
  json["scaleInCooldown"] = to_text(rule.scale_in_cooldown);
}

bool can_lower(const RuleKind& kind) { return std::get<EcsTargetRule>(kind).scale_in; }

}  // namespace

extern const RuleType ecs_target_type{"target", read, write, can_lower};

}  // namespace selfscale
