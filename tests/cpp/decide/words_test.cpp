// Sentences about decisions that come from elsewhere: of a rule that was another kind then, or
// altered by hand.
#include "decide/words.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

const Policy& target_policy() {
  static const Policy policy = testing::policy_of(R"({
    "service": "backend", "maxReplicas": 9,
    "rules": [{"name": "cpu", "type": "target", "metric": "cpu_usage", "target": 70}]})");
  return policy;
}

Proposal proposal_of(Code code) {
  Proposal proposal;
  proposal.rule = 0;
  proposal.metric = 0;
  proposal.code = code;
  proposal.value = 85.0;
  proposal.threshold = 70.0;
  return proposal;
}

TEST(Words, OfARuleThatHadEdgesOnceAreSaidWithoutThem) {
  const CompiledPolicy& policy = target_policy().compiled();
  EXPECT_EQ(in_words(policy, proposal_of(Code::above_threshold)), "cpu_usage 85 % is above 70 %");
  EXPECT_EQ(in_words(policy, proposal_of(Code::within_band)), "cpu_usage 85 % is not past 70 %");
}

TEST(Words, OfADecisionWithoutAdjustmentsSpeakOfItsRules) {
  Decision decision;
  decision.action = Action::hold;
  for (const Code code : {Code::below_minimum, Code::schedule_maximum, Code::at_maximum}) {
    decision.recommendation.code = code;
    EXPECT_EQ(reason(target_policy(), decision), "no rule asks for a change");
  }
}

TEST(Words, AnyLimitCanBeSaid) {
  for (int code = 0; !name_of(static_cast<Code>(code)).empty(); ++code) {
    for (const double limit : {-1.7e308, -0.5, 0.0, 1.7e308}) {
      EXPECT_FALSE(in_words({Stage::limits, 1, 2, static_cast<Code>(code), limit}).empty());
    }
  }
}

}  // namespace
}  // namespace selfscale
