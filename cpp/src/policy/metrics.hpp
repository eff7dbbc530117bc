/// The metrics that need no entry in a policy, and how an entry is read.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

enum class MetricKind : std::uint8_t {
  level,         ///< a value that goes up and down
  rate,          ///< events per time
  share,         ///< percent of events, over the window
  distribution,  ///< one value per event: percentiles exist
};

struct BuiltinMetric {
  std::string_view name;
  MetricKind kind;
  std::string_view unit;
  bool shared_by_replicas;  ///< more replicas carry less of it each
};

std::span<const BuiltinMetric> builtin_metrics() noexcept;
const BuiltinMetric* builtin_metric(std::string_view name) noexcept;
/// CPU or memory of an instance.
bool is_resource(const BuiltinMetric& metric) noexcept;
/// False: resources are measured on replicas.
bool can_be_read_without_replicas(const MetricSpec& metric) noexcept;

inline constexpr std::pair<std::string_view, Aggregation> aggregations[] = {
    {"avg", Aggregation::avg}, {"max", Aggregation::max},   {"min", Aggregation::min},
    {"sum", Aggregation::sum}, {"last", Aggregation::last}, {"rate", Aggregation::rate},
    {"p50", Aggregation::p50}, {"p75", Aggregation::p75},   {"p90", Aggregation::p90},
    {"p95", Aggregation::p95}, {"p99", Aggregation::p99},   {"p99.9", Aggregation::p99_9}};
inline constexpr std::pair<std::string_view, Across> across_names[] = {
    {"avg", Across::avg}, {"max", Across::max}, {"min", Across::min}, {"sum", Across::sum}};
inline constexpr std::pair<std::string_view, Of> of_names[] = {
    {"limit", Of::limit}, {"request", Of::request}, {"cores", Of::cores}};

/// The policy's spelling of a value of one of the tables above.
template <class E, std::size_t N>
std::string_view spelled(E value, const std::pair<std::string_view, E> (&names)[N]) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return {};
}

/// A metric that a rule names and the policy does not list: all defaults. "response_time_p95" is
/// the 95th percentile of response_time.
MetricSpec default_metric(std::string_view name, Duration evaluation_interval);
MetricSpec read_metric(Reader& reader, Duration evaluation_interval);
/// The number of the metric that the text under `key` names; one that is not listed is added with
/// all defaults.
int metric_number(Reader& reader, std::string_view key, const std::string& name,
                  CompiledPolicy& policy);
Json metric_to_json(const MetricSpec& metric, const CompiledPolicy& policy);

}  // namespace selfscale
