#include "policy/metrics.hpp"

#include <algorithm>
#include <array>

#include "policy/duration.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

using enum MetricKind;

constexpr std::array<BuiltinMetric, 36> builtins{{
    {"cpu_usage", level, "percent", true},
    {"memory_usage", level, "percent", false},
    {"cpu_cores", level, "cores", true},
    {"memory_bytes", level, "bytes", false},
    {"host_cpu_usage", level, "percent", false},
    {"load_average", level, "processes", false},
    {"cpu_throttled", level, "percent", false},
    {"cpu_pressure", level, "percent", false},
    {"memory_pressure", level, "percent", false},
    {"io_pressure", level, "percent", false},
    {"disk_io", rate, "bytes per second", true},
    {"network_io", rate, "bytes per second", true},
    {"open_files", level, "files", false},
    {"threads", level, "threads", false},
    {"context_switches", rate, "switches per second", true},
    {"event_loop_lag", distribution, "seconds", false},
    {"gil_contention", level, "percent", false},
    {"request_rate", rate, "requests per minute", true},
    {"requests_per_second", rate, "requests per second", true},
    {"error_rate", share, "percent", false},
    {"response_time", distribution, "seconds", false},
    {"request_queue_time", distribution, "seconds", false},
    {"in_flight", level, "requests", true},
    {"active_connections", level, "connections", true},
    {"accept_backlog", level, "connections", false},
    {"queue_length", level, "jobs", false},
    {"queue_latency", level, "seconds", false},
    {"busy_workers", level, "workers", true},
    {"failure_rate", share, "percent", false},
    {"db_pool_usage", level, "percent", false},
    {"query_time", distribution, "seconds", false},
    {"slow_queries", rate, "queries per second", false},
    {"deadlocks", rate, "deadlocks per second", false},
    {"cache_hit_rate", share, "percent", false},
    {"cache_memory_usage", level, "percent", false},
    {"cache_evictions", rate, "evictions per second", false},
}};

constexpr std::pair<std::string_view, Aggregation> percentile_suffixes[] = {
    {"_p50", Aggregation::p50},
    {"_p75", Aggregation::p75},
    {"_p90", Aggregation::p90},
    {"_p95", Aggregation::p95},
    {"_p99", Aggregation::p99}};

bool is_percentile(Aggregation aggregation) { return aggregation >= Aggregation::p50; }

/// The distribution that a percentile's name speaks of.
struct NamedPercentile {
  std::string distribution;
  Aggregation aggregation;
};

std::optional<NamedPercentile> percentile_named(std::string_view name) {
  for (const auto& [suffix, aggregation] : percentile_suffixes) {
    if (name.size() > suffix.size() && name.ends_with(suffix)) {
      return NamedPercentile{std::string{name.substr(0, name.size() - suffix.size())}, aggregation};
    }
  }
  return std::nullopt;
}

MissingPolicy read_missing(Reader& reader) {
  const Json* value = reader.find("missing");
  if (value == nullptr || *value == "hold") return {};
  if (*value == "ignore") return {MissingPolicy::Kind::ignore, 0};
  MissingPolicy missing;
  if (value->is_object()) {
    reader.object("missing", [&missing](Reader& inner) {
      const auto floor = inner.whole("atLeastReplicas", 1, most_replicas);
      if (!inner.has("atLeastReplicas")) inner.required("atLeastReplicas", "2");
      missing = {MissingPolicy::Kind::at_least, floor.value_or(1)};
    });
  } else {
    reader.wrong("missing", R"(must be "hold", "ignore" or {"atLeastReplicas": 2})");
  }
  return missing;
}

/// Metrics are measured inside the app or recorded by it; outside sources come later.
void read_source(Reader& reader) {
  const auto source = reader.text("source");
  for (const std::string_view inside : {"system", "application", "custom", "database"}) {
    if (source == inside) return;
  }
  if (source) {
    reader.wrong("source",
                 "names an outside source, and those are not part of this version; use a built-in "
                 R"(metric, or record the value in the app and write "application")");
  }
  for (const std::string_view key : {"promql", "query", "queues", "reading"}) {
    reader.refuse(key, "a metric is measured by the agent or recorded by the app");
  }
}

/// Only of these two is there a choice.
bool is_percentage_of_something(std::string_view metric) {
  return metric == "cpu_usage" || metric == "memory_usage";
}

void read_of(Reader& reader, MetricSpec& metric) {
  const Json* of = reader.find("of");
  if (of == nullptr) return;
  metric.of = reader.choice<Of>("of", of_names).value_or(metric.of);
  if (!is_percentage_of_something(metric.metric)) {
    reader.wrong("of", "has a meaning for cpu_usage and memory_usage only; leave it out");
  }
}

void check_percentile(Reader& reader, const MetricSpec& metric) {
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  if (builtin == nullptr || builtin->kind == distribution || !is_percentile(metric.aggregation)) {
    return;
  }
  const std::string_view key = reader.has("aggregation") ? "aggregation" : "name";
  reader.wrong(key, metric.metric +
                        " has one value at a time, so no percentiles; use avg, max, "
                        "min or last");
}

Json missing_to_json(const MissingPolicy& missing) {
  switch (missing.kind) {
    case MissingPolicy::Kind::ignore:
      return "ignore";
    case MissingPolicy::Kind::at_least:
      return Json{{"atLeastReplicas", missing.at_least_replicas}};
    case MissingPolicy::Kind::hold:
      break;
  }
  return "hold";
}

Json computed_to_json(const MetricSpec& metric, const Expression& expression) {
  return {{"name", metric.name},
          {"value", expression.text},
          {"weight", json_number(metric.weight)},
          {"missing", missing_to_json(metric.missing)},
          {"missingAfter", to_text(metric.missing_after)}};
}

