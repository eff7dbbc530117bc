#include "agent/readings.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;
using metrics::read;
using metrics::Registry;

MetricSpec metric(const std::string& name, Duration window = 10s,
                  Aggregation aggregation = Aggregation::avg) {
  MetricSpec spec;
  spec.name = name;
  spec.metric = name;
  spec.window = window;
  spec.aggregation = aggregation;
  return spec;
}

MetricSpec summed(MetricSpec spec) {
  spec.across = Across::sum;
  return spec;
}

/// A process of the test: its registry, and what the host tells of it.
struct Process {
  Registry registry;
  ProcessView view;

  Process(const std::string& instance, int slot) {
    view.instance = instance;
    view.slot = slot;
    view.pid = 100 + slot;
    view.generation = 1;
    view.reports = true;
    view.ready = true;
  }
  ProcessView now() {
    view.entries = read(registry.block());
    return view;
  }
};

class ReadingsTest : public testing::Test {
 protected:
  /// One second later.
  void tick(std::initializer_list<Process*> processes, Duration length = 1s) {
    at += length;
    Tick next{at, {}, read(std::span<const std::byte>{retired}), host};
    for (auto* process : processes) next.processes.push_back(process->now());
    readings.feed(next);
  }
  void retire(const Process& process) { metrics::fold(process.registry.block(), retired); }
  void watch(const std::vector<MetricSpec>& specs) { readings.watch(specs); }
  [[nodiscard]] Reading of(const MetricSpec& spec, const std::string& instance) const {
    return readings.read(spec, instance, at);
  }
  [[nodiscard]] Reading of(const MetricSpec& spec) const { return readings.read_service(spec, at); }

  Instant at{};
  HostView host = [] {
    HostView four_cores;
    four_cores.cores = 4.0;
    four_cores.memory_bytes = 8e9;
    return four_cores;
  }();
  std::vector<std::byte> retired = std::vector<std::byte>(metrics::sums_bytes);
  Readings readings{false};
  Process a{"a", 1};
  Process b{"b", 2};
};

TEST_F(ReadingsTest, ARateNeedsOneWholeTickAndSaysItsTrueWindow) {
  const auto rps = metric("requests_per_second");
  watch({rps});
  const auto requests = a.registry.counter("requests_total");
  requests.inc(1000);  // long ago
  tick({&a});
  EXPECT_EQ(of(rps, "a").missing, Missing::not_reported);
  requests.inc(30);
  tick({&a});
  EXPECT_EQ(of(rps, "a").value, 30.0);
  EXPECT_EQ(of(rps, "a").window, Duration{1s});
  for (int i = 0; i < 20; ++i) {
    requests.inc(10);
    tick({&a});
  }
  EXPECT_EQ(of(rps, "a").value, 10.0);
  EXPECT_EQ(of(rps, "a").window, Duration{10s});
}

TEST_F(ReadingsTest, AnInstanceStartedWithItsFirstProcessAndReportsIfOneDoes) {
  Process second{"a", 3};
  a.view.started_at = at + 5s;
  a.view.reports = false;
  second.view.started_at = at + 2s;
  b.view.reports = false;
  tick({&a, &second, &b});
  EXPECT_EQ(readings.started_at("a"), Instant{} + 2s);
  EXPECT_TRUE(readings.is_reporting("a"));
  EXPECT_FALSE(readings.started_at("b"));
  EXPECT_FALSE(readings.is_reporting("b"));
  EXPECT_FALSE(readings.is_reporting("nobody"));
}

TEST_F(ReadingsTest, OnlyWhatTheAppCallsByItsOwnNameMayBeOfTheService) {
  a.registry.gauge("depth");
  a.registry.counter("orders");
  a.registry.gauge("in_flight");
  a.registry.counter("requests_total");
  tick({&a});
  for (const auto* own : {"depth", "orders"}) {
    EXPECT_TRUE(readings.may_be_of_service(metric(own))) << own;
  }
  for (const auto* each : {"in_flight", "requests_per_second", "request_rate", "cpu_usage"}) {
    EXPECT_FALSE(readings.may_be_of_service(metric(each))) << each;
  }
}

