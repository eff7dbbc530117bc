/// What an agent exposes: the metrics of all processes that share its segment, and its own last
/// word.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/seat.hpp"
#include "exposition/collect.hpp"

namespace selfscale::agent {

/// What every process has recorded; of an agent without a slot, what it has recorded itself, too.
/// Whoever may use the seat.
exposition::Sources recorded_by_all(Seat& seat);

/// `selfscale_replicas` and its kind, by service. `published` is the last word (JSON, as it is
/// published); empty: none yet.
std::vector<exposition::Family> families_of_agent(const std::optional<std::string>& published);

}  // namespace selfscale::agent
