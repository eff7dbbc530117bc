#include "agent/clock.hpp"

#include <time.h>

#include <algorithm>

namespace selfscale::agent {
namespace {

constexpr double nanosecond = 1e-9;

timespec read(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return now;
}

double seconds(timespec time) noexcept {
  return static_cast<double>(time.tv_sec) + nanosecond * static_cast<double>(time.tv_nsec);
}

std::int64_t milliseconds(timespec time) noexcept {
  return std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

std::int64_t boot_milliseconds() noexcept { return milliseconds(read(CLOCK_BOOTTIME)); }
double thread_cpu_seconds() noexcept { return seconds(read(CLOCK_THREAD_CPUTIME_ID)); }
double process_cpu_seconds() noexcept { return seconds(read(CLOCK_PROCESS_CPUTIME_ID)); }

EngineClock::EngineClock() noexcept
    : ahead_of_boot_{milliseconds(read(CLOCK_REALTIME)) - boot_milliseconds()} {}

Instant EngineClock::now() const noexcept {
  return Instant{Duration{boot_milliseconds()} + ahead_of_boot_};
}

Duration EngineClock::catch_up(Instant earliest) noexcept {
  const Duration behind = std::max(Duration{0}, earliest - now());
  ahead_of_boot_ += behind;
  return behind;
}

}  // namespace selfscale::agent