TEST_F(ReadingsTest, RequestRateIsPerMinute) {
  watch({metric("request_rate")});
  const auto requests = a.registry.counter("requests_total");
  tick({&a});
  requests.inc(2);
  tick({&a});
  EXPECT_EQ(of(metric("request_rate"), "a").value, 120.0);
}

TEST_F(ReadingsTest, AProcessThatAppearsCountsFromZero) {
  const auto rps = metric("requests_per_second");
  watch({rps});
  a.registry.counter("requests_total");
  tick({&a});
  b.registry.counter("requests_total").inc(5);
  tick({&a, &b});
  EXPECT_EQ(of(rps, "b").value, 5.0);
  EXPECT_EQ(of(rps, "a").value, 0.0);
}

TEST_F(ReadingsTest, ANewGenerationInASlotMakesNoNegativeRate) {
  const auto rps = metric("requests_per_second", 1s);
  watch({rps, summed(rps)});
  a.registry.counter("requests_total").inc(500);
  tick({&a});
  retire(a);
  Process later{"a", 1};
  later.view.generation = 2;
  later.view.pid = 999;
  later.registry.counter("requests_total").inc(20);
  tick({&later});
  EXPECT_EQ(of(rps, "a").value, 20.0);
  EXPECT_EQ(of(summed(rps)).value, 20.0);
}

TEST_F(ReadingsTest, WhatADyingProcessStillCountedIsNotLost) {
  const auto rps = summed(metric("requests_per_second", 4s));
  const auto took = metric("response_time", 4s, Aggregation::sum);
  watch({rps, took});
  const auto requests = a.registry.counter("requests_total");
  const auto times = a.registry.distribution("response_time");
  b.registry.counter("requests_total");
  tick({&a, &b});
  requests.inc(8);
  times.observe(0.5);
  a.view.alive = false;  // seen dead, its counts still in the slot
  tick({&a, &b});
  requests.inc(4);  // and some that were only seen after they were folded
  times.observe(0.25);
  retire(a);
  tick({&b});
  tick({&b});
  tick({&b});
  EXPECT_EQ(of(rps).value, 3.0);
  EXPECT_EQ(of(took).value, 0.75);
  EXPECT_EQ(readings.instances(), std::set<std::string>{"b"});
}

TEST_F(ReadingsTest, APercentileSaysHowFarOffItMayBeAndAnAverageIsExact) {
  const auto p95 = metric("response_time", 10s, Aggregation::p95);
  const auto mean = metric("response_time", 10s, Aggregation::avg);
  watch({p95, mean});
  const auto took = a.registry.distribution("response_time");
  tick({&a});
  took.observe(0.1);
  tick({&a});
  EXPECT_NEAR(of(p95).value, 0.1, 0.1 * of(p95).error.value());
  EXPECT_LT(of(p95).error, 0.006);
  EXPECT_FALSE(of(mean).error);
}

TEST_F(ReadingsTest, PercentilesAreOfAllRequestsOfAllInstances) {
  const auto p95 = metric("response_time", 10s, Aggregation::p95);
  watch({p95});
  const auto fast = a.registry.distribution("response_time");
  const auto slow = b.registry.distribution("response_time");
  tick({&a, &b});
  for (int i = 0; i < 900; ++i) fast.observe(0.010);
  for (int i = 0; i < 100; ++i) slow.observe(0.500);
  tick({&a, &b});
  EXPECT_TRUE(readings.is_service_level(p95));
  EXPECT_NEAR(of(p95).value, 0.500, 0.003);
  auto p50 = p95;
  p50.aggregation = Aggregation::p50;
  EXPECT_NEAR(of(p50).value, 0.010, 0.00006);
}

TEST_F(ReadingsTest, TheLagIsThatOfAllEventLoops) {
  const auto p99 = metric("event_loop_lag", 10s, Aggregation::p99);
  auto largest = p99;
  largest.aggregation = Aggregation::max;
  watch({p99, largest});
  const auto idle = a.registry.distribution("event_loop_lag", "loop=asyncio");
  const auto busy = b.registry.distribution("event_loop_lag", "loop=uvloop");
  tick({&a, &b});
  for (int i = 0; i < 98; ++i) idle.observe(0.001);
  for (int i = 0; i < 2; ++i) busy.observe(0.7);
  tick({&a, &b});
  EXPECT_TRUE(readings.is_service_level(p99));
  EXPECT_NEAR(of(p99).value, 0.7, 0.04);
  EXPECT_NEAR(of(largest).value, 0.7, 0.04);
}

