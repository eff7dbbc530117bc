#include <algorithm>
#include <map>
#include <selfscale/policy.hpp>

#include "policy/compile.hpp"
#include "policy/presets.hpp"
#include "policy/reader.hpp"
#include "policy/schedules.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

constexpr double most_of_budget = 1e15;

void read_budgets(Reader& reader, std::vector<Budget>& budgets) {
  for (const std::string_view name : reader.names()) {
    reader.object(name, [&](Reader& entry) {
      Budget budget{std::string{name}};
      if (!entry.has("limit")) entry.required("limit", "100");
      budget.limit = entry.number("limit", 0.0, most_of_budget).value_or(0.0);
      budget.reserve = entry.number("reserve", 0.0, most_of_budget).value_or(0.0);
      if (budget.reserve > budget.limit) entry.wrong("reserve", "must not be over the limit");
      budgets.push_back(std::move(budget));
    });
  }
}

constexpr std::pair<std::string_view, Comparison> alert_comparisons[] = {
    {"greater_than", Comparison::greater_than}, {"less_than", Comparison::less_than}};

AlertSpec read_alert(Reader& reader) {
  AlertSpec alert;
  if (!reader.has("metric")) reader.required("metric", R"("cpu_usage")");
  alert.metric = reader.text("metric").value_or("");
  alert.comparison =
      reader.choice<Comparison>("comparison", alert_comparisons).value_or(alert.comparison);
  alert.warning = reader.number("warning", 0.0, 1e15);
  alert.critical = reader.number("critical", 0.0, 1e15);
  if (!reader.has("warning") && !reader.has("critical")) {
    reader.wrong_here("needs a level: warning, critical, or both");
  }
  const bool low_is_bad = alert.comparison == Comparison::less_than;
  const bool is_past =
      alert.warning && alert.critical &&
      (low_is_bad ? *alert.critical > *alert.warning : *alert.critical < *alert.warning);
  if (is_past) {
    reader.wrong("critical", low_is_bad ? "must not lie above warning: low is bad here"
                                        : "must not lie below warning");
  }
  return alert;
}

DocumentKeys read_document_keys(Reader& reader) {
  DocumentKeys keys;
  reader.text("$schema");
  if (const auto version = reader.number("version"); version && *version != 1.0) {
    reader.wrong("version", "must be 1, the only version of this format");
  }
  if (const auto zone = read_zone(reader, "timezone")) keys.timezone = zone->name();
  reader.object("guardrails", [&keys](Reader& guardrails) {
    keys.max_total_replicas = guardrails.whole("maxTotalReplicas", 1, most_replicas);
    keys.min_available_memory_mb = guardrails.number("minAvailableMemoryMb", 0.0, 1e12);
    keys.max_scale_events_per_hour = guardrails.whole("maxScaleEventsPerHour", 1, 1'000'000);
    guardrails.object("budgets", [&keys](Reader& budgets) { read_budgets(budgets, keys.budgets); });
  });
  reader.refuse("sources", "metrics are measured by the agent or recorded by the app");
  reader.objects("alerts", [&keys](Reader& alert) { keys.alerts.push_back(read_alert(alert)); });
  reader.refuse("notifications", "nobody is notified yet");
  return keys;
}

/// A preset is as its guide has it: what is odd about it by itself, the user did not write.
std::vector<Problem> hints_at_preset_alone(const Json& name, const Json& preset,
                                           const std::string& pointer) {
  Findings findings;
  const Json alone = with_preset({{"service", "any"}, {"preset", name}}, preset);
  Reader reader{alone, pointer, findings};
  compile_policy(reader, {});
  return std::move(findings.hints);
}

/// Reads one policy, its preset's keys filled in; `read_own_keys` reads what stands beside it.
CompiledPolicy read_entry(const Json& entry, const std::string& pointer, Findings& findings,
                          const std::function<DocumentKeys(Reader&)>& read_own_keys) {
  const Json* preset = nullptr;
  if (const auto name = entry.find("preset"); name != entry.end() && name->is_string()) {
    preset = preset_json(name->get_ref<const std::string&>());
  }
  const Json whole = preset == nullptr ? entry : with_preset(entry, *preset);
  Reader reader{whole, pointer, findings};
  CompiledPolicy policy = compile_policy(reader, read_own_keys(reader));
  reader.close();
  if (preset == nullptr) return policy;
  const auto of_preset = hints_at_preset_alone(entry["preset"], *preset, pointer);
  std::erase_if(findings.hints, [&of_preset](const Problem& hint) {
    return std::ranges::find(of_preset, hint) != of_preset.end();
  });
  return policy;
}

/// What belongs to the whole document is not a policy's.
DocumentKeys refuse_document_keys(Reader& reader, const DocumentKeys& keys) {
  for (const std::string_view key : {"$schema", "version", "timezone", "guardrails", "alerts"}) {
    if (!reader.has(key)) continue;
    reader.find(key);
    reader.wrong(key, "belongs beside `policies`, not into one of them");
  }
  return keys;
}

