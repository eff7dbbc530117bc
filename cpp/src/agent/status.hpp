/// Everything there is to know of a running agent, as JSON.
#pragma once

#include <optional>
#include <string>

#include "agent/house.hpp"
#include "agent/steering.hpp"

namespace selfscale::agent {

/// What the runner alone knows.
struct Upkeep {
  double uptime_seconds = 0.0;
  double cpu_seconds = 0.0;  ///< of the control thread
};

/// `published` are the last words on this service, with their age; empty: none yet.
std::string status_json(House& house, const Steering& steering, const Upkeep& upkeep,
                        const std::optional<std::string>& published);
/// Of an agent that does not run.
std::string stopped_status_json();

}  // namespace selfscale::agent