TEST_F(ReadingsTest, AnOldObservationLeavesTheWindow) {
  const auto p99 = metric("response_time", 5s, Aggregation::p99);
  watch({p99});
  const auto took = a.registry.distribution("response_time");
  tick({&a});
  took.observe(4.0);
  tick({&a});
  for (int i = 0; i < 4; ++i) {
    tick({&a});
    EXPECT_NEAR(of(p99).value, 4.0, 0.03) << i;
  }
  tick({&a});
  EXPECT_EQ(of(p99).value, 0.0);  // nobody waited
  EXPECT_FALSE(of(p99).is_missing());
}

TEST_F(ReadingsTest, NobodyReportingIsMissingAndNotZero) {
  const auto p95 = metric("response_time", 5s, Aggregation::p95);
  const auto rps = metric("requests_per_second", 5s);
  watch({p95, rps});
  const auto requests = a.registry.counter("requests_total");
  const auto took = a.registry.distribution("response_time");
  tick({&a});
  requests.inc(5);
  took.observe(0.1);
  tick({&a});
  a.view.reports = false;  // stopped: its memory stands still
  for (int i = 0; i < 5; ++i) tick({&a});
  EXPECT_EQ(of(rps, "a").value, 5.0);
  EXPECT_EQ(of(rps, "a").age, Duration{5s});
  tick({&a});
  EXPECT_EQ(of(rps, "a").missing, Missing::stale);
  EXPECT_EQ(of(rps, "a").detail, "last reported 6 s ago");
  EXPECT_EQ(of(p95).missing, Missing::stale);
}

TEST_F(ReadingsTest, InFlightIsTheAverageOverTheWindowSummedOverProcesses) {
  const auto mean = metric("in_flight", 4s);
  const auto most = metric("in_flight", 4s, Aggregation::max);
  const auto last = metric("in_flight", 4s, Aggregation::last);
  watch({mean});
  Process second{"a", 3};
  const auto gauge = a.registry.gauge("in_flight");
  const auto other = second.registry.gauge("in_flight");
  other.set(1);
  for (const double value : {9.0, 2.0, 4.0, 6.0, 4.0}) {  // the first has left the window
    gauge.set(value);
    tick({&a, &second});
  }
  EXPECT_EQ(of(mean, "a").value, 5.0);
  EXPECT_EQ(of(most, "a").value, 7.0);
  EXPECT_EQ(of(last, "a").value, 5.0);
  EXPECT_TRUE(readings.is_busy("a"));
  EXPECT_FALSE(readings.is_busy("b"));
  EXPECT_FALSE(readings.is_service_level(mean));
}

TEST_F(ReadingsTest, CpuIsAPercentageOfTheQuotaElseOfTheCores) {
  const auto cpu = metric("cpu_usage");
  auto of_cores = cpu;
  of_cores.of = Of::cores;
  watch({cpu});
  host.cpu_limit_cores = 0.5;
  a.view.cpu_seconds = 100.0;
  tick({&a});
  a.view.cpu_seconds = 100.4;
  tick({&a});
  EXPECT_NEAR(of(cpu, "a").value, 80.0, 1e-6);
  EXPECT_NEAR(*of(cpu, "a").amount, 0.4, 1e-9);
  EXPECT_EQ(of(cpu, "a").capacity, 0.5);
  EXPECT_NEAR(of(of_cores, "a").value, 10.0, 1e-6);
}

