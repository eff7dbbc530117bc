#include "policy/names.hpp"

#include "policy/rules/rule.hpp"

namespace selfscale {

bool is_service_name(std::string_view name) {
  constexpr std::string_view letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= 128 && name.front() != '.' &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

Names names_of(const CompiledPolicy& policy) {
  Names names;
  names.service = policy.service;
  for (const MetricSpec& metric : policy.metrics) names.metrics.emplace_back(metric.name);
  for (const RuleSpec& rule : policy.rules) {
    names.rules.push_back({rule.name, type_of(rule.kind).name});
  }
  for (const BudgetUse& use : policy.uses) names.budgets.emplace_back(use.budget.name);
  return names;
}

}  // namespace selfscale
