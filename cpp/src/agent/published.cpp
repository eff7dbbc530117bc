#include "agent/published.hpp"

#include <algorithm>
#include <array>

#include "model/json/document.hpp"
#include "model/json/shallow.hpp"

namespace selfscale::agent {
namespace {

using nlohmann::json;

template <std::size_t Size>
bool has_all(const json& object, const std::array<std::string_view, Size>& keys) {
  return std::ranges::all_of(keys,
                             [&object](std::string_view key) { return object.contains(key); });
}

bool is_missing_or(const json& object, std::string_view key,
                   bool (json::*is_kind)() const noexcept) {
  return !object.contains(key) || (object.at(std::string{key}).*is_kind)();
}

bool is_told_whole(const json& said) {
  constexpr std::array<std::string_view, 13> told{
      "service",   "policy",     "policyHash", "decision", "replicas", "mayAct", "because",
      "enabledBy", "decisionId", "at",         "event",    "leftOut",  "note"};
  return said.is_object() && has_all(said, told) && said.contains("error") &&
         at(said, "service").is_string() && at(said, "mayAct").is_boolean() &&
         is_missing_or(said, "paused", &json::is_boolean) &&
         is_missing_or(said, "dryRun", &json::is_boolean) &&
         is_missing_or(said, "failure", &json::is_string) &&
         is_missing_or(said, "hold", &json::is_string);
}

/// Its age is told of these.
bool is_dated(const json& said) {
  return is_missing_or(said, "boot", &json::is_string) &&
         is_missing_or(said, "bootTime", &json::is_number) &&
         is_missing_or(said, "wallTime", &json::is_number);
}

bool has_counts(const json& replicas) {
  constexpr std::array<std::string_view, 3> told{"desired", "current", "ready"};
  return replicas.is_object() && has_all(replicas, told);
}

bool is_adjustment(const json& said) {
  return said.is_object() && is_missing_or(said, "code", &json::is_string);
}

bool has_decision(const json& decision) {
  constexpr std::array<std::string_view, 2> told{"action", "heldBy"};
  const auto& recommendation = at(decision, "recommendation");
  const auto& adjustments = at(recommendation, "adjustments");
  return decision.is_object() && has_all(decision, told) && recommendation.is_object() &&
         recommendation.contains("recommendedReplicas") &&
         at(recommendation, "reason").is_string() &&
         is_missing_or(recommendation, "code", &json::is_string) && adjustments.is_array() &&
         std::ranges::all_of(adjustments, is_adjustment) &&
         (adjustments.empty() || adjustments[0].contains("fromReplicas"));
}

}  // namespace

json parse_published(std::string_view text) {
  if (text.size() > longest_published) return json(json::value_t::discarded);
  return parse_shallow<json>(text);
}

Result<void> check_published(std::string_view text) {
  const auto said = parse_published(text);
  const bool is_understood = is_told_whole(said) && is_dated(said) &&
                             has_counts(at(said, "replicas")) && has_decision(at(said, "decision"));
  if (is_understood) return {};
  return Failure{Errc::malformed, "what is published cannot be understood", {}};
}

}  // namespace selfscale::agent