TEST_F(ReadingsTest, CpuAndMemoryOfTheRequestNeedToKnowIt) {
  auto cpu = metric("cpu_usage");
  auto memory = metric("memory_usage");
  cpu.of = memory.of = Of::request;
  const auto run = [&](Requests requests) {
    readings = Readings{false, requests};
    watch({cpu, memory});
    a.view.memory_bytes = 1e9;
    a.view.cpu_seconds = 100.0;
    tick({&a});
    a.view.cpu_seconds = 100.4;
    tick({&a});
  };
  run({});
  EXPECT_EQ(of(cpu, "a").missing, Missing::unknown);
  EXPECT_NE(of(cpu, "a").detail.find("SELFSCALE_CPU_REQUEST"), std::string::npos);
  EXPECT_NE(of(memory, "a").detail.find("SELFSCALE_MEMORY_REQUEST"), std::string::npos);
  run({0.5, 4e9});
  EXPECT_NEAR(of(cpu, "a").value, 80.0, 1e-6);
  EXPECT_EQ(of(memory, "a").value, 25.0);
  EXPECT_EQ(of(cpu, "b").missing, Missing::unheard);
  EXPECT_EQ(of(cpu, "b").capacity, 0.5) << "what it would be of is known all the same";
}

TEST_F(ReadingsTest, CoresAndBytesAreNoPercentages) {
  const auto cores = metric("cpu_cores");
  const auto bytes = metric("memory_bytes");
  watch({cores, bytes});
  a.view.memory_bytes = 1e9;
  a.view.cpu_seconds = 100.0;
  tick({&a});
  a.view.cpu_seconds = 100.4;
  tick({&a});
  EXPECT_NEAR(of(cores, "a").value, 0.4, 1e-9);
  EXPECT_EQ(of(bytes, "a").value, 1e9);
  EXPECT_TRUE(readings.metrics().contains("cpu_cores"));
}

TEST_F(ReadingsTest, TheCgroupCountsHelpersThatCarryNoAgent) {
  const auto cpu = metric("cpu_usage");
  watch({cpu});
  host.cpu_limit_cores = 2.0;
  host.group_cpu_seconds = 50.0;
  a.view.cpu_seconds = 1.0;
  tick({&a});
  host.group_cpu_seconds = 51.0;
  a.view.cpu_seconds = 1.1;
  tick({&a});
  EXPECT_NEAR(of(cpu, "a").value, 50.0, 1e-6);
}

TEST_F(ReadingsTest, LocalWorkersCountCpuAgainstOneCoreEach) {
  readings = Readings{true};
  const auto cpu = metric("cpu_usage");
  const auto memory = metric("memory_usage");
  watch({cpu, memory});
  host.group_cpu_seconds = 1.0;
  host.cpu_limit_cores = 1.0;
  a.view.cpu_seconds = 1.0;
  b.view.cpu_seconds = 1.0;
  a.view.memory_bytes = 1e9;
  b.view.memory_bytes = 3e9;
  tick({&a, &b});
  a.view.cpu_seconds = 1.5;
  b.view.cpu_seconds = 1.9;
  tick({&a, &b});
  EXPECT_NEAR(of(cpu, "a").value, 50.0, 1e-6);
  EXPECT_NEAR(of(cpu, "b").value, 90.0, 1e-6);
  EXPECT_NEAR(of(memory, "a").value, 50.0, 1e-6);  // of all of them over the host's
  host.memory_limit_bytes = 10e9;
  host.group_memory_bytes = 9e9;
  watch({});
  watch({memory});
  tick({&a, &b});
  EXPECT_NEAR(of(memory, "b").value, 90.0, 1e-6);
}

TEST_F(ReadingsTest, MemoryFilesAndThreadsAreThoseOfTheInstancesProcesses) {
  const auto memory = metric("memory_usage");
  const auto files = metric("open_files");
  const auto threads = metric("threads");
  watch({memory, files, threads});
  Process second{"a", 3};
  a.view.memory_bytes = 1e9;
  second.view.memory_bytes = 1e9;
  a.view.open_files = 10;
  second.view.open_files = 5;
  a.view.threads = 4;
  b.view.memory_bytes = 4e9;
  tick({&a, &second, &b});
  EXPECT_EQ(of(memory, "a").value, 25.0);
  EXPECT_EQ(of(memory, "b").value, 50.0);
  EXPECT_EQ(of(files, "a").value, 15.0);
  EXPECT_EQ(of(threads, "a").value, 4.0);
  EXPECT_EQ(of(files, "b").missing, Missing::not_reported);  // hidden is not zero
}

