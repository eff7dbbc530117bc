/// What every target holds its parser to. An exception that is no Error leaves the target, and
/// libFuzzer reports it as a crash.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <selfscale/decide.hpp>
#include <string>
#include <string_view>

namespace selfscale::fuzz {

using Json = nlohmann::json;

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program with what does not hold; libFuzzer keeps the input.
inline void hold(bool condition, const std::string& what) {
  if (condition) return;
  std::fprintf(stderr, "does not hold: %s\n", what.c_str());
  std::abort();
}

/// Python and JSON take no other text.
inline bool is_utf8(const std::string& text) {
  try {
    return !Json(text).dump().empty();
  } catch (const Json::exception&) {
    return false;
  }
}

/// To a value of the document, or to a key that one of its values lacks.
inline bool leads_into(const Json& document, const std::string& pointer) {
  try {
    const Json::json_pointer place{pointer};
    return document.contains(place) || document.contains(place.parent_pointer());
  } catch (const Json::exception&) {
    return false;
  }
}

/// A refusal of the JSON readers: "/at: is …", "the document: is …" or "state is not JSON: …".
inline void hold_refusal(const Error& error, std::string_view text) {
  const std::string words = error.what();
  hold(error.code() == Errc::malformed, "a refusal is malformed: " + words);
  hold(is_utf8(words), "a refusal is UTF-8: " + words);
  if (words.starts_with("the document: ")) return;
  const Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded()) {
    return hold(words.find(" is not JSON: ") != std::string::npos, "no JSON: " + words);
  }
  for (auto end = words.find(": "); end != std::string::npos; end = words.find(": ", end + 1)) {
    if (leads_into(document, words.substr(0, end))) return;
  }
  hold(false, "a refusal begins with a pointer into the document: " + words);
}

/// Each kind of rule, for the values that are read by a policy's names.
constexpr const char* policy_text = R"json({
  "service": "backend", "minReplicas": 0, "maxReplicas": 20, "evaluationInterval": "15s",
  "timezone": "Europe/Berlin", "uses": {"db": 10},
  "guardrails": {"maxTotalReplicas": 30, "minAvailableMemoryMb": 100, "maxScaleEventsPerHour": 20,
                 "budgets": {"db": {"limit": 100}}},
  "alerts": [{"metric": "rps", "warning": 100, "critical": 500}],
  "metrics": [{"name": "rps", "window": "1m", "missing": {"atLeastReplicas": 2}},
              {"name": "jobs", "missing": "ignore"},
              {"name": "share", "value": "jobs / max(rps, 1)"}],
  "rules": [
    {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30,
     "scaleUpFor": "1m", "scaleDownFor": "5m"},
    {"name": "change", "type": "threshold", "metric": "in_flight",
     "comparison": "percentage_change", "scaleUp": 50},
    {"name": "load", "type": "target", "metric": "rps", "targetPerReplica": 10},
    {"name": "ecs", "type": "target", "as": "ecs", "metric": "share", "target": 40},
    {"name": "steps", "type": "step", "metric": "queue_latency",
     "steps": [{"to": 1, "by": -1}, {"from": 5, "to": 9, "by": 1}, {"from": 9, "by": 3}]},
    {"name": "jobs", "type": "backlog", "metric": "jobs", "targetLatency": "30s",
     "throughputPerReplica": "learned", "running": "busy_workers"},
    {"name": "burst", "type": "concurrency", "metric": "active_connections",
     "targetPerReplica": 10, "scaleDownDelay": "1m", "initialScale": 2}],
  "behavior": {"scaleUp": {"stabilizationWindowSeconds": 60},
               "scaleDown": {"stabilizationWindowSeconds": 600, "cooldown": "2m"}},
  "schedules": [{"cron": "0 8 * * mon-fri", "minReplicas": 3},
                {"from": "18:00", "to": "02:00", "maxReplicas": 9, "startAhead": true}]
})json";

inline const Policy& the_policy() {
  static const Policy policy = load_policies(policy_text).policies.front();
  return policy;
}

}  // namespace selfscale::fuzz
