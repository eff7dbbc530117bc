/// The time of day, which processes write down for each other.
#pragma once

namespace selfscale::segment {

/// Since 1970.
double wall_seconds() noexcept;

}  // namespace selfscale::segment
