// A target rule: as many replicas as bring the load of one to the target.
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr double largest_target = 1e15;

std::optional<double> read_target(Reader& reader, std::string_view key) {
  const auto target = reader.number(key);
  if (!target || (*target > 0.0 && *target <= largest_target)) return target;
  reader.wrong(key, "must be above 0");
  return std::nullopt;
}

RuleKind read(Reader& reader, const RuleDefaults&) {
  TargetRule rule;
  const auto target = read_target(reader, "target");
  const auto per_replica = read_target(reader, "targetPerReplica");
  if (reader.has("target") == reader.has("targetPerReplica")) {
    reader.wrong_here(
        "a target rule needs either target (a value that stays, such as percent of CPU) or "
        "targetPerReplica (a load that is shared out, such as requests per second)");
  }
  rule.per_replica = per_replica.has_value();
  rule.target = target.value_or(per_replica.value_or(1.0));
  rule.tolerance_up = rule.tolerance_down = reader.number("tolerance", 0.0, 0.99).value_or(0.1);
  rule.scale_down = !reader.flag("disableScaleIn").value_or(false);
  for (const std::string_view key : {"as", "scaleOutCooldown", "scaleInCooldown"}) {
    reader.refuse(key, "target rules work as Kubernetes' do; pauses stand in behavior or cooldown");
  }
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<TargetRule>(kind);
  json[rule.per_replica ? "targetPerReplica" : "target"] = json_number(rule.target);
  json["tolerance"] = json_number(rule.tolerance_up);
  json["disableScaleIn"] = !rule.scale_down;
}

bool can_lower(const RuleKind& kind) { return std::get<TargetRule>(kind).scale_down; }

}  // namespace

extern const RuleType target_type{"target", read, write, can_lower};

}  // namespace selfscale
