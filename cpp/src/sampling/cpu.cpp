#include "sampling/cpu.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<CpuTimes> parse_cpu_times(std::string_view stat) noexcept {
  auto line = next_part(stat, '\n');
  if (next_part(line, ' ') != "cpu") return std::nullopt;
  constexpr int idle = 3;
  constexpr int waiting = 4;
  constexpr int known = 8;  // guest times, which follow, are part of user and nice
  static const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CpuTimes times;
  for (int i = 0; i < known; ++i) {
    const auto ticks = leading_number(next_part(line, ' '));
    if (!ticks && i > waiting) break;  // older kernels write fewer
    if (!ticks) return std::nullopt;
    const double seconds = static_cast<double>(*ticks) / ticks_per_second;
    times.total_seconds += seconds;
    if (i != idle && i != waiting) times.busy_seconds += seconds;
  }
  return times;
}

std::optional<double> parse_load_average(std::string_view loadavg) noexcept {
  return leading_decimal(loadavg);
}

int count_cores() noexcept {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    return std::max(1, CPU_COUNT(&allowed));
  return std::max(1,
                  static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));  // more than 1,024 processors
}

}  // namespace selfscale::sampling
