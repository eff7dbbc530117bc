/// Pressure stall information: the percentage of time in which some task waited for a resource.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace selfscale::sampling {

/// "some", averaged over 10 seconds, of "cpu", "memory" or "io"; empty where the kernel does not
/// tell.
std::optional<double> read_pressure(std::string_view resource, const std::string& root = {});

}  // namespace selfscale::sampling
