#include "exposition/collect.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <cstddef>

#include "exposition/recorded_fixture.hpp"

namespace selfscale::exposition {
namespace {

using metrics::Entry;
using metrics::Registry;

std::vector<Entry> orders(std::uint64_t count, double depth) {
  return recorded([&](Registry& registry) {
    registry.counter("orders").inc(count);
    registry.gauge("depth").set(depth);
  });
}

TEST(Collect, AddsUpProcesses) {
  const auto families = collect({{orders(3, 5), orders(4, 6)}, {}, {}});
  EXPECT_EQ(find(families, "orders")->series.front().value, 7.0);
  EXPECT_EQ(find(families, "depth")->series.front().value, 11.0);
}

TEST(Collect, OfEndedProcessesCountersStayAndGaugesGo) {
  const auto families = collect({{orders(3, 5)}, {orders(4, 6)}, {}});
  EXPECT_EQ(find(families, "orders")->series.front().value, 7.0);
  EXPECT_EQ(find(families, "depth")->series.front().value, 5.0);
  EXPECT_EQ(find(collect({{}, {orders(4, 6)}, {}}), "depth"), nullptr);
}

TEST(Collect, WhatSelfscaleRecordsHasTheNamesOfPrometheusAndOfOpenTelemetry) {
  const auto families = collect({{recorded([](Registry& registry) {
                                   registry.counter("requests_total").inc();
                                   registry.gauge("in_flight").inc();
                                   registry.distribution("response_time").observe(0.1);
                                   registry.distribution("event_loop_lag").observe(0.1);
                                   registry.counter("process_cpu_microseconds").inc(2'500'000);
                                 })},
                                 {},
                                 {}});
  std::vector<std::string> names;
  for (const auto& family : families) names.push_back(family.name);
  EXPECT_EQ(names, (std::vector<std::string>{
                       "http_request_duration_seconds", "http_requests",
                       "http_requests_in_progress", "http_requests_inprogress",
                       "http_server_active_requests", "http_server_request_duration_seconds",
                       "process_cpu_seconds", "selfscale_event_loop_lag_seconds"}));
  EXPECT_EQ(find(families, "process_cpu_seconds")->series.front().value, 2.5);
}

TEST(Collect, RequestsByRouteAreNotCountedASecondTimeAsATotal) {
  const auto families = collect({{recorded([](Registry& registry) {
                                   registry.counter("requests_total").inc(3);
                                   registry.counter("requests_total", "route=/a,method=GET").inc(1);
                                   registry.counter("requests_total", "route=/b,method=PUT").inc(2);
                                 })},
                                 {},
                                 {}});
  const auto& series = find(families, "http_requests")->series;
  ASSERT_EQ(series.size(), 2U);
  EXPECT_EQ(series[0].labels, (Labels{{"handler", "/a"}, {"method", "GET"}}));
  EXPECT_EQ(series[0].value, 1.0);
  EXPECT_EQ(series[1].value, 2.0);
}

TEST(Collect, EveryRequestStandsInOneSeries) {
  const auto families =
      collect({{recorded([](Registry& registry) {
                 registry.counter("requests_total").inc(6);
                 registry.counter("requests_total", "route=/a,method=GET,status=200").inc(1);
                 registry.counter("requests_total", "route=,method=GET,status=404").inc(2);
                 registry.counter("requests_total", metrics::overflow_labels).inc(3);
               })},
               {},
               {}});
  const auto& series = find(families, "http_requests")->series;
  ASSERT_EQ(series.size(), 3U);
  EXPECT_EQ(series[0].labels, (Labels{{"otel_metric_overflow", "true"}}));
  EXPECT_EQ(series[0].value, 3.0);
  EXPECT_EQ(series[1].labels, (Labels{{"handler", ""}, {"method", "GET"}, {"status", "404"}}));
  EXPECT_EQ(series[2].labels, (Labels{{"handler", "/a"}, {"method", "GET"}, {"status", "200"}}));
}

TEST(Collect, OpenTelemetrysNameHasOpenTelemetrysLabels) {
  const auto families =
      collect({{recorded([](Registry& registry) {
                 registry.distribution("response_time", "route=/a,method=GET").observe(0.1);
               })},
               {},
               {}});
  EXPECT_EQ(find(families, "http_server_request_duration_seconds")->series.front().labels,
            (Labels{{"http_request_method", "GET"}, {"http_route", "/a"}}));
}

TEST(Collect, FamiliesWhoseSamplesWouldHaveOneNameAreToldApart) {
  const auto families = collect({{recorded([](Registry& registry) {
                                   registry.counter("jobs").inc(1);
                                   registry.gauge("jobs_total").set(2);
                                   registry.distribution("wait").observe(1);
                                   registry.gauge("wait_sum").set(3);
                                 })},
                                 {},
                                 {}});
  EXPECT_EQ(find(families, "jobs")->type, Type::counter);
  EXPECT_EQ(find(families, "jobs_total_gauge")->series.front().value, 2.0);
  EXPECT_EQ(find(families, "wait_sum")->type, Type::gauge);
  EXPECT_EQ(find(families, "wait_histogram")->type, Type::histogram);
}

TEST(Collect, LabelTextsThatMeanOneThingAreOneSeries) {
  const auto families = collect({{recorded([](Registry& registry) {
                                   registry.counter("jobs", "a=1,b=2").inc(1);
                                   registry.counter("jobs", "b=2,a=1").inc(2);
                                 })},
                                 {},
                                 {}});
  ASSERT_EQ(find(families, "jobs")->series.size(), 1U);
  EXPECT_EQ(find(families, "jobs")->series.front().value, 3.0);
}

/// However many processes have ended, and in whatever order their counts were added.
RC_GTEST_PROP(Collect, NothingGoesBackwardsWhenAProcessEnds, ()) {
  const auto seconds = rc::gen::map(rc::gen::inRange(1, 1'000'000), [](int i) { return i * 1e-6; });
  std::vector<std::vector<Entry>> processes;
  for (int i = 0; i < 3; ++i) {
    const auto waits = *rc::gen::container<std::vector<double>>(seconds);
    processes.push_back(recorded([&](Registry& registry) {
      for (const double wait : waits) registry.distribution("wait").observe(wait);
    }));
  }
  const auto before = collect({processes, {}, {}});
  const auto ended = processes.back();
  processes.pop_back();
  const auto after = collect({processes, {ended}, {}});
  if (before.empty()) return;
  const auto& then = find(before, "wait")->series.front().buckets;
  const auto& now = find(after, "wait")->series.front().buckets;
  RC_ASSERT(now.count() == then.count());
  RC_ASSERT(now.sum >= then.sum);
}

}  // namespace
}  // namespace selfscale::exposition
