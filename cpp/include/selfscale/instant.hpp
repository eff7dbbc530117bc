/// Time inside the core. Only the agent reads a real clock; all else is told what time it is.
#pragma once

#include <chrono>

namespace selfscale {

using Duration = std::chrono::milliseconds;

/// Engine time: milliseconds since the Unix epoch when a leader starts, then advanced by the boot
/// clock alone. It has no now(), so that nothing in the core can read a clock by accident. JSON
/// carries it in seconds.
struct CoreClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CoreClock>;
  static constexpr bool is_steady = true;
};
using Instant = CoreClock::time_point;

}  // namespace selfscale