TEST_F(ReadingsTest, EveryInstanceReadsTheCpuOfItsHostAndNothingWhereTheHostDoesNotTell) {
  const auto busy = metric("host_cpu_usage");
  watch({busy});
  tick({&a, &b});
  EXPECT_EQ(of(busy, "a").missing, Missing::not_reported);
  EXPECT_FALSE(readings.metrics().contains("host_cpu_usage"));
  host.cpu_percent = 40.0;
  tick({&a, &b});
  host.cpu_percent = 60.0;
  tick({&a, &b});
  EXPECT_EQ(of(busy, "a").value, 50.0);
  EXPECT_EQ(of(busy, "b").value, 50.0);
  EXPECT_TRUE(readings.metrics().contains("host_cpu_usage"));
  EXPECT_FALSE(readings.is_service_level(busy));
}

TEST_F(ReadingsTest, WhatAHostOrAContainerDoesIsReadAsAShareOfTimeOrARate) {
  const auto throttled = metric("cpu_throttled");
  const auto waits = metric("io_pressure");
  const auto bytes = metric("network_io", 10s, Aggregation::rate);
  const auto load = metric("load_average");
  watch({throttled, waits, bytes, load});
  host.throttling = sampling::Throttling{100, 10};
  host.stalled.io_seconds = 5.0;
  host.network_bytes = 1e6;
  tick({&a});
  EXPECT_EQ(of(throttled, "a").missing, Missing::not_reported);
  host.throttling = sampling::Throttling{110, 15};
  host.stalled.io_seconds = 5.25;
  host.network_bytes = 1e6 + 400;
  host.load_average = 1.5;
  tick({&a});
  tick({&a});  // nothing to do, nothing sent
  EXPECT_EQ(of(throttled, "a").value, 50.0);
  EXPECT_EQ(of(waits, "a").value, 12.5);
  EXPECT_EQ(of(bytes, "a").value, 200.0);
  EXPECT_EQ(of(load, "a").value, 1.5);
  for (const auto* name : {"cpu_throttled", "io_pressure", "network_io", "load_average"}) {
    EXPECT_TRUE(readings.metrics().contains(name)) << name;
  }
  for (const auto* name : {"cpu_pressure", "memory_pressure", "disk_io", "context_switches"}) {
    EXPECT_FALSE(readings.metrics().contains(name)) << name;
  }
}

TEST_F(ReadingsTest, ThrottlingIsTheShareOfAllPeriodsHoweverShortTheTicks) {
  const auto throttled = metric("cpu_throttled", 1s);
  watch({throttled});
  host.throttling = sampling::Throttling{0, 0};
  tick({&a}, 20ms);
  for (int i = 0; i < 20; ++i) {
    if (i % 5 == 0) ++host.throttling->periods, ++host.throttling->throttled;
    tick({&a}, 20ms);
  }
  EXPECT_EQ(of(throttled, "a").value, 100.0);
}

TEST_F(ReadingsTest, GaugesOfAProcessThatAPoolForkedCountThoughItNeverReports) {
  const auto depth = metric("depth");
  watch({depth});
  Process child{"a", 3};
  child.view.reports = false;
  child.view.has_thread = false;
  child.registry.gauge("depth").set(50);
  Process hung{"a", 4};
  hung.view.reports = false;
  hung.registry.gauge("depth").set(7);
  tick({&a, &child, &hung});
  EXPECT_EQ(of(depth, "a").value, 50.0);
}

TEST_F(ReadingsTest, APercentileOfValuesThatHaveNoBucketIsRefused) {
  const auto p50 = metric("size", 10s, Aggregation::p50);
  const auto mean = metric("size", 10s, Aggregation::avg);
  watch({p50, mean});
  const auto size = a.registry.distribution("size");
  tick({&a});
  for (int octave = 1; octave < 10; ++octave) size.observe(std::ldexp(1.5, octave));
  for (int i = 0; i < 100; ++i) size.observe(1e6);
  tick({&a});
  EXPECT_EQ(of(p50).missing, Missing::refused);
  EXPECT_GT(of(mean).value, 9e5);
}

TEST_F(ReadingsTest, OpenFilesOfWhichSomeAreHiddenAreNoSum) {
  const auto files = metric("open_files");
  watch({files});
  Process second{"a", 3};
  a.view.open_files = 10;
  tick({&a, &second});
  EXPECT_TRUE(of(files, "a").is_missing());
}

