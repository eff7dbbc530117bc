#include <unistd.h>

#include "sampling/cpu.hpp"
#include "sampling/memory.hpp"
#include "sampling/pressure.hpp"
#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

using HostTest = TreeTest;

TEST_F(HostTest, CpuIsBusyButForIdleAndWaiting) {
  write("/proc/stat", "cpu  100 20 30 1000 50 5 5 40 999 999\ncpu0 1 2 3 4\n");
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto times = read_host_cpu(root);
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->busy_seconds, 200.0 / ticks);
  EXPECT_DOUBLE_EQ(times->total_seconds, 1250.0 / ticks);
}

TEST_F(HostTest, MemoryIsWhatNewProcessesCanHave) {
  write("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n");
  const auto memory = read_host_memory(root);
  ASSERT_TRUE(memory);
  EXPECT_DOUBLE_EQ(memory->total_bytes, 16000.0 * 1024);
  EXPECT_DOUBLE_EQ(memory->available_bytes, 4000.0 * 1024);
}

TEST_F(HostTest, PressureIsTheShareOfTenSecondsInWhichSomeWaited) {
  write("/proc/pressure/io",
        "some avg10=12.50 avg60=1.00 avg300=0.10 total=99\nfull avg10=0.00 avg60=0 avg300=0 "
        "total=0\n");
  EXPECT_EQ(read_pressure("io", root), 12.5);
  EXPECT_FALSE(read_pressure("cpu", root));
}

TEST_F(HostTest, WhatAKernelLacksIsAbsentAndNotZero) {
  EXPECT_FALSE(read_host_cpu(root));
  EXPECT_FALSE(read_host_memory(root));
  EXPECT_FALSE(read_pressure("memory", root));
  write("/proc/stat", "garbage");
  write("/proc/meminfo", "MemTotal: 5 kB\n");
  write("/proc/pressure/memory", "some\n");
  EXPECT_FALSE(read_host_cpu(root));
  EXPECT_FALSE(read_host_memory(root));
  EXPECT_FALSE(read_pressure("memory", root));
}

TEST(HostHere, ReadsTheRealFiles) {
  EXPECT_GE(count_cores(), 1);
  const auto memory = read_host_memory();
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->total_bytes, memory->available_bytes);
}

}  // namespace
}  // namespace selfscale::sampling
