#include "policy/rules/rule.hpp"

#include <algorithm>
#include <array>
#include <variant>

namespace selfscale {

extern const RuleType threshold_type;
extern const RuleType target_type;
extern const RuleType ecs_target_type;
extern const RuleType step_type;
extern const RuleType backlog_type;
extern const RuleType concurrency_type;

namespace {

/// In the order of RuleSpec::kind.
constexpr std::array<const RuleType*, std::variant_size_v<RuleKind>> types{
    &threshold_type, &target_type, &ecs_target_type, &step_type, &backlog_type, &concurrency_type};

/// Known by name, so that a policy written for them is told the truth.
constexpr std::array<std::string_view, 1> later_types{"predictive"};

}  // namespace

const RuleType* rule_type(std::string_view name) noexcept {
  const auto* found = std::find_if(types.begin(), types.end(),
                                   [name](const RuleType* type) { return type->name == name; });
  return found == types.end() ? nullptr : *found;
}

const RuleType& type_of(const RuleKind& kind) noexcept { return *types[kind.index()]; }

const RuleType* read_rule_type(Reader& reader) {
  const auto name = reader.text("type");
  if (!reader.has("type")) reader.required("type", R"("threshold", "target" or "concurrency")");
  if (!name) return nullptr;
  const RuleType* type = rule_type(*name);
  if (type != nullptr) return type;
  if (std::find(later_types.begin(), later_types.end(), *name) != later_types.end()) {
    reader.wrong("type", "the rule type \"" + *name + "\" is not part of this version");
    return nullptr;
  }
  std::vector<std::string_view> known;
  for (const RuleType* one : types) {
    const bool is_new = std::find(known.begin(), known.end(), one->name) == known.end();
    if (is_new) known.push_back(one->name);  // two kinds are called target
  }
  reader.wrong("type", "is not a rule type" + instead_of(*name, known));
  return rule_type(nearest(*name, known));
}

}  // namespace selfscale
