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

/// What is said, or else the percentage that the amount is of the capacity.
Reading read_value(const Node& node) {
  if (const auto missing = node.find("missing")) {
    Reading absent = Reading::absent(missing->choice<Missing>());
    if (absent.is_missing()) return absent;
  }
  if (const auto value = node.find("value")) return Reading::of(value->number());
  const double amount = optional_number(node, "amount").value_or(0.0);
  const double capacity = optional_number(node, "capacity").value_or(0.0);
  return node.find("amount") && capacity > 0.0 ? Reading::of(100.0 * amount / capacity) : Reading{};
}

Reading read_reading(const Node& node) {
  Reading reading = read_value(node);
  reading.age = duration_or_zero(node, "age");
  reading.window = duration_or_zero(node, "window");
  reading.amount = optional_number(node, "amount");
  reading.capacity = optional_number(node, "capacity");
  reading.error = optional_number(node, "error");
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

/// true, false, "unknown", or null for a platform that reports none; absent, an instance serves.
Ready read_ready(const Node& node) {
  if (node.is_null("ready")) return Ready::unreported;
  const auto ready = node.find("ready");
  if (!ready) return Ready::yes;
  if (ready->json() == "unknown") return Ready::unknown;
  return ready->flag() ? Ready::yes : Ready::no;
}

OrderedJson ready_to_json(Ready ready) {
  if (ready == Ready::unreported) return nullptr;
  if (ready == Ready::unknown) return "unknown";
  return ready == Ready::yes;
}

Instance read_instance(const Node& node, const Names& names) {
  Instance instance;
  instance.id = node.at("id").text();
  if (const auto phase = node.find("phase")) instance.phase = phase->choice<Phase>();
  instance.deleting = flag_or(node, "deleting", false);
  instance.listed = flag_or(node, "listed", true);
  instance.ready = read_ready(node);
  instance.ready_changed_at = optional_instant(node, "readyChangedAt");
  if (node.is_null("startedAt")) instance.started_at.reset();
  if (const auto started = node.find("startedAt")) instance.started_at = started->instant();
  instance.busy = flag_or(node, "busy", false);
  instance.release = optional_text(node, "release");
  instance.metrics = read_metrics(node, names);
  return instance;
}

/// A snapshot that names no service is the policy's; another service's readings decide nothing.
std::string service_in(const Node& root, const Names& names) {
  const std::string service = optional_text(root, "service");
  if (!service.empty() && service != names.service) {
    root.at("service").refuse("the policy is for the service " + std::string{names.service} +
                              ", not for " + service);
  }
  return std::string{names.service};
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

Shared read_shared(const Node& node, const Names& names) {
  Shared shared;
  if (const auto others = node.find("otherReplicas")) shared.other_replicas = others->count();
  shared.available_memory_mb = optional_number(node, "availableMemoryMb");
  if (const auto events = node.find("otherEventsLastHour")) {
    shared.other_events_last_hour = events->count();
  }
  const auto budgets = node.find("budgets");
  for (const std::string_view name : names.budgets) {
    const auto budget = budgets ? budgets->find(name) : std::nullopt;
    shared.budgets_used.push_back(budget ? optional_number(*budget, "usedByOthers") : std::nullopt);
  }
  return shared;
}

Estimates read_estimates(const Node& node) {
  Estimates estimates;
  if (const auto startup = node.find("startupSeconds")) {
    estimates.startup_seconds_p50 = optional_number(*startup, "p50");
    estimates.startup_seconds_p95 = optional_number(*startup, "p95");
    if (const auto samples = startup->find("samples")) estimates.startup_samples = samples->count();
  }
  if (const auto throughput = node.find("throughputPerReplica")) {
    const double value = throughput->at("value").number();
    const auto low = throughput->find("low");
    const auto samples = throughput->find("samples");
    estimates.throughput_per_replica =
        Throughput{value, low ? low->number() : value, samples ? samples->count() : 0};
  }
  return estimates;
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
  if (reading.error) json["error"] = *reading.error;
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
  OrderedJson json{{"id", instance.id}, {"phase", name_of(instance.phase)}};
  if (!instance.listed) json["listed"] = false;
  json["deleting"] = instance.deleting;
  json["ready"] = ready_to_json(instance.ready);
  json["readyChangedAt"] = or_null(instance.ready_changed_at);
  json["startedAt"] = or_null(instance.started_at);
  json["busy"] = instance.busy;
  json["release"] = or_null(instance.release);
  json["metrics"] = metrics_to_json(instance.metrics, names);
  return json;
}

OrderedJson shared_to_json(const Shared& shared, const Names& names) {
  OrderedJson json = OrderedJson::object();
  if (shared.other_replicas) json["otherReplicas"] = *shared.other_replicas;
  if (shared.available_memory_mb) json["availableMemoryMb"] = *shared.available_memory_mb;
  if (shared.other_events_last_hour > 0) {
    json["otherEventsLastHour"] = shared.other_events_last_hour;
  }
  for (std::size_t i = 0; i < shared.budgets_used.size() && i < names.budgets.size(); ++i) {
    if (!shared.budgets_used[i]) continue;
    json["budgets"][std::string{names.budgets[i]}]["usedByOthers"] = *shared.budgets_used[i];
  }
  return json;
}

OrderedJson estimates_to_json(const Estimates& estimates) {
  OrderedJson startup = OrderedJson::object();
  if (estimates.startup_seconds_p50) startup["p50"] = *estimates.startup_seconds_p50;
  if (estimates.startup_seconds_p95) startup["p95"] = *estimates.startup_seconds_p95;
  if (estimates.startup_samples > 0) startup["samples"] = estimates.startup_samples;
  OrderedJson json = OrderedJson::object();
  if (!startup.empty()) json["startupSeconds"] = std::move(startup);
  if (const auto& throughput = estimates.throughput_per_replica) {
    json["throughputPerReplica"] = {
        {"value", throughput->value}, {"low", throughput->low}, {"samples", throughput->samples}};
  }
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
  snapshot.service = service_in(root, names);
  snapshot.platform = read_platform(root.at("platform"));
  if (const auto instances = root.find("instances")) {
    for (std::size_t i = 0; i < instances->array().size(); ++i) {
      snapshot.instances.push_back(read_instance(instances->element(i), names));
    }
  }
  snapshot.metrics = read_metrics(root, names);
  refuse_readings_of_both_kinds(root, snapshot, names);
  if (const auto shared = root.find("shared")) snapshot.shared = read_shared(*shared, names);
  snapshot.shared.budgets_used.resize(names.budgets.size());  // known or not
  if (const auto estimates = root.find("estimates")) {
    snapshot.estimates = read_estimates(*estimates);
  }
  snapshot.can_be_woken = flag_or(root, "canBeWoken", true);
  snapshot.is_reachable = flag_or(root, "reachable", true);
  return snapshot;
}

std::string to_json(const Names& names, const Snapshot& snapshot) {
  OrderedJson instances = OrderedJson::array();
  for (const Instance& instance : snapshot.instances) {
    instances.push_back(instance_to_json(instance, names));
  }
  OrderedJson json{{"version", 1},
                   {"at", seconds(snapshot.at)},
                   {"wallTime", snapshot.wall_time_seconds},
                   {"service", snapshot.service},
                   {"platform", platform_to_json(snapshot.platform)},
                   {"instances", std::move(instances)},
                   {"metrics", metrics_to_json(snapshot.metrics, names)},
                   {"shared", shared_to_json(snapshot.shared, names)},
                   {"estimates", estimates_to_json(snapshot.estimates)}};
  if (!snapshot.can_be_woken) json["canBeWoken"] = false;
  if (!snapshot.is_reachable) json["reachable"] = false;
  return written(json);
}

}  // namespace selfscale
