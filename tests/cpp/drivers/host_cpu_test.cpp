#include "drivers/local/host_cpu.hpp"

#include <gtest/gtest.h>

#include <string>

namespace selfscale::drivers::local {
namespace {

using namespace std::chrono_literals;

/// Seconds of a host that spends `busy` of each 100 ticks.
void run(HostCpu& cpu, Time& now, int seconds, int busy) {
  static int user = 0;
  static int idle = 0;
  for (int i = 0; i < seconds; ++i) {
    user += busy;
    idle += 100 - busy;
    now += 1s;
    cpu.feed("cpu  " + std::to_string(user) + " 0 0 " + std::to_string(idle) +
                 " 0 0 0 0 0 0\ncpu0 1 2 3 4\n",
             now);
  }
}

TEST(HostCpu, IsExhaustedAfterTenBusySecondsAndNotBefore) {
  HostCpu cpu;
  Time now{};
  run(cpu, now, 10, 97);
  EXPECT_FALSE(cpu.is_exhausted());
  run(cpu, now, 1, 97);
  EXPECT_TRUE(cpu.is_exhausted());
  run(cpu, now, 1, 50);
  EXPECT_FALSE(cpu.is_exhausted());
  run(cpu, now, 10, 97);
  EXPECT_TRUE(cpu.is_exhausted());
}

TEST(HostCpu, WithSomeLeftItIsNot) {
  HostCpu cpu;
  Time now{};
  run(cpu, now, 20, 94);
  EXPECT_FALSE(cpu.is_exhausted());
}

TEST(HostCpu, WithoutProcItSaysNothing) {
  HostCpu cpu;
  for (const char* text : {"", "cpu", "cpu x y", "intr 1 2 3 4 5 6 7 8"}) cpu.feed(text, Time{});
  EXPECT_FALSE(cpu.is_exhausted());
}

}  // namespace
}  // namespace selfscale::drivers::local