/// Each service has one policy, and each policy a name of its own.
void check_unique(const Json& entry, const std::string& pointer, const CompiledPolicy& policy,
                  std::map<std::string, std::string>& services,
                  std::map<std::string, std::string>& names, Findings& findings) {
  Reader reader{entry, pointer, findings};
  if (policy.service.empty()) return;
  const auto [service, is_new_service] = services.emplace(policy.service, pointer);
  if (!is_new_service) {
    return reader.wrong(
        "service", "has a policy already, at " + service->second + "; a service has one policy");
  }
  const auto [name, is_new_name] = names.emplace(policy.name, pointer);
  if (!is_new_name) {
    reader.wrong("name", "is the name of the policy at " + name->second + " too");
  }
}

std::vector<CompiledPolicy> read_document(const Json& document, Findings& findings) {
  std::vector<CompiledPolicy> policies;
  Reader reader{document, "", findings};
  const DocumentKeys keys = read_document_keys(reader);
  const Json* entries = reader.find("policies");
  if (entries == nullptr) {
    reader.required("policies", R"([{"service": "backend", "preset": "balanced"}])");
  } else if (!entries->is_array() || entries->empty()) {
    reader.wrong("policies", "must be a list with at least one policy");
    entries = nullptr;
  }
  reader.close();
  std::map<std::string, std::string> services;
  std::map<std::string, std::string> names;
  for (std::size_t i = 0; entries != nullptr && i < entries->size(); ++i) {
    const Json& entry = (*entries)[i];
    const std::string pointer = "/policies/" + std::to_string(i);
    if (!entry.is_object()) {
      findings.problems.push_back({pointer, shortened(entry), "must be a policy: {…}"});
      continue;
    }
    policies.push_back(read_entry(entry, pointer, findings, [&keys](Reader& reader) {
      return refuse_document_keys(reader, keys);
    }));
    check_unique(entry, pointer, policies.back(), services, names, findings);
  }
  return policies;
}

/// An entry of `policies` by itself is known by a key that no document has.
bool is_policy_alone(const Json& document) {
  if (document.contains("policies")) return false;
  constexpr std::string_view own_keys[] = {"service",    "preset",      "rules",
                                           "thresholds", "minReplicas", "maxReplicas"};
  return std::any_of(std::begin(own_keys), std::end(own_keys),
                     [&document](std::string_view key) { return document.contains(key); });
}

std::vector<CompiledPolicy> read_any(const Json& document, Findings& findings) {
  if (!document.is_object()) {
    findings.problems.push_back(
        {"", shortened(document), R"(must be an object: {"policies": [{…}]})"});
    return {};
  }
  if (!is_policy_alone(document)) return read_document(document, findings);
  std::vector<CompiledPolicy> policies;
  policies.push_back(read_entry(document, "", findings, read_document_keys));
  return policies;
}

bool reads(const CompiledPolicy& policy, const std::string& metric) {
  return std::any_of(policy.rules.begin(), policy.rules.end(), [&](const RuleSpec& rule) {
    const MetricSpec& read = policy.metrics[static_cast<std::size_t>(rule.metric)];
    return read.name == metric || read.metric == metric;
  });
}

/// The level of an alert is looked at in what the rules have read.
void hint_at_unread_alerts(const std::vector<CompiledPolicy>& policies, Findings& findings) {
  if (policies.empty()) return;
  const auto& alerts = policies.front().alerts;  // the document's, so every policy's
  for (std::size_t i = 0; i < alerts.size(); ++i) {
    const auto reads_it = [&](const CompiledPolicy& policy) {
      return reads(policy, alerts[i].metric);
    };
    if (std::any_of(policies.begin(), policies.end(), reads_it)) continue;
    findings.hints.push_back(
        {"/alerts/" + std::to_string(i) + "/metric", Json(alerts[i].metric).dump(),
         "no rule reads this metric, so its levels change no priority; add a rule on it"});
  }
}

}  // namespace

PolicyDocument load_policies(std::string_view text) {
  Findings findings;
  const Json document = parse_document(text, findings);
  std::vector<CompiledPolicy> compiled;
  if (findings.problems.empty()) compiled = read_any(document, findings);
  if (!findings.problems.empty()) throw PolicyError{std::move(findings.problems)};
  hint_at_unread_alerts(compiled, findings);
  PolicyDocument result;
  for (CompiledPolicy& policy : compiled) {
    result.policies.emplace_back(std::make_shared<const CompiledPolicy>(std::move(policy)));
  }
  result.hints = std::move(findings.hints);
  return result;
}

Policy preset_policy(std::string_view preset, std::string_view service) {
  if (preset_json(preset) == nullptr) {
    throw Error{Errc::invalid_argument, '"' + std::string{preset} + "\" is not a preset" +
                                            instead_of(preset, preset_names())};
  }
  return load_policies(Json{{"service", service}, {"preset", preset}}.dump()).policies.front();
}

const std::string& Policy::name() const noexcept { return compiled_->name; }
const std::string& Policy::service() const noexcept { return compiled_->service; }
std::string Policy::to_json() const { return compiled_->json; }
const std::string& Policy::hash() const noexcept { return compiled_->hash; }

}  // namespace selfscale
