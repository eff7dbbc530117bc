#include "journal/rows.hpp"

#include <nlohmann/json.hpp>

namespace selfscale::journal {
namespace {

using json = nlohmann::ordered_json;

double seconds(Instant at) { return static_cast<double>(milliseconds(at)) / 1e3; }

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string one_line(const std::string& text) {
  if (text.find('\n') == std::string::npos) return text;
  const auto value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_discarded() ? text : dumped(value);
}

std::string service_of(const std::string& policy) {
  const auto value = json::parse(policy, nullptr, /*allow_exceptions=*/false);
  const bool named = value.is_object() && value.contains("service") && value["service"].is_string();
  return named ? value["service"].get<std::string>() : std::string{};
}

std::string metrics_text(const std::vector<Evaluation::Value>& metrics) {
  json object = json::object();
  for (const auto& metric : metrics) {
    const json value = metric.value ? json(*metric.value) : json(nullptr);
    object[metric.metric] = json::array({value, metric.age_seconds});
  }
  return dumped(object);
}

std::vector<Evaluation::Value> metrics_from(const std::string& text) {
  std::vector<Evaluation::Value> metrics;
  const auto object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return metrics;
  for (const auto& [name, pair] : object.items()) {
    if (!pair.is_array() || pair.size() != 2 || !pair[1].is_number()) continue;
    auto& metric = metrics.emplace_back();
    metric.metric = name;
    if (pair[0].is_number()) metric.value = pair[0].get<double>();
    metric.age_seconds = pair[1].get<double>();
  }
  return metrics;
}

std::string line(std::string_view kind, const std::string& object) {
  const auto brace = object.find('{');
  if (brace == std::string::npos) return {};
  const auto first = object.find_first_not_of(" \t\r", brace + 1);
  const bool is_empty = first == std::string::npos || object[first] == '}';
  return R"({"kind":")" + std::string{kind} + (is_empty ? "\"" : "\",") + object.substr(brace + 1) +
         "\n";
}

Record record_in(const Query& row) {
  Record record;
  record.id = row.text(0);
  record.service = row.text(1);
  record.at = instant(row.integer(2));
  record.policy_hash = row.text(3);
  record.json = row.text(4);
  return record;
}

Evaluation evaluation_in(const Query& row) {
  Evaluation evaluation;
  evaluation.service = row.text(0);
  evaluation.at = instant(row.integer(1));
  evaluation.desired = static_cast<int>(row.integer(2));
  evaluation.current = static_cast<int>(row.integer(3));
  evaluation.ready = row.maybe_integer(4);
  evaluation.recommended = static_cast<int>(row.integer(5));
  evaluation.metrics = metrics_from(row.text(6));
  return evaluation;
}

std::string policy_line(const std::string& hash, const std::string& policy) {
  return line("policy", "{\"hash\":" + dumped(hash) + ",\"policy\":" + policy + "}");
}

std::string line(const Evaluation& evaluation) {
  json metrics = json::object();
  for (const auto& metric : evaluation.metrics) {
    const json value = metric.value ? json(*metric.value) : json(nullptr);
    metrics[metric.metric] = json{{"value", value}, {"age", metric.age_seconds}};
  }
  const json ready = evaluation.ready ? json(*evaluation.ready) : json(nullptr);
  return line("evaluation", dumped(json{{"service", evaluation.service},
                                        {"at", seconds(evaluation.at)},
                                        {"desiredReplicas", evaluation.desired},
                                        {"currentReplicas", evaluation.current},
                                        {"readyReplicas", ready},
                                        {"recommendedReplicas", evaluation.recommended},
                                        {"metrics", metrics}}));
}

}  // namespace selfscale::journal
