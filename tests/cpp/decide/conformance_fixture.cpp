#include "decide/conformance_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <map>

#include "decide/policies_fixture.hpp"
#include "places.hpp"

namespace selfscale::testing {
namespace {

using namespace std::chrono_literals;

constexpr double thousandth = 1000.0;

std::optional<Instant> ago(const Json& age) {
  if (age.is_null()) return std::nullopt;
  return start - 1s * age.get<std::int64_t>();
}

Phase phase_of(const std::string& name) {
  static const std::map<std::string, Phase> phases{{"running", Phase::running},
                                                   {"pending", Phase::pending},
                                                   {"failed", Phase::failed},
                                                   {"succeeded", Phase::succeeded},
                                                   {"unknown", Phase::unknown}};
  return phases.at(name);
}

Ready ready_of(const Json& ready) {
  if (ready.is_null()) return Ready::unreported;
  if (ready.is_string()) return Ready::unknown;
  return ready.get<bool>() ? Ready::yes : Ready::no;
}

std::string seconds(const Json& count) { return std::to_string(count.get<int>()) + "s"; }

Json direction_json(const Json& direction) {
  static const std::map<std::string, std::string> words{{"max", "Max"},
                                                        {"min", "Min"},
                                                        {"disabled", "Disabled"},
                                                        {"count", "Pods"},
                                                        {"percent", "Percent"}};
  Json json{{"policies", Json::array()}};
  json["selectPolicy"] = words.at(direction.at("select_policy"));
  for (const Json& policy : direction.at("policies")) {
    json["policies"].push_back({{"type", words.at(policy.at("type"))},
                                {"value", policy.at("value")},
                                {"periodSeconds", policy.at("period_s")}});
  }
  if (direction.contains("stabilization_window_s")) {
    json["stabilizationWindowSeconds"] = direction.at("stabilization_window_s");
  }
  return json;
}

bool is_of_the_service(const Json& metric) {
  const std::string type = metric.at("type");
  return type == "object" || type == "external" || type == "unknown";
}

/// What the metric reads: resources are built in, everything else the app's own.
Json metric_json(const Json& metric, const std::string& name) {
  Json json{{"name", name}, {"missingAfter", "876000h"}};  // HPA looks at no sample's age
  if (!metric.contains("resource")) return json;
  const bool is_share = metric.at("target").at("type") == "utilization";
  const bool is_cpu = metric.at("resource") == "cpu";
  if (is_share) {
    json["of"] = "request";
    json["metric"] = is_cpu ? "cpu_usage" : "memory_usage";
  } else {
    json["metric"] = is_cpu ? "cpu_cores" : "memory_bytes";
  }
  return json;
}

Json rule_json(const Json& metric, const std::string& name, const Json& tolerance) {
  Json rule{{"type", "target"}, {"metric", name}, {"tolerance", tolerance}};
  const bool is_known = metric.at("type") != "unknown";
  const Json target = is_known ? metric.at("target") : Json{{"type", "value"}, {"milli", 1000}};
  if (target.at("type") == "utilization") {
    rule["target"] = target.at("percent");
  } else {
    rule[target.at("type") == "value" ? "target" : "targetPerReplica"] =
        target.at("milli").get<double>() / thousandth;
  }
  return rule;
}

Reading service_reading_of(const Json& metric) {
  if (metric.at("type") == "unknown") return Reading::absent(Missing::unknown);
  const Json values = metric.value("values_milli", Json::array());
  if (values.empty()) return Reading::absent(Missing::timed_out);
  double sum = 0.0;
  for (const Json& value : values) sum += value.get<double>();
  return Reading::of(sum / thousandth);
}

Reading silent(const Json& request_milli) {
  Reading reading = Reading::absent(Missing::not_reported);
  if (!request_milli.is_null()) reading.capacity = request_milli.get<double>() / thousandth;
  return reading;
}

void pose_instances(const Json& metric, Snapshot& seen) {
  const Json requests = metric.value("requests_milli", Json::object());
  const auto of = [&](const std::string& id) -> Instance& {
    const auto found = std::find_if(seen.instances.begin(), seen.instances.end(),
                                    [&](const Instance& one) { return one.id == id; });
    if (found != seen.instances.end()) return *found;
    seen.instances.emplace_back();
    seen.instances.back().id = id;
    seen.instances.back().listed = false;
    return seen.instances.back();
  };
  for (Instance& instance : seen.instances) {
    instance.metrics.emplace_back(silent(requests.value(instance.id, Json{})));
  }
  for (const Json& sample : metric.value("samples", Json::array())) {
    const std::string id = sample.at("instance");
    Instance& instance = of(id);
    instance.metrics.resize(seen.metrics.size());
    instance.metrics.back() = reading_of(sample, requests.value(id, Json{}));
  }
}

}  // namespace

Json cases(const std::string& table) {
  std::ifstream file{fixture("conformance/" + table + ".json")};
  return Json::parse(file).at("cases");
}

Json policy_json(int min_replicas, int max_replicas) {
  return {{"service", "backend"},
          {"minReplicas", min_replicas},
          {"maxReplicas", max_replicas},
          {"metrics", Json::array()},
          {"rules", Json::array()}};
}

Json behavior_json(const Json& config) {
  const Json& behavior = config.at("behavior_effective");
  const int window = config.value("downscale_stabilization_s", 300);
  if (behavior.is_null()) {
    return {{"as", "kubernetes"},
            {"scaleUpLimitFactor", config.at("scale_up_limit_factor")},
            {"scaleUpLimitMinimum", config.at("scale_up_limit_minimum")},
            {"downscaleStabilizationSeconds", window}};
  }
  Json down = direction_json(behavior.at("scale_down"));
  if (!down.contains("stabilizationWindowSeconds")) down["stabilizationWindowSeconds"] = window;
  return {{"scaleUp", direction_json(behavior.at("scale_up"))}, {"scaleDown", std::move(down)}};
}

Instance instance_of(const Json& instance) {
  Instance made;
  made.id = instance.at("name");
  made.phase = phase_of(instance.at("phase"));
  made.deleting = instance.at("deleting");
  made.ready = ready_of(instance.at("ready"));
  made.started_at = ago(instance.at("start_age_s"));
  made.ready_changed_at = ago(instance.at("ready_transition_age_s"));
  return made;
}

Reading reading_of(const Json& sample, const Json& request_milli) {
  const double amount = sample.at("value_milli").get<double>() / thousandth;
  Reading reading = Reading::of(amount);
  reading.age = 1s * sample.at("age_s").get<int>();
  reading.window = 1s * sample.at("window_s").get<int>();
  if (!request_milli.is_null()) {
    reading.amount = amount;
    reading.capacity = request_milli.get<double>() / thousandth;
    if (*reading.capacity > 0.0) reading.value = 100.0 * amount / *reading.capacity;
  }
  return reading;
}

void pose_metric(const Json& metric, const Json& tolerance, Json& policy, Snapshot& seen) {
  const std::string name = "m" + std::to_string(seen.metrics.size());
  policy["metrics"].push_back(metric_json(metric, name));
  policy["rules"].push_back(rule_json(metric, name, tolerance));
  seen.metrics.emplace_back();
  if (is_of_the_service(metric)) {
    seen.metrics.back() = service_reading_of(metric);
    for (Instance& instance : seen.instances) instance.metrics.emplace_back();
  } else {
    pose_instances(metric, seen);
  }
}

void pose_readiness(const Json& config, Json& policy) {
  policy["startup"] = {
      {"cpuInitializationPeriod", seconds(config.at("cpu_initialization_period_s"))},
      {"initialReadinessDelay", seconds(config.at("initial_readiness_delay_s"))}};
}

}  // namespace selfscale::testing
