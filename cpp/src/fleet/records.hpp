/// The text form of what a fleet stores, the same at every meeting place.
#pragma once

#include <string>
#include <string_view>

#include "fleet/fleet.hpp"

namespace selfscale::fleet {

std::string to_json(const LeaseRecord& record);
std::string to_json(const Switches& switches);

/// Errc::malformed says what is wrong, or that another version wrote it.
Result<LeaseRecord> lease_from_json(std::string_view text);
Result<Switches> switches_from_json(std::string_view text);

}  // namespace selfscale::fleet
