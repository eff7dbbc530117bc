/// What becomes of many agents of one service: is it certain that a platform has one writer, and by
/// what does that one decide? (docs/fleet.md)
#pragma once

#include <optional>
#include <selfscale/finding.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/settings.hpp"
#include "drivers/driver.hpp"

namespace selfscale::agent {

/// Why it is not, and the ways out; empty: it is. `driver` is null where there is none; `listed` is
/// what the platform was last seen to have.
std::optional<Finding> possible_rivals(const Settings& settings, const drivers::Driver* driver,
                                       std::string_view driver_name, bool meet_across_hosts,
                                       std::span<const drivers::Replica> listed);

/// What the agent of one of many replicas does not know of the others; empty: it is none, or nobody
/// is out of its sight.
std::optional<Finding> unheard_replicas(const Settings& settings, bool meet_across_hosts);

/// A process of the service is none of the replicas that the platform names; empty: it is one of
/// them, or the platform names none.
std::optional<Finding> unlisted_instance(const std::string& own,
                                         const std::vector<drivers::Replica>& listed,
                                         std::string_view driver_name);

/// How agents on other hosts are asked what they lack; empty: all of them are on this one.
std::optional<Finding> asked_elsewhere(std::string_view driver_name, bool meet_across_hosts);

}  // namespace selfscale::agent
