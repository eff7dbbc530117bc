/// The clocks that an agent reads.
#pragma once

#include <cstdint>
#include <selfscale/instant.hpp>

#include "segment/wall_clock.hpp"

namespace selfscale::agent {

using segment::wall_seconds;
/// Since boot, the time asleep included; the same for all processes of a host.
std::int64_t boot_milliseconds() noexcept;
/// Used by the calling thread since its start.
double thread_cpu_seconds() noexcept;
/// Used by all threads of this process since its start.
double process_cpu_seconds() noexcept;

/// Engine time: the wall's when it starts, then the boot clock's alone. Never goes back.
class EngineClock {
 public:
  EngineClock() noexcept;
  [[nodiscard]] Instant now() const noexcept;
  /// Puts the clock forward to `earliest` if it is behind; returns by how much.
  Duration catch_up(Instant earliest) noexcept;

 private:
  Duration ahead_of_boot_;
};

}  // namespace selfscale::agent
