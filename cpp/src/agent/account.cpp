#include "agent/account.hpp"

#include <algorithm>
#include <selfscale/decide.hpp>

namespace selfscale::agent {
namespace {

std::vector<Code> codes_of(const Recommendation& recommendation) {
  std::vector<Code> codes{recommendation.code};
  for (const auto& adjustment : recommendation.adjustments) codes.push_back(adjustment.code);
  return codes;
}

}  // namespace

void Account::give(const Evaluated& evaluated, const std::vector<Switch>& switches) {
  const bool news = is_news(evaluated);
  if (news) write_down(evaluated);
  if (!has_spoken_) {
    has_spoken_ = true;
    house_.log.info("measures " + house_.service() + " by " + house_.policies.origin() + ", and " +
                    whether_it_acts(evaluated.verdict, switches));
  }
  if (news) say(evaluated);
}

/// Another decision than the last, or as good as another: it may be carried out now, or no more.
bool Account::is_news(const Evaluated& evaluated) const {
  return !recorded_ || differs(*recorded_, evaluated.decision) ||
         recorded_verdict_.because != evaluated.verdict.because;
}

void Account::ensure_record(const Evaluated& evaluated) {
  if (!recorded_ || recorded_->at != evaluated.decision.at) write_down(evaluated);
}

void Account::write_down(const Evaluated& evaluated) {
  const auto& [policy, snapshot, state_before, decision, verdict] = evaluated;
  recorded_ = decision;
  recorded_verdict_ = verdict;
  decision_id_ = house_.ulids.next(decision.at);
  house_.journal->keep_policy(policy.hash(), policy.to_json());
  house_.journal->keep_decision({decision_id_, house_.service(), decision.at, policy.hash(),
                                 decision_record_json(decision_id_, evaluated)});
  if (!house_.subscribers.empty()) {
    house_.subscribers.tell(house_.calls, to_json(policy, decision));
  }
}

void Account::say(const Evaluated& evaluated) {
  const auto& decision = evaluated.decision;
  const auto& wanted = decision.recommendation.recommended_replicas;
  const auto words = house_.service() + " " + std::to_string(decision.from_replicas) + " → " +
                     std::to_string(wanted) + ": " + reason(evaluated.policy, decision) +
                     house_.policies.whose_bounds(codes_of(decision.recommendation));
  const bool is_only_said =
      decision.action == selfscale::Action::scale && !evaluated.verdict.may_act;
  if (is_only_said && said_ != wanted) {
    house_.log.info("recommends " + words +
                    " (not done: " + std::string{evaluated.verdict.because} + ")");
  } else {
    house_.log.debug(words);
  }
  said_ = is_only_said ? std::optional{wanted} : std::nullopt;
}

std::string Account::whether_it_acts(const Verdict& verdict,
                                     const std::vector<Switch>& switches) const {
  if (verdict.may_act) {
    return "scales it with the driver " + house_.driver_label + ", enabled by " +
           who_set(named("enabled", switches));
  }
  const auto& no = *std::ranges::find(switches, verdict.because, &Switch::no);
  const auto who = who_set(no);
  return "recommends only: " + std::string{verdict.because} +
         (who.empty() ? "" : ", as set by " + who) + " (" +
         std::string{way_to_act(verdict.because)} + ')';
}

}  // namespace selfscale::agent
