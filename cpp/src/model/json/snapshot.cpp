// Snapshots as JSON.
#include "model/json.hpp"
#include "model/json/node.hpp"

namespace selfscale {
namespace {

std::optional<double> optional_number(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? std::optional{member->number()} : std::nullopt;
}

std::optional<Instant> optional_instant(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? std::optional{member->instant()} : std::nullopt;
}

std::string optional_text(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->text() : std::string{};
}

bool flag_or(const Node& node, std::string_view key, bool otherwise) {
  const auto member = node.find(key);
  return member ? member->flag() : otherwise;
}

Duration duration_or_zero(const Node& node, std::string_view key) {
  const auto member = node.find(key);
  return member ? member->duration() : Duration{0};
}

Reading read_reading(const Node& node) {
  Reading reading;
  if (const auto missing = node.find("missing")) {
    reading.missing = missing->choice<Missing>();
  } else if (const auto value = node.find("value")) {
    reading = Reading::of(value->number());
  }
  reading.age = duration_or_zero(node, "age");
  reading.window = duration_or_zero(node, "window");
  reading.amount = optional_number(node, "amount");
  reading.capacity = optional_number(node, "capacity");
  reading.previous = optional_number(node, "previous");
  reading.short_value = optional_number(node, "short");
  reading.short_window = duration_or_zero(node, "shortWindow");
  reading.detail = optional_text(node, "detail");
  return reading;
}

/// Metrics that the policy does not know are passed over.
std::vector<std::optional<Reading>> read_metrics(const Node& node, const Names& names) {
  std::vector<std::optional<Reading>> readings(names.metrics.size());
  const auto metrics = node.find("metrics");
  if (!metrics) return readings;
  for (std::size_t i = 0; i < names.metrics.size(); ++i) {
    if (const auto reading = metrics->find(names.metrics[i])) readings[i] = read_reading(*reading);
  }
  return readings;
}

PlatformCounts read_platform(const Node& node) {
  PlatformCounts counts;
  counts.error = optional_text(node, "error");
  // Counts that could not be read may be left out; they decide nothing then.
  const bool needed = counts.error.empty();
  if (needed || node.find("currentReplicas")) {
    counts.current_replicas = node.at("currentReplicas").count();
  }
  const auto desired = node.find("desiredReplicas");
  counts.desired_replicas = desired ? desired->count() : counts.current_replicas;
  if (const auto ready = node.find("readyReplicas")) counts.ready_replicas = ready->count();
  counts.updating = flag_or(node, "updating", false);
  return counts;
}

Instance read_instance(const Node& node, const Names& names) {
  Instance instance;
  instance.id = node.at("id").text();
  if (const auto phase = node.find("phase")) instance.phase = phase->choice<Phase>();
  instance.deleting = flag_or(node, "deleting", false);
  if (const auto ready = node.find("ready")) instance.ready = ready->flag();
  instance.ready_changed_at = optional_instant(node, "readyChangedAt");
  instance.started_at = optional_instant(node, "startedAt");
  instance.busy = flag_or(node, "busy", false);
  instance.release = optional_text(node, "release");
  instance.metrics = read_metrics(node, names);
  return instance;
}

void refuse_readings_of_both_kinds(const Node& root, const Snapshot& snapshot, const Names& names) {
  for (const Instance& instance : snapshot.instances) {
    for (std::size_t i = 0; i < names.metrics.size(); ++i) {
      if (!snapshot.metrics[i] || !instance.metrics[i]) continue;
      root.at("metrics")
          .at(names.metrics[i])
          .refuse("instance " + instance.id +
                  " reports it too; a metric has a reading per instance or one for the service, "
                  "never both");
    }
  }
}

OrderedJson reading_to_json(const Reading& reading) {
  OrderedJson json = OrderedJson::object();
  if (reading.is_missing()) {
    json["missing"] = name_of(reading.missing);
  } else {
    json["value"] = reading.value;
  }
  json["age"] = seconds(reading.age);
  if (reading.window.count() > 0) json["window"] = seconds(reading.window);
  if (reading.amount) json["amount"] = *reading.amount;
  if (reading.capacity) json["capacity"] = *reading.capacity;
  if (reading.previous) json["previous"] = *reading.previous;
  if (reading.short_value) json["short"] = *reading.short_value;
  if (reading.short_window.count() > 0) json["shortWindow"] = seconds(reading.short_window);
  if (!reading.detail.empty()) json["detail"] = reading.detail;
  return json;
}

OrderedJson metrics_to_json(const std::vector<std::optional<Reading>>& readings,
                            const Names& names) {
  OrderedJson json = OrderedJson::object();
  for (std::size_t i = 0; i < readings.size() && i < names.metrics.size(); ++i) {
    if (readings[i]) json[std::string{names.metrics[i]}] = reading_to_json(*readings[i]);
  }
  return json;
}

OrderedJson platform_to_json(const PlatformCounts& counts) {
  return {{"desiredReplicas", counts.desired_replicas},
          {"currentReplicas", counts.current_replicas},
          {"readyReplicas", or_null(counts.ready_replicas)},
          {"updating", counts.updating},
          {"error", or_null(counts.error)}};
}

OrderedJson instance_to_json(const Instance& instance, const Names& names) {
  return {{"id", instance.id},
          {"phase", name_of(instance.phase)},
          {"deleting", instance.deleting},
          {"ready", or_null(instance.ready)},
          {"readyChangedAt", or_null(instance.ready_changed_at)},
          {"startedAt", or_null(instance.started_at)},
          {"busy", instance.busy},
          {"release", or_null(instance.release)},
          {"metrics", metrics_to_json(instance.metrics, names)}};
}

OrderedJson shared_to_json(const Shared& shared) {
  OrderedJson json = OrderedJson::object();
  if (shared.other_replicas) json["otherReplicas"] = *shared.other_replicas;
  if (shared.available_memory_mb) json["availableMemoryMb"] = *shared.available_memory_mb;
  return json;
}

OrderedJson estimates_to_json(const Estimates& estimates) {
  OrderedJson startup = OrderedJson::object();
  if (estimates.startup_seconds_p50) startup["p50"] = *estimates.startup_seconds_p50;
  if (estimates.startup_seconds_p95) startup["p95"] = *estimates.startup_seconds_p95;
  OrderedJson json = OrderedJson::object();
  if (!startup.empty()) json["startupSeconds"] = std::move(startup);
  return json;
}

}  // namespace

Snapshot snapshot_from_json(const Names& names, std::string_view text) {
  const Json json = Node::parse(text, "snapshot");
  const Node root{json};
  Snapshot snapshot;
  snapshot.at = root.at("at").instant();
  const auto wall_time = root.find("wallTime");
  snapshot.wall_time_seconds = wall_time ? wall_time->number() : seconds(snapshot.at);
  snapshot.service = optional_text(root, "service");
  if (snapshot.service.empty()) snapshot.service = names.service;
  snapshot.platform = read_platform(root.at("platform"));
  if (const auto instances = root.find("instances")) {
    for (std::size_t i = 0; i < instances->array().size(); ++i) {
      snapshot.instances.push_back(read_instance(instances->element(i), names));
    }
  }
  snapshot.metrics = read_metrics(root, names);
  refuse_readings_of_both_kinds(root, snapshot, names);
  if (const auto shared = root.find("shared")) {
    if (const auto others = shared->find("otherReplicas")) {
      snapshot.shared.other_replicas = others->count();
    }
    snapshot.shared.available_memory_mb = optional_number(*shared, "availableMemoryMb");
  }
  if (const auto estimates = root.find("estimates")) {
    if (const auto startup = estimates->find("startupSeconds")) {
      snapshot.estimates.startup_seconds_p50 = optional_number(*startup, "p50");
      snapshot.estimates.startup_seconds_p95 = optional_number(*startup, "p95");
    }
  }
  return snapshot;
}

std::string to_json(const Names& names, const Snapshot& snapshot) {
  OrderedJson instances = OrderedJson::array();
  for (const Instance& instance : snapshot.instances) {
    instances.push_back(instance_to_json(instance, names));
  }
  const OrderedJson json{{"version", 1},
                         {"at", seconds(snapshot.at)},
                         {"wallTime", snapshot.wall_time_seconds},
                         {"service", snapshot.service},
                         {"platform", platform_to_json(snapshot.platform)},
                         {"instances", std::move(instances)},
                         {"metrics", metrics_to_json(snapshot.metrics, names)},
                         {"shared", shared_to_json(snapshot.shared)},
                         {"estimates", estimates_to_json(snapshot.estimates)}};
  return written(json);
}

}  // namespace selfscale
