/// Small documents to vary, and what became of them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <selfscale/policy.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "policy/compiled.hpp"

namespace selfscale {

using Json = nlohmann::json;

inline Json minimal_policy() {
  return Json::parse(R"({
    "service": "backend", "maxReplicas": 10,
    "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})");
}

/// The minimal policy with these keys replaced or added.
inline Json policy_with(std::string_view keys) {
  Json policy = minimal_policy();
  policy.update(Json::parse(keys));
  return policy;
}

/// The minimal policy with one rule, given as its keys.
inline Json policy_with_rule(std::string_view rule) {
  Json policy = minimal_policy();
  policy["rules"] = Json::array({Json::parse(rule)});
  return policy;
}

inline Json document_of(const Json& policy) { return {{"policies", Json::array({policy})}}; }

inline CompiledPolicy compiled(const Json& policy) {
  return load_policies(policy.dump()).policies.front().compiled();
}

/// Every mistake of a document; none: it is valid.
inline std::vector<Problem> problems_in(std::string_view text) {
  try {
    load_policies(text);
  } catch (const PolicyError& error) {
    return error.problems();
  }
  return {};
}
inline std::vector<Problem> problems_of(const Json& policy) { return problems_in(policy.dump()); }

inline testing::AssertionResult says(std::string_view text, std::string_view words) {
  if (text.find(words) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << '"' << words << "\" is not said in: " << text;
}

inline bool has_hint(const PolicyDocument& document, std::string_view pointer,
                     std::string_view words) {
  return std::any_of(document.hints.begin(), document.hints.end(), [&](const Problem& hint) {
    return hint.pointer == pointer && hint.message.find(words) != std::string::npos;
  });
}

}  // namespace selfscale