void read_measured(Reader& reader, Duration evaluation_interval, MetricSpec& metric) {
  const auto reads = reader.text("metric");
  if (reads && *reads != metric.metric) {  // a name of its own says nothing about percentiles
    std::string name = std::move(metric.name);
    metric = default_metric(*reads, evaluation_interval);
    metric.name = std::move(name);
  }
  const Aggregation named = metric.aggregation;
  metric.aggregation =
      reader.choice<Aggregation>("aggregation", aggregations).value_or(metric.aggregation);
  if (is_percentile(named) && metric.aggregation != named) {
    reader.wrong("aggregation", "contradicts the name, which says " +
                                    std::string{spelled(named, aggregations)} +
                                    "; leave one of the two out");
  }
  read_source(reader);
  read_of(reader, metric);
  metric.window = reader.duration("window", Bare::window).value_or(metric.window);
  metric.across = reader.choice<Across>("across", across_names).value_or(metric.across);
  check_percentile(reader, metric);
}

/// What is computed is not measured: how a reading is made has no meaning for it.
void read_computed(Reader& reader, MetricSpec& metric) {
  metric.metric = metric.name;
  metric.aggregation = Aggregation::avg;
  if (builtin_metric(metric.name) != nullptr) {
    reader.wrong("name", "is a built-in metric; give what is computed a name of its own");
  }
  for (const std::string_view key : {"metric", "aggregation", "window", "across", "of", "source"}) {
    if (!reader.has(key)) continue;
    reader.find(key);
    reader.wrong(key, "says how a metric is measured, and this one is computed; leave it out");
  }
}

}  // namespace

std::span<const BuiltinMetric> builtin_metrics() noexcept { return builtins; }

const BuiltinMetric* builtin_metric(std::string_view name) noexcept {
  const auto* found = std::find_if(builtins.begin(), builtins.end(),
                                   [name](const BuiltinMetric& one) { return one.name == name; });
  return found == builtins.end() ? nullptr : found;
}

bool is_resource(const BuiltinMetric& metric) noexcept {
  constexpr std::string_view resources[] = {"cpu_usage", "memory_usage", "cpu_cores",
                                            "memory_bytes"};
  return std::find(std::begin(resources), std::end(resources), metric.name) != std::end(resources);
}

bool can_be_read_without_replicas(const MetricSpec& metric) noexcept {
  const BuiltinMetric* builtin = builtin_metric(metric.metric);
  return builtin == nullptr || !is_resource(*builtin);
}

MetricSpec default_metric(std::string_view name, Duration evaluation_interval) {
  MetricSpec metric;
  metric.name = name;
  metric.metric = name;
  if (auto percentile = percentile_named(name)) {
    metric.metric = std::move(percentile->distribution);
    metric.aggregation = percentile->aggregation;
  }
  metric.missing_after = std::min(3 * evaluation_interval, longest_duration);
  return metric;
}

MetricSpec read_metric(Reader& reader, Duration evaluation_interval) {
  const auto name = reader.text("name");
  if (!reader.has("name")) reader.required("name", R"("cpu_usage")");
  MetricSpec metric = default_metric(name.value_or("?"), evaluation_interval);
  if (reader.find("value") != nullptr) {
    read_computed(reader, metric);
  } else {
    read_measured(reader, evaluation_interval, metric);
  }
  reader.text("type");  // the guide's; informative
  metric.weight = reader.number("weight", 0.0, 1000.0).value_or(metric.weight);
  metric.missing = read_missing(reader);
  metric.missing_after = reader.duration("missingAfter").value_or(metric.missing_after);
  return metric;
}

int metric_number(Reader& reader, std::string_view key, const std::string& name,
                  CompiledPolicy& policy) {
  std::vector<std::string_view> known;
  for (std::size_t i = 0; i < policy.metrics.size(); ++i) {
    if (policy.metrics[i].name == name) return static_cast<int>(i);
    known.push_back(policy.metrics[i].name);
  }
  MetricSpec added = default_metric(name, policy.evaluation_interval);
  const std::string subject = key == "metric" ? "" : '"' + name + "\" ";
  if (builtin_metric(added.metric) == nullptr) {
    for (const BuiltinMetric& builtin : builtin_metrics()) known.push_back(builtin.name);
    if (const std::string_view meant = nearest(name, known); !meant.empty()) {
      reader.wrong(key, subject + "is not a metric here; did you mean \"" + std::string{meant} +
                            "\"? If the app records it under this name, list it in metrics");
    }
  } else if (added.metric != name &&
             builtin_metric(added.metric)->kind != MetricKind::distribution) {
    reader.wrong(key, added.metric + " has one value at a time, so no percentiles; write \"" +
                          added.metric + "\"");
  }
  policy.metrics.push_back(std::move(added));
  return static_cast<int>(policy.metrics.size()) - 1;
}

Json metric_to_json(const MetricSpec& metric, const CompiledPolicy& policy) {
  if (metric.is_computed()) {
    return computed_to_json(metric,
                            policy.expressions[static_cast<std::size_t>(metric.expression)]);
  }
  Json json{{"name", metric.name},
            {"metric", metric.metric},
            {"aggregation", spelled(metric.aggregation, aggregations)},
            {"window", to_text(metric.window)},
            {"across", spelled(metric.across, across_names)},
            {"weight", json_number(metric.weight)},
            {"missing", missing_to_json(metric.missing)},
            {"missingAfter", to_text(metric.missing_after)}};
  if (is_percentage_of_something(metric.metric)) json["of"] = spelled(metric.of, of_names);
  return json;
}

}  // namespace selfscale
