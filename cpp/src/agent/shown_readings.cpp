#include "agent/shown_readings.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/metrics.hpp"

namespace selfscale::agent {
namespace {

constexpr std::array<std::string_view, 6> usual{"cpu_usage",           "memory_usage",
                                                "requests_per_second", "response_time_p95",
                                                "error_rate",          "in_flight"};

/// A sum over a window is no rate any more.
std::string_view unit_of(const MetricSpec& spec) {
  const auto* builtin = builtin_metric(spec.metric);
  const bool is_sum = spec.aggregation == Aggregation::sum;
  return builtin == nullptr || is_sum ? std::string_view{} : builtin->unit;
}

}  // namespace

std::vector<MetricSpec> shown_metrics(const Policy& policy) {
  auto specs = policy.compiled().metrics;
  for (const auto name : usual) {
    const bool is_asked_for = std::ranges::find(specs, name, &MetricSpec::name) != specs.end();
    if (!is_asked_for) specs.push_back(default_metric(name, policy.compiled().evaluation_interval));
  }
  return specs;
}

std::vector<ShownReading> shown_readings(const Policy& policy, const Readings& readings,
                                         Instant now) {
  std::vector<ShownReading> shown;
  const auto exist = readings.metrics();
  const auto instances = readings.instances();
  const auto specs = shown_metrics(policy);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto& spec = specs[i];
    const bool is_asked_for = i < policy.compiled().metrics.size();
    if (spec.is_computed() || !(is_asked_for || exist.contains(spec.metric))) continue;
    const auto show = [&](const std::string& instance, Reading reading) {
      shown.push_back({spec.name, instance, unit_of(spec), std::move(reading)});
    };
    if (readings.is_service_level(spec)) {
      show({}, readings.read_service(spec, now));
      continue;
    }
    if (instances.empty()) {
      show({}, Reading::absent(Missing::not_reported, "no instance reports here"));
    }
    for (const auto& instance : instances) show(instance, readings.read(spec, instance, now));
  }
  return shown;
}

}  // namespace selfscale::agent