TEST_F(ReadingsTest, DisksAndSwitchesAreWhatTheProcessesThemselvesHaveCounted) {
  const auto disk = metric("disk_io", 10s, Aggregation::rate);
  const auto switches = metric("context_switches", 10s, Aggregation::rate);
  watch({disk, switches});
  const auto bytes = a.registry.counter("process_disk_bytes");
  const auto switched = a.registry.counter("process_context_switches");
  tick({&a});
  bytes.inc(4096);
  switched.inc(50);
  tick({&a});
  EXPECT_EQ(of(disk, "a").value, 4096.0);
  EXPECT_EQ(of(switches, "a").value, 50.0);
  EXPECT_TRUE(readings.metrics().contains("disk_io"));
}

TEST_F(ReadingsTest, OfAnInstanceWithAHiddenProcessNobodyKnowsTheSums) {
  const auto cpu = metric("cpu_usage");
  const auto memory = metric("memory_usage");
  watch({cpu, memory});
  Process second{"a", 3};
  a.view.cpu_seconds = 1.0;
  a.view.memory_bytes = 1e9;
  second.view.is_hidden = true;
  b.view.cpu_seconds = 1.0;
  tick({&a, &second, &b});
  tick({&a, &second, &b});
  EXPECT_EQ(of(cpu, "a").missing, Missing::not_reported);
  EXPECT_EQ(of(memory, "a").detail, "/proc hides a process of a");
  EXPECT_EQ(of(cpu, "b").value, 0.0);
}

TEST_F(ReadingsTest, AnotherGroupsCpuTimeIsNotTakenForWhatWasUsed) {
  const auto cpu = metric("cpu_cores");
  watch({cpu});
  host.cpu_limit_cores = 2.0;
  host.group_cpu_seconds = 10.0;
  a.view.cpu_seconds = 1.0;
  tick({&a});
  host.cpu_limit_level = 1;  // the limit of the group around it is the tighter one now
  host.group_cpu_seconds = 5000.0;
  a.view.cpu_seconds = 1.5;
  tick({&a});
  EXPECT_EQ(of(cpu, "a").value, 0.5);  // of the processes
  host.group_cpu_seconds = 5001.0;
  tick({&a});
  EXPECT_EQ(of(cpu, "a").value, 0.75);
}

TEST_F(ReadingsTest, MinutesInWhichNobodyLookedSayNothingOfTheLastSeconds) {
  const auto rps = metric("requests_per_second", 10s);
  watch({rps});
  const auto requests = a.registry.counter("requests_total");
  tick({&a});
  requests.inc(10);
  tick({&a});
  EXPECT_EQ(of(rps, "a").value, 10.0);
  requests.inc(600);
  tick({&a}, 300s);  // this process was stopped
  EXPECT_EQ(of(rps, "a").missing, Missing::incomplete);
  requests.inc(3);
  tick({&a});
  EXPECT_EQ(of(rps, "a").value, 3.0);
  EXPECT_EQ(of(rps, "a").window, Duration{1s});
}

TEST_F(ReadingsTest, AStoppedProcessGrowsStaleAndWhatItCountsAfterwardsCountsOnce) {
  const auto rps = metric("requests_per_second", 10s);
  watch({rps});
  const auto requests = a.registry.counter("requests_total");
  tick({&a});
  requests.inc(10);
  tick({&a});
  a.view.reports = false;
  for (int i = 0; i < 120; ++i) tick({&a, &b});
  EXPECT_TRUE(of(rps, "a").is_missing());
  a.view.reports = true;
  requests.inc(7);
  tick({&a, &b});
  EXPECT_EQ(of(rps, "a").value, 7.0);
}

TEST_F(ReadingsTest, ErrorRateIsThatOfTheServiceAndZeroWithoutRequests) {
  const auto rate = metric("error_rate");
  watch({rate});
  const auto good = a.registry.counter("requests_total");
  const auto other = b.registry.counter("requests_total");
  tick({&a, &b});
  tick({&a, &b});
  EXPECT_EQ(of(rate).value, 0.0);
  EXPECT_FALSE(of(rate).is_missing());
  const auto bad = b.registry.counter("errors_total");
  good.inc(90);
  other.inc(10);
  bad.inc(5);
  tick({&a, &b});
  EXPECT_EQ(of(rate).value, 5.0);
}

