// Decisions as JSON: numbers and codes, with the sentences made from them.
#include "model/json.hpp"
#include "model/json/node.hpp"

namespace selfscale {
namespace {

OrderedJson proposal_to_json(const Proposal& proposal, const Names& names, std::string words) {
  const auto& rule = names.rules.at(static_cast<std::size_t>(proposal.rule));
  const bool has_value = proposal.answer != Answer::missing &&
                         proposal.code != Code::floor_for_missing &&
                         proposal.code != Code::missing_ignored;
  OrderedJson json{{"rule", rule.name},
                   {"type", rule.type},
                   {"metric", names.metrics.at(static_cast<std::size_t>(proposal.metric))},
                   {"value", has_value ? OrderedJson(proposal.value) : OrderedJson(nullptr)},
                   {"threshold", proposal.threshold},
                   {"answer", name_of(proposal.answer)},
                   {"replicas", proposal.replicas},
                   {"code", name_of(proposal.code)},
                   {"heldFor", seconds(proposal.held_for)}};
  if (proposal.samples > 0) json["samples"] = proposal.samples;
  if (proposal.silent > 0) {
    json["silent"] = proposal.silent;
    json["counted"] = proposal.counted;
  }
  if (proposal.excess_burst_capacity) {
    json["excessBurstCapacity"] = *proposal.excess_burst_capacity;
  }
  json["reason"] = std::move(words);
  return json;
}

OrderedJson adjustment_to_json(const Adjustment& adjustment, std::string words) {
  return {{"stage", name_of(adjustment.stage)},
          {"fromReplicas", adjustment.from_replicas},
          {"toReplicas", adjustment.to_replicas},
          {"code", name_of(adjustment.code)},
          {"limit", adjustment.limit},
          {"reason", std::move(words)}};
}

template <class T, class NameOf>
int index_of(const Node& node, const std::vector<T>& names, NameOf name_of_entry,
             const char* what) {
  const std::string wanted = node.text();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (name_of_entry(names[i]) == wanted) return static_cast<int>(i);
  }
  node.refuse("the policy has no " + std::string{what} + " " + node.json().dump());
}

Proposal read_proposal(const Node& node, const Names& names) {
  Proposal proposal;
  proposal.rule = index_of(
      node.at("rule"), names.rules, [](const auto& rule) { return rule.name; }, "rule");
  proposal.metric = index_of(
      node.at("metric"), names.metrics, [](auto metric) { return metric; }, "metric");
  if (const auto value = node.find("value")) proposal.value = value->number();
  proposal.threshold = node.at("threshold").number();
  proposal.answer = node.at("answer").choice<Answer>();
  proposal.replicas = node.at("replicas").count();
  proposal.code = node.at("code").choice<Code>();
  if (const auto held = node.find("heldFor")) proposal.held_for = held->duration();
  if (const auto samples = node.find("samples")) proposal.samples = samples->count();
  if (const auto silent = node.find("silent")) {
    proposal.silent = silent->count();
    proposal.counted = node.at("counted").count();
  }
  if (const auto excess = node.find("excessBurstCapacity")) {
    proposal.excess_burst_capacity = excess->number();
  }
  return proposal;
}

Adjustment read_adjustment(const Node& node) {
  Adjustment adjustment;
  adjustment.stage = node.at("stage").choice<Stage>();
  adjustment.from_replicas = node.at("fromReplicas").count();
  adjustment.to_replicas = node.at("toReplicas").count();
  adjustment.code = node.at("code").choice<Code>();
  if (const auto limit = node.find("limit")) adjustment.limit = limit->number();
  return adjustment;
}

Recommendation read_recommendation(const Node& node, const Names& names) {
  Recommendation recommendation;
  recommendation.current_replicas = node.at("currentReplicas").count();
  recommendation.recommended_replicas = node.at("recommendedReplicas").count();
  recommendation.code = node.at("code").choice<Code>();
  recommendation.confidence = node.at("confidence").number();
  if (!(recommendation.confidence >= 0.0 && recommendation.confidence <= 1.0)) {
    node.at("confidence").wrong("a number from 0 to 1");
  }
  recommendation.priority = node.at("priority").choice<Priority>();
  const Node proposals = node.at("proposals");
  for (std::size_t i = 0; i < proposals.array().size(); ++i) {
    recommendation.proposals.push_back(read_proposal(proposals.element(i), names));
  }
  const Node adjustments = node.at("adjustments");
  for (std::size_t i = 0; i < adjustments.array().size(); ++i) {
    recommendation.adjustments.push_back(read_adjustment(adjustments.element(i)));
  }
  if (const auto alerts = node.find("alerts")) {
    for (std::size_t i = 0; i < alerts->array().size(); ++i) {
      recommendation.alerts.push_back(alerts->element(i).choice<Code>());
    }
  }
  if (const auto leading = node.find("leading")) {
    recommendation.leading = leading->count();
    if (static_cast<std::size_t>(recommendation.leading) >= recommendation.proposals.size()) {
      leading->wrong("the number of a proposal, from 0");
    }
  }
  return recommendation;
}

}  // namespace

Decision decision_from_json(const Names& names, std::string_view text) {
  const Json json = Node::parse(text, "decision");
  const Node root{json};
  Decision decision;
  decision.at = root.at("at").instant();
  decision.action = root.at("action").choice<Action>();
  decision.from_replicas = root.at("fromReplicas").count();
  decision.to_replicas = root.at("toReplicas").count();
  if (const auto stage = root.find("heldBy")) decision.held_by = stage->choice<Stage>();
  decision.recommendation = read_recommendation(root.at("recommendation"), names);
  return decision;
}

std::string to_json(const Names& names, const Decision& decision, const Words& words,
                    const DecisionState* state) {
  const Recommendation& recommendation = decision.recommendation;
  OrderedJson proposals = OrderedJson::array();
  for (std::size_t i = 0; i < recommendation.proposals.size(); ++i) {
    proposals.push_back(
        proposal_to_json(recommendation.proposals[i], names, words.proposals.at(i)));
  }
  OrderedJson adjustments = OrderedJson::array();
  for (std::size_t i = 0; i < recommendation.adjustments.size(); ++i) {
    adjustments.push_back(
        adjustment_to_json(recommendation.adjustments[i], words.adjustments.at(i)));
  }
  const bool has_leading = recommendation.leading >= 0;
  const bool is_held = decision.held_by.has_value();
  OrderedJson json{
      {"version", 1},
      {"service", names.service},
      {"at", seconds(decision.at)},
      {"action", name_of(decision.action)},
      {"fromReplicas", decision.from_replicas},
      {"toReplicas", decision.to_replicas},
      {"heldBy", is_held ? OrderedJson(name_of(*decision.held_by)) : OrderedJson(nullptr)},
      {"recommendation",
       {{"service", names.service},
        {"currentReplicas", recommendation.current_replicas},
        {"recommendedReplicas", recommendation.recommended_replicas},
        {"code", name_of(recommendation.code)},
        {"reason", words.reason},
        {"leading", has_leading ? OrderedJson(recommendation.leading) : OrderedJson(nullptr)},
        {"confidence", recommendation.confidence},
        {"priority", name_of(recommendation.priority)},
        {"proposals", std::move(proposals)},
        {"adjustments", std::move(adjustments)}}}};
  for (const Code alert : recommendation.alerts) {
    json["recommendation"]["alerts"].push_back(name_of(alert));
  }
  if (state != nullptr) json["state"] = OrderedJson::parse(to_json(names, *state));
  return written(json);
}

}  // namespace selfscale
