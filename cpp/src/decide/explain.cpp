// A decision for people, and every value's JSON form by the names of its policy.
#include <selfscale/decide.hpp>

#include "decide/words.hpp"
#include "model/json.hpp"
#include "policy/names.hpp"

namespace selfscale {
namespace {

Words words_of(const CompiledPolicy& policy, const Decision& decision) {
  Words words;
  words.reason = reason_of(policy, decision);
  for (const Proposal& proposal : decision.recommendation.proposals) {
    words.proposals.push_back(in_words(policy, proposal));
  }
  for (const Adjustment& adjustment : decision.recommendation.adjustments) {
    words.adjustments.push_back(in_words(policy, adjustment));
  }
  return words;
}

std::string headline(const CompiledPolicy& policy, const Decision& decision) {
  const std::string from = std::to_string(decision.from_replicas);
  switch (decision.action) {
    case Action::scale:
      return policy.service + ": " + from + " -> " + std::to_string(decision.to_replicas);
    case Action::hold:
      return policy.service + ": held at " + from;
    case Action::none:
      break;
  }
  return policy.service + ": stays at " + from;
}

}  // namespace

std::string reason(const Policy& policy, const Decision& decision) {
  return reason_of(policy.compiled(), decision);
}

std::string explain(const Policy& policy, const Decision& decision) {
  const CompiledPolicy& compiled = policy.compiled();
  const Recommendation& recommendation = decision.recommendation;
  std::string text = headline(compiled, decision) + ": " + reason_of(compiled, decision) + "\n";
  if (!recommendation.proposals.empty()) text += "rules\n";
  for (const Proposal& proposal : recommendation.proposals) {
    const RuleSpec& rule = compiled.rules[static_cast<std::size_t>(proposal.rule)];
    text += "  " + rule.name + ": " + std::string{name_of(proposal.answer)};
    const bool wants = proposal.answer == Answer::up || proposal.answer == Answer::down;
    if (wants) text += " to " + std::to_string(proposal.replicas);
    text +=
        ", " + in_words(compiled, proposal) + " [" + std::string{name_of(proposal.code)} + "]\n";
  }
  if (!recommendation.proposals.empty()) {
    const bool is_changed = !recommendation.adjustments.empty();
    text += "together: " +
            replicas_in_words(is_changed ? recommendation.adjustments.front().from_replicas
                                         : recommendation.recommended_replicas) +
            "\n";
  }
  for (const Adjustment& adjustment : recommendation.adjustments) {
    text += "  " + std::string{name_of(adjustment.stage)} + ": " +
            std::to_string(adjustment.from_replicas) + " -> " +
            std::to_string(adjustment.to_replicas) + ", " + in_words(compiled, adjustment) + " [" +
            std::string{name_of(adjustment.code)} + "]\n";
  }
  for (const Code alert : recommendation.alerts) {
    text +=
        "alert: " + std::string{alert_in_words(alert)} + " [" + std::string{name_of(alert)} + "]\n";
  }
  const double hundredths =
      static_cast<double>(static_cast<int>(recommendation.confidence * 100.0 + 0.5));
  text += "confidence " + number_in_words(hundredths / 100.0) + ", priority " +
          std::string{name_of(recommendation.priority)} + "\n";
  return text;
}

Snapshot snapshot_from_json(const Policy& policy, std::string_view text) {
  return snapshot_from_json(names_of(policy.compiled()), text);
}

std::string to_json(const Policy& policy, const Snapshot& snapshot) {
  return to_json(names_of(policy.compiled()), snapshot);
}

DecisionState state_from_json(const Policy& policy, std::string_view text) {
  return state_from_json(names_of(policy.compiled()), text);
}

std::string to_json(const Policy& policy, const DecisionState& state) {
  return to_json(names_of(policy.compiled()), state);
}

Decision decision_from_json(const Policy& policy, std::string_view text) {
  return decision_from_json(names_of(policy.compiled()), text);
}

std::string to_json(const Policy& policy, const Decision& decision, const DecisionState* state) {
  const CompiledPolicy& compiled = policy.compiled();
  return to_json(names_of(compiled), decision, words_of(compiled, decision), state);
}

}  // namespace selfscale
