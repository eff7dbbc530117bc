#include "segment/wall_clock.hpp"

#include <time.h>

namespace selfscale::segment {

double wall_seconds() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

}  // namespace selfscale::segment