TEST_F(ReadingsTest, ThePreviousWindowIsGivenOnceItIsWhole) {
  auto rps = summed(metric("requests_per_second", 3s));
  rps.needs_previous = true;
  watch({rps});
  const auto requests = a.registry.counter("requests_total");
  tick({&a});
  for (int i = 0; i < 3; ++i) {
    requests.inc(10);
    tick({&a});
  }
  EXPECT_EQ(of(rps).previous, std::nullopt);
  for (int i = 0; i < 3; ++i) {
    requests.inc(30);
    tick({&a});
  }
  EXPECT_EQ(of(rps).value, 30.0);
  EXPECT_EQ(of(rps).previous, 10.0);
}

TEST_F(ReadingsTest, LabelledSeriesAreNotCountedBesideTheirTotal) {
  const auto rps = summed(metric("requests_per_second"));
  const auto jobs = summed(metric("jobs"));
  watch({rps, jobs});
  const auto all = a.registry.counter("requests_total");
  const auto route = a.registry.counter("requests_total", "route=/,method=GET");
  const auto mail = a.registry.counter("jobs", "queue=mail");
  const auto other = a.registry.counter("jobs", "queue=other");
  tick({&a});
  all.inc(5);
  route.inc(5);
  mail.inc(2);
  other.inc(3);
  tick({&a});
  EXPECT_EQ(of(rps).value, 5.0);
  EXPECT_EQ(of(jobs).value, 5.0);  // no total: the sum of the series
}

TEST_F(ReadingsTest, WhatNobodyRecordsIsMissing) {
  const auto depth = metric("queue_length");
  watch({depth});
  tick({&a});
  EXPECT_TRUE(readings.is_service_level(depth));
  EXPECT_EQ(of(depth).missing, Missing::not_reported);
  a.registry.gauge("queue_length").set(7);
  tick({&a});
  EXPECT_FALSE(readings.is_service_level(depth));
  EXPECT_EQ(of(depth, "a").value, 7.0);
}

