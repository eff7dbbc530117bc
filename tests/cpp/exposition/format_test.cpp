#include "exposition/format.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace selfscale::exposition {
namespace {

TEST(Negotiation, GivesScrapersWhatTheyWantMost) {
  const std::vector<std::pair<std::string, Format>> table{
      {"", Format::text},
      {"*/*", Format::text},
      {"text/html,application/xhtml+xml,*/*;q=0.8", Format::text},
      {"application/json", Format::text},
      // Prometheus 2.42
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       Format::openmetrics},
      // the same with --enable-feature=native-histograms
      {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
       "encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,"
       "application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
       "*/*;q=0.1",
       Format::protobuf},
      // Prometheus 3
      {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
       "application/openmetrics-text;version=0.0.1;q=0.5,"
       "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
       "*/*;q=0.2",
       Format::openmetrics},
      // Prometheus 3 with scrape_protocols: [PrometheusText1.0.0, PrometheusText0.0.4]
      {"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,"
       "*/*;q=0.2",
       Format::text},
      {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
       Format::text},
      {"application/vnd.google.protobuf", Format::text},
      {"application/openmetrics-text;version=2.0.0", Format::text},
      {"application/openmetrics-text", Format::openmetrics},
      {"Application/OpenMetrics-Text ; Version=\"1.0.0\"", Format::openmetrics},
      {"application/openmetrics-text;q=0.2, text/plain;q=0.7", Format::text},
      {"application/openmetrics-text;q=0, */*", Format::text},
      {"*/*, application/openmetrics-text", Format::openmetrics},
      {"text/plain, application/openmetrics-text", Format::text},
      {"application/openmetrics-text;q=nonsense", Format::text},
      {",;,=;q=,", Format::text},
  };
  for (const auto& [accept, wanted] : table) EXPECT_EQ(negotiate(accept), wanted) << accept;
  EXPECT_EQ(negotiate(std::nullopt), Format::text);
}

metrics::Buckets buckets() {
  metrics::Buckets some;
  some.scale = 0;  // (0.25, 0.5], (0.5, 1], (1, 2]
  some.offset = -2;
  some.counts = {1, 0, 2};
  some.zero = 1;
  some.above = 1;
  some.above_edge = 16.0;
  some.sum = 23.5;
  return some;
}

std::vector<Family> families() {
  return {
      {"depth", Type::gauge, "Jobs\nthat \"wait\".", "", {{{}, 2.5, {}}}},
      {"job_seconds",
       Type::counter,
       "CPU.",
       "seconds",
       {{{{"path", "C:\\a\n\"b\""}, {"queue", "x"}}, 3.0, {}}}},
      {"wait_seconds", Type::histogram, "Waits.", "seconds", {{{{"queue", "x"}}, 0.0, buckets()}}},
  };
}

TEST(Text, IsThatOfVersion004) {
  EXPECT_EQ(render(families(), Format::text), R"(# HELP depth Jobs\nthat "wait".
# TYPE depth gauge
depth 2.5
# HELP job_seconds_total CPU.
# TYPE job_seconds_total counter
job_seconds_total{path="C:\\a\n\"b\"",queue="x"} 3
# HELP wait_seconds Waits.
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="x",le="0.005"} 1
wait_seconds_bucket{queue="x",le="0.01"} 1
wait_seconds_bucket{queue="x",le="0.025"} 1
wait_seconds_bucket{queue="x",le="0.05"} 1
wait_seconds_bucket{queue="x",le="0.075"} 1
wait_seconds_bucket{queue="x",le="0.1"} 1
wait_seconds_bucket{queue="x",le="0.25"} 1
wait_seconds_bucket{queue="x",le="0.5"} 2
wait_seconds_bucket{queue="x",le="0.75"} 2
wait_seconds_bucket{queue="x",le="1.0"} 2
wait_seconds_bucket{queue="x",le="2.5"} 4
wait_seconds_bucket{queue="x",le="5.0"} 4
wait_seconds_bucket{queue="x",le="7.5"} 4
wait_seconds_bucket{queue="x",le="10.0"} 4
wait_seconds_bucket{queue="x",le="+Inf"} 5
wait_seconds_sum{queue="x"} 23.5
wait_seconds_count{queue="x"} 5
)");
}

TEST(OpenMetrics, NamesFamiliesAndUnitsAndEnds) {
  const auto text = render({families()[0], families()[1]}, Format::openmetrics);
  EXPECT_EQ(text, R"(# HELP depth Jobs\nthat \"wait\".
# TYPE depth gauge
depth 2.5
# HELP job_seconds CPU.
# TYPE job_seconds counter
# UNIT job_seconds seconds
job_seconds_total{path="C:\\a\n\"b\"",queue="x"} 3
# EOF
)");
}

TEST(OpenMetrics, OfNothingIsItsEnd) {
  EXPECT_EQ(render({}, Format::openmetrics), "# EOF\n");
  EXPECT_EQ(render({}, Format::text), "");
  EXPECT_EQ(render({}, Format::protobuf), "");
}

}  // namespace
}  // namespace selfscale::exposition
