/// How many decisions were made on a service, and how many scaling events have ended: counters of
/// the service, which travel with what is published, so that whoever decides next goes on from
/// there.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <selfscale/decision.hpp>
#include <string>
#include <vector>

#include "exposition/family.hpp"

namespace selfscale::agent {

class Totals {
 public:
  void count(const Decision& decision);
  /// An event that has ended; one under way is not counted.
  void count(const ScalingEvent& event);
  /// Goes on from what another agent, or this one earlier, has published; none of the two falls.
  void take_up(const nlohmann::json& published);

  [[nodiscard]] nlohmann::json to_json() const;

 private:
  using Counts = std::map<std::string, std::uint64_t>;  ///< by labels, as a registry has them

  Counts decisions_;
  Counts events_;
};

/// `selfscale_decisions_total` and `selfscale_scaling_events_total`, from Totals::to_json();
/// without those that have counted nothing yet.
std::vector<exposition::Family> families_of_totals(const nlohmann::json& totals,
                                                   const std::string& service);

}  // namespace selfscale::agent
