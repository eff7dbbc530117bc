#include "sampling/host.hpp"

#include <unistd.h>

#include "sampling/network.hpp"
#include "sampling/tree_fixture.hpp"

namespace selfscale::sampling {
namespace {

using HostTest = TreeTest;

TEST_F(HostTest, CpuIsBusyButForIdleAndWaiting) {
  write("/proc/stat", "cpu  100 20 30 1000 50 5 5 40 999 999\ncpu0 1 2 3 4\n");
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto times = Host{root}.read_cpu();
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->busy_seconds, 200.0 / ticks);
  EXPECT_DOUBLE_EQ(times->total_seconds, 1250.0 / ticks);
}

TEST_F(HostTest, MemoryIsWhatNewProcessesCanHave) {
  write("/proc/meminfo", "MemTotal:       16000 kB\nMemFree:  10 kB\nMemAvailable:    4000 kB\n");
  const auto memory = Host{root}.read_memory();
  ASSERT_TRUE(memory);
  EXPECT_DOUBLE_EQ(memory->total_bytes, 16000.0 * 1024);
  EXPECT_DOUBLE_EQ(memory->available_bytes, 4000.0 * 1024);
}

TEST_F(HostTest, LoadIsThatOfTheLastMinute) {
  write("/proc/loadavg", "1.25 0.50 0.10 2/345 6789\n");
  EXPECT_EQ(Host{root}.read_load_average(), 1.25);
}

TEST_F(HostTest, TheNetworkCountsWhatLeavesAndEntersTheHost) {
  write("/proc/self/net/dev",
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
        "    lo: 5000 1 0 0 0 0 0 0 5000 1 0 0 0 0 0 0\n"
        "  eth0: 1000 10 0 0 0 0 0 0 200 3 0 0 0 0 0 0\n"
        "  eth1:7 1 0 0 0 0 0 0 30 1 0 0 0 0 0 0\n");
  EXPECT_EQ(Host{root}.read_network_bytes(), 1237.0);
}

TEST(Network, IsAbsentWhereThereIsNoneAndWhereTheTextIsAnother) {
  EXPECT_FALSE(parse_network_bytes("Inter-| Receive\n face |bytes\n    lo: 5 1 0 0 0 0 0 0 5\n"));
  EXPECT_FALSE(parse_network_bytes("eth0: 1 2 3\n"));
}

TEST_F(HostTest, WhatAKernelLacksIsAbsentAndNotZero) {
  Host host{root};
  EXPECT_FALSE(host.read_cpu());
  EXPECT_FALSE(host.read_memory());
  EXPECT_FALSE(host.read_load_average());
  EXPECT_FALSE(host.read_network_bytes());
  write("/proc/stat", "garbage");
  write("/proc/meminfo", "MemTotal: 5 kB\n");
  write("/proc/loadavg", "garbage");
  EXPECT_FALSE(host.read_cpu());
  EXPECT_FALSE(host.read_memory());
  EXPECT_FALSE(host.read_load_average());
}

TEST(HostHere, ReadsTheRealFilesAgainAndAgain) {
  EXPECT_GE(count_cores(), 1);
  Host host;
  const auto before = host.read_cpu();
  ASSERT_TRUE(before);
  const auto memory = host.read_memory();
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->total_bytes, memory->available_bytes);
  EXPECT_TRUE(host.read_load_average());
  auto later = before;
  while (later->total_seconds <= before->total_seconds) later = host.read_cpu();
  host.close();
  EXPECT_TRUE(host.read_cpu());
}

}  // namespace
}  // namespace selfscale::sampling
