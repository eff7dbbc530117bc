#include "sampling/cpu.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

#include "sampling/text.hpp"

namespace selfscale::sampling {

std::optional<CpuTimes> read_host_cpu(const std::string& root) {
  const auto text = read_text(root + "/proc/stat");
  if (!text || !text->starts_with("cpu ")) return std::nullopt;
  const auto fields = split(std::string_view{*text}.substr(4, text->find('\n') - 4), ' ');
  constexpr std::size_t idle = 3;
  constexpr std::size_t waiting = 4;
  constexpr std::size_t known = 8;  // guest times, which follow, are part of user and nice
  if (fields.size() <= waiting) return std::nullopt;
  CpuTimes times;
  static const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (std::size_t i = 0; i < std::min(fields.size(), known); ++i) {
    const auto ticks = leading_number(fields[i]);
    if (!ticks) return std::nullopt;
    const double seconds = static_cast<double>(*ticks) / ticks_per_second;
    times.total_seconds += seconds;
    if (i != idle && i != waiting) times.busy_seconds += seconds;
  }
  return times;
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
