/// The one list of variables that are ours, so that a misspelt one is noticed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace selfscale::agent {

/// Why a variable of our prefixes, SELFSCALE_ and AUTOSCALING_, means nothing, with the setting
/// that is nearest; empty: it is known, or none of ours.
std::optional<std::string> why_unknown(std::string_view name);

}  // namespace selfscale::agent
