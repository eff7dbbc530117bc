/// What drivers say of the platform's own autoscaler, which they suspend by a person's consent
/// (`takeOver`) and give back. Pure; any thread.
#pragma once

#include <string>

#include "drivers/finding.hpp"
#include "model/result.hpp"

namespace selfscale::drivers {

/// How long what is taken over stays so: an agent inside the service that ends leaves it to the
/// next.
inline constexpr auto suspended_until_disabled =
    "suspended while agents may act; `selfscale disable SERVICE` gives it back";

/// `autoscaler`: a sentence without its end.
inline Finding refusal_to_fight(const std::string& autoscaler) {
  return {autoscaler + ", or consent to its suspension by platform.takeOver",
          std::string{"with takeOver it is "} + suspended_until_disabled,
          R"("takeOver": true   # in the policy's platform)"};
}

inline Finding will_be_taken_over(const std::string& autoscaler) {
  return {autoscaler +
              "; by platform.takeOver it is suspended when this agent first scales the service, "
              "and stays " +
              suspended_until_disabled,
          "two that set one count undo each other's work",
          R"("takeOver": false   # in the policy's platform: nothing is scaled beside it)"};
}

/// `autoscaler`: a sentence without its end, by which it is suspended.
inline std::string may_go_on(const std::string& autoscaler) {
  return autoscaler + ": with platform.takeOver an agent goes on from there, and it stays " +
         suspended_until_disabled;
}

/// `kept`: where the setting of before stands.
inline Finding left_suspended(const std::string& kept) {
  return {may_go_on("the platform's own autoscaler is suspended by an earlier agent's takeover (" +
                    kept + ")"),
          "until then it stays suspended", R"("takeOver": true   # in the policy's platform)"};
}

/// It was asked for and accepted; a look does not show it.
inline Failure not_seen_given_back(const std::string& why) {
  return Failure{Errc::timed_out, "the autoscaler's setting was put back, and " + why, {}};
}

}  // namespace selfscale::drivers
