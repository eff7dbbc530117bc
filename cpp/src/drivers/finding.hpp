/// What a failure of a driver means to a person.
#pragma once

#include <selfscale/finding.hpp>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::drivers {

/// Its words, and the right that is missing.
std::string with_permission(const Failure& failure);
/// Where a driver knows nothing better: its words, and what comes of it.
Finding finding_of(const Failure& failure);
/// A driver that could not be made of what the policy's platform says.
Finding finding_of_unmade(std::string_view driver, const Failure& failure);

}  // namespace selfscale::drivers
