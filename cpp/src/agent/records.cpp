#include "agent/records.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "agent/clock.hpp"
#include "policy/compiled.hpp"
#include "sampling/text.hpp"

namespace selfscale::agent {
namespace {

using json = nlohmann::ordered_json;

double seconds(std::int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000.0; }

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

const Proposal* proposal_on(const Decision& decision, int metric) {
  for (const auto& proposal : decision.recommendation.proposals) {
    if (proposal.metric == metric && proposal.answer != Answer::missing) return &proposal;
  }
  return nullptr;
}

/// The newest age of a metric, and, where no rule saw one value of it, the mean over instances.
journal::Evaluation::Value value_of(const Snapshot& snapshot, const Decision& decision,
                                    const std::string& name, std::size_t metric) {
  journal::Evaluation::Value value;
  value.metric = name;
  double sum = 0.0;
  int count = 0;
  std::optional<Duration> age;
  const auto look = [&](const std::optional<Reading>& reading) {
    if (!reading || reading->is_missing()) return;
    sum += reading->value;
    ++count;
    age = std::min(age.value_or(reading->age), reading->age);
  };
  look(snapshot.metrics[metric]);
  for (const auto& instance : snapshot.instances) look(instance.metrics[metric]);
  if (count == 0) return value;
  const auto* proposal = proposal_on(decision, static_cast<int>(metric));
  value.value = proposal != nullptr ? proposal->value : sum / count;
  value.age_seconds = seconds(age->count());
  return value;
}

/// Of this host, since it was last started.
const std::string& boot_id() {
  static const auto id = sampling::read_text("/proc/sys/kernel/random/boot_id").value_or("");
  return id;
}

/// By this host's boot clock or, of what another host has published, by the two wall clocks.
double age_in(const json& published, std::int64_t boot_ms) {
  const bool is_of_this_boot = published.value("boot", boot_id()) == boot_id();
  const double now = is_of_this_boot ? seconds(boot_ms) : wall_seconds();
  return std::max(0.0, now - published.value(is_of_this_boot ? "bootTime" : "wallTime", now));
}

/// Null: it is closed.
json circuit(const Circuit& one, Instant now) {
  if (!one.is_open(now)) return nullptr;
  return {{"failures", one.failures()},
          {"because", one.because()},
          {"code", name_of(one.code())},
          {"openUntil", seconds(one.until().time_since_epoch().count())}};
}

/// Null: nothing is waited for.
json wait(const std::optional<Wait>& one) {
  if (!one) return nullptr;
  return {{"until", seconds(one->until.time_since_epoch().count())},
          {"because", one->failure.message},
          {"code", name_of(one->failure.code)}};
}

bool same_codes(const Recommendation& a, const Recommendation& b) noexcept {
  const auto same_code = [](const auto& x, const auto& y) { return x.code == y.code; };
  return a.code == b.code &&
         std::equal(a.proposals.begin(), a.proposals.end(), b.proposals.begin(), b.proposals.end(),
                    same_code) &&
         std::equal(a.adjustments.begin(), a.adjustments.end(), b.adjustments.begin(),
                    b.adjustments.end(), same_code);
}

}  // namespace

std::string_view core_version() noexcept { return SELFSCALE_VERSION; }

std::string decision_record_json(const std::string& id, const Evaluated& evaluated) {
  // Put together as text: what was decided stays as it was, bit for bit.
  std::string record = R"({"version":1,"id":")" + id + R"(","core":")";
  record.append(core_version());
  record += R"(","policyHash":")" + evaluated.policy.hash();
  record += R"(","snapshot":)" + to_json(evaluated.policy, evaluated.snapshot);
  record += R"(,"stateBefore":)" + to_json(evaluated.policy, evaluated.state_before);
  record += R"(,"decision":)" + to_json(evaluated.policy, evaluated.decision);
  record +=
      evaluated.verdict.may_act ? R"(,"mayAct":true,"because":)" : R"(,"mayAct":false,"because":)";
  const auto because = evaluated.verdict.because;
  record += because.empty() ? "null" : '"' + std::string{because} + '"';
  return record + "}";
}

std::string published_json(const Published& what) {
  const auto& platform = what.snapshot.platform;
  json ready = nullptr;
  if (platform.ready_replicas) ready = *platform.ready_replicas;
  const auto counted = [&what](int count) { return what.is_counted ? json(count) : json(nullptr); };
  json because = nullptr;
  if (!what.verdict.because.empty()) because = what.verdict.because;
  json published{
      {"version", 1},
      {"service", what.policy.service()},
      {"policy", what.policy.name()},
      {"policyHash", what.policy.hash()},
      {"at", seconds(what.decision.at.time_since_epoch().count())},
      {"boot", boot_id()},
      {"bootTime", seconds(boot_milliseconds())},
      {"wallTime", wall_seconds()},
      {"decision", json::parse(to_json(what.policy, what.decision))},
      {"decisionId", what.decision_id},
      {"mayAct", what.verdict.may_act},
      {"because", because},
      {"enabledBy", what.enabled_by},
      {"paused", what.paused},
      {"dryRun", what.dry_run},
      {"replicas",
       {{"desired", counted(platform.desired_replicas)},
        {"current", counted(platform.current_replicas)},
        {"ready", ready}}},
      {"event", what.event != nullptr ? json::parse(to_json(*what.event)) : json(nullptr)},
      {"circuit", circuit(what.circuit, what.decision.at)},
      {"wait", wait(what.wait)},
      {"eventsLastHour", what.events_last_hour},
      {"leftOut", what.policy.compiled().left_out},
      {"note", what.note},
      {"failure", what.failure},
      {"hold", what.hold},
      {"error", platform.error},
      {"totals", what.totals.to_json()},
  };
  return text_of(published);
}

double age_of(const std::string& published, std::int64_t boot_ms) {
  const auto value = json::parse(published, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? age_in(value, boot_ms) : std::numeric_limits<double>::infinity();
}

std::string with_age(const std::string& published, std::int64_t boot_ms) {
  auto value = json::parse(published);
  const double age = age_in(value, boot_ms);
  for (const auto* key : {"boot", "bootTime", "wallTime", "totals"}) value.erase(key);
  value["age"] = age;
  return text_of(value);
}

journal::Evaluation evaluation_row(const Policy& policy, const Snapshot& snapshot,
                                   const Decision& decision) {
  journal::Evaluation row;
  row.service = policy.service();
  row.at = decision.at;
  row.desired = snapshot.platform.desired_replicas;
  row.current = snapshot.platform.current_replicas;
  row.ready = snapshot.platform.ready_replicas;
  row.recommended = decision.recommendation.recommended_replicas;
  const auto& metrics = policy.compiled().metrics;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    row.metrics.push_back(value_of(snapshot, decision, metrics[i].name, i));
  }
  return row;
}

std::vector<std::pair<std::string, double>> values_seen(const Policy& policy,
                                                        const Decision& decision) {
  std::vector<std::pair<std::string, double>> values;
  const auto& metrics = policy.compiled().metrics;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const auto* proposal = proposal_on(decision, static_cast<int>(i));
    if (proposal != nullptr) values.emplace_back(metrics[i].name, proposal->value);
  }
  return values;
}

bool differs(const Decision& a, const Decision& b) noexcept {
  return a.action != b.action || a.from_replicas != b.from_replicas ||
         a.to_replicas != b.to_replicas || a.held_by != b.held_by ||
         !same_codes(a.recommendation, b.recommendation);
}

}  // namespace selfscale::agent