TEST_F(ReadingsTest, MetricsThatExistAreNamed) {
  tick({&a});
  EXPECT_FALSE(readings.metrics().contains("cpu_usage"));
  EXPECT_FALSE(readings.metrics().contains("error_rate"));
  a.view.cpu_seconds = 1.0;
  a.registry.counter("requests_total");
  a.registry.distribution("response_time");
  tick({&a});
  const auto names = readings.metrics();
  for (const auto* name :
       {"cpu_usage", "request_rate", "requests_per_second", "error_rate", "response_time"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
  EXPECT_FALSE(names.contains("memory_usage"));
}

TEST_F(ReadingsTest, WatchingAnewKeepsTheHistoryOfWhatStays) {
  const auto rps = summed(metric("requests_per_second"));
  watch({rps});
  const auto requests = a.registry.counter("requests_total");
  tick({&a});
  requests.inc(10);
  tick({&a});
  watch({metric("cpu_usage"), rps});
  EXPECT_EQ(of(rps).value, 10.0);
  watch({metric("cpu_usage")});
  EXPECT_EQ(of(rps).missing, Missing::unknown);
}

TEST_F(ReadingsTest, ALongWindowAtAFastTickStaysExactAndSmall) {
  const auto rps = summed(metric("requests_per_second", 10min));
  const auto p50 = metric("response_time", 10min, Aggregation::p50);
  watch({rps, p50});
  const auto requests = a.registry.counter("requests_total");
  const auto took = a.registry.distribution("response_time");
  tick({&a});
  for (int i = 0; i < 15'000; ++i) {  // 25 minutes at ten a second
    requests.inc(i < 7'500 ? 3 : 1);
    took.observe(i < 7'500 ? 1.0 : 0.1);
    tick({&a}, 100ms);
  }
  EXPECT_NEAR(of(rps).value, 10.0, 1e-9);
  EXPECT_NEAR(static_cast<double>(of(rps).window.count()), 600'000.0, 10'000.0);
  EXPECT_NEAR(of(p50).value, 0.1, 0.0006);
}

// Throughput of jobs.

TEST_F(ReadingsTest, ThroughputIsWhatBusyReplicasFinish) {
  const auto of_a = a.registry.counter("jobs_finished_total");
  const auto of_b = b.registry.counter("jobs_finished_total");
  const auto busy_a = a.registry.gauge("busy_workers");
  const auto busy_b = b.registry.gauge("busy_workers");
  busy_a.set(2);
  busy_b.set(0);
  of_a.inc(1'000);  // before anybody looked
  tick({&a, &b});
  for (int second = 0; second < 9; ++second) {
    of_a.inc(1);
    tick({&a, &b});
  }
  EXPECT_EQ(readings.throughput(), std::nullopt) << "nine jobs are too few";
  busy_b.set(1);
  of_a.inc(1);
  of_b.inc(2);
  tick({&a, &b});
  const auto learned = readings.throughput().value();
  EXPECT_EQ(learned.samples, 12);
  EXPECT_DOUBLE_EQ(learned.value, 12.0 / 11.0) << "ten seconds of one, one of the other";
  // The exact 95 % interval of a count of 12 begins at 6.20 (Garwood 1936).
  EXPECT_NEAR(learned.low * 11.0, 6.20, 0.02);
}

TEST_F(ReadingsTest, ThroughputForgetsWhatIsAnHourOld) {
  const auto jobs = a.registry.counter("jobs_finished_total");
  tick({&a});
  jobs.inc(600);
  tick({&a}, 60s);
  EXPECT_DOUBLE_EQ(readings.throughput().value().value, 10.0) << "busy while it finishes jobs";
  for (int minute = 0; minute < 61; ++minute) {
    jobs.inc(60);
    tick({&a}, 60s);
  }
  EXPECT_DOUBLE_EQ(readings.throughput().value().value, 1.0);
}

// The longest piece of work.

TEST_F(ReadingsTest, TheLongestWorkIsThatOfAnyProcessAndOfRequestsAndJobs) {
  tick({&a, &b});
  EXPECT_FALSE(readings.longest_work());
  a.registry.distribution("response_time").observe(0.5);
  b.registry.distribution("response_time").observe(2.0);
  a.registry.distribution("event_loop_lag").observe(60.0);
  tick({&a, &b});
  auto longest = readings.longest_work().value();
  EXPECT_EQ(longest.metric, "response_time");
  EXPECT_DOUBLE_EQ(longest.seconds, 2.0);
  EXPECT_FALSE(longest.is_open);
  b.registry.distribution("job_time").observe(45.0);
  tick({&a, &b});
  longest = readings.longest_work().value();
  EXPECT_EQ(longest.metric, "job_time");
  EXPECT_GE(longest.seconds, 45.0);
  EXPECT_LE(longest.seconds, 45.0 * 1.011);
}

TEST_F(ReadingsTest, TheLongestWorkIsRememberedWhenTheProcessThatDidItIsGone) {
  a.registry.distribution("response_time").observe(8.0);
  b.registry.distribution("response_time").observe(0.5);
  tick({&a, &b});
  retire(a);
  for (int hour = 0; hour < 3; ++hour) tick({&b}, 60min);
  EXPECT_DOUBLE_EQ(readings.longest_work().value().seconds, 8.0);
}

TEST_F(ReadingsTest, TheLongestWorkIsOpenWhereItHasNoBucket) {
  const auto took = a.registry.distribution("response_time");
  for (int octave = 0; octave < 20; ++octave) took.observe(std::exp2(octave + 0.5));
  tick({&a});
  const auto longest = readings.longest_work().value();
  EXPECT_TRUE(longest.is_open);
  EXPECT_GE(longest.seconds, 1.0);
}

TEST_F(ReadingsTest, AWorkerWithAJobInHandIsBusy) {
  const auto busy = a.registry.gauge("busy_workers");
  busy.set(1);
  tick({&a});
  EXPECT_TRUE(readings.is_busy("a"));
  busy.set(0);
  tick({&a});
  EXPECT_FALSE(readings.is_busy("a"));
}

}  // namespace
}  // namespace selfscale::agent
