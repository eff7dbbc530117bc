/// What drivers of hosted platforms say of the platform's own autoscaler, which they suspend by a
/// person's consent (`takeOver`) and give back. Pure; any thread.
#pragma once

#include <string>

#include "drivers/finding.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::hosted {

/// `autoscaler`: a sentence without its end.
inline Finding refusal_to_fight(const std::string& autoscaler) {
  return {autoscaler + ", or consent to its suspension by platform.takeOver",
          "with takeOver it is suspended while this agent acts, and gets its setting back after",
          R"("takeOver": true   # in the policy's platform)"};
}

inline std::string will_be_taken_over(const std::string& autoscaler) {
  return autoscaler +
         "; by platform.takeOver it is suspended when this agent first scales the service, and "
         "gets its setting back when that ends";
}

/// `kept`: where the setting of before stands.
inline Finding left_suspended(const std::string& kept) {
  return {"the platform's own autoscaler is suspended by an earlier agent's takeover (" + kept +
              "): with platform.takeOver an agent goes on from there, and gives it back when it "
              "ends",
          "until then it stays suspended", R"("takeOver": true   # in the policy's platform)"};
}

/// It was asked for and accepted; a look does not show it.
inline Failure not_seen_given_back(const std::string& why) {
  return Failure{Errc::timed_out, "the autoscaler's setting was put back, and " + why, {}};
}

}  // namespace selfscale::drivers::hosted
