#include "agent/status.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/candidacy.hpp"
#include "agent/clock.hpp"
#include "agent/records.hpp"
#include "agent/rivals.hpp"
#include "agent/shown_readings.hpp"
#include "model/names.hpp"
#include "policy/compiled.hpp"
#include "sampling/cpu.hpp"
#include "sampling/descriptors.hpp"
#include "sampling/host.hpp"
#include "sampling/process.hpp"

namespace selfscale::agent {
namespace {

using json = nlohmann::ordered_json;

json or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

json problems(const std::vector<Problem>& all) {
  json list = json::array();
  for (const auto& each : all) {
    list.push_back({{"pointer", each.pointer}, {"value", each.value}, {"message", each.message}});
  }
  return list;
}

json switches(const std::vector<Switch>& all) {
  json list = json::array();
  for (const auto& each : all) {
    list.push_back({{"name", each.name},
                    {"value", each.value},
                    {"by", or_null(each.by)},
                    {"at", each.at_wall_seconds > 0.0 ? json(each.at_wall_seconds) : json(nullptr)},
                    {"saysNo", each.says_no}});
  }
  return list;
}

json settings(const std::vector<Setting>& all) {
  json list = json::array();
  for (const auto& each : all) {
    list.push_back({{"name", each.name}, {"value", each.value}, {"from", each.from}});
  }
  return list;
}

/// With what only an agent knows: whether anybody has chosen the bounds.
std::string reason(const House& house, const json& recommendation) {
  std::vector<Code> codes;
  const auto note = [&codes](const json& value) {
    if (const auto code = code_named(value.value("code", ""))) codes.push_back(*code);
  };
  note(recommendation);
  for (const auto& adjustment : recommendation["adjustments"]) note(adjustment);
  return recommendation["reason"].get<std::string>() + house.policies.whose_bounds(codes);
}

/// One service, from what was published of it.
json service(const House& house, const std::string& published) {
  const auto said = json::parse(published);
  const auto& decision = said["decision"];
  const auto& recommendation = decision["recommendation"];
  const auto& replicas = said["replicas"];
  const bool is_counted = !replicas["current"].is_null();
  return {
      {"service", said["service"]},
      {"policy", said["policy"]},
      {"policyHash", said["policyHash"]},
      {"minReplicas", house.policies.policy().compiled().min_replicas},
      {"maxReplicas", house.policies.policy().compiled().max_replicas},
      {"desiredReplicas", replicas["desired"]},
      {"currentReplicas", replicas["current"]},
      {"readyReplicas", replicas["ready"]},
      {"recommendedReplicas", is_counted ? recommendation["recommendedReplicas"] : json(nullptr)},
      {"action", decision["action"]},
      {"heldBy", decision["heldBy"]},
      {"reason", reason(house, recommendation)},
      {"mayAct", said["mayAct"]},
      {"because", said["because"]},
      {"enabledBy", said["enabledBy"]},
      {"decisionId", said["decisionId"]},
      {"lastEvaluation", said["at"]},
      {"age", said["age"]},
      {"event", said["event"]},
      {"circuit", said.value("circuit", json(nullptr))},
      {"wait", said.value("wait", json(nullptr))},
      {"leftOut", said["leftOut"]},
      {"note", said["note"]},
      {"failure", said.value("failure", "")},
      {"hold", said.value("hold", "")},
      {"error", said["error"]},
  };
}

/// Adds up over the processes of an instance; where one is hidden nobody knows the sum.
void add_seen(json& sum, const std::optional<int>& seen) {
  if (sum.is_null()) return;
  sum = seen ? json(sum.get<int>() + *seen) : json(nullptr);
}

/// The living processes of the segment, by instance.
json instances(House& house) {
  std::map<std::string, json> by_name;
  if (house.seat.segment() != nullptr) {
    for (const auto& slot : house.seat.segment()->slots()) {
      if (!slot.alive) continue;
      auto& instance = by_name[slot.instance];
      if (instance.is_null()) {
        instance = {{"instance", slot.instance},
                    {"release", slot.release},
                    {"ready", false},
                    {"draining", false},
                    {"pids", json::array()},
                    {"openFiles", 0},
                    {"threads", 0}};
      }
      instance["pids"].push_back(slot.pid);
      add_seen(instance["openFiles"], sampling::count_open_files(slot.pid));
      const auto process = sampling::read_process(slot.pid);
      add_seen(instance["threads"], process ? std::optional{process->threads} : std::nullopt);
      instance["ready"] = instance["ready"].get<bool>() || slot.is_ready();
      instance["draining"] = instance["draining"].get<bool>() || slot.draining;
    }
  }
  json list = json::array();
  for (auto& [name, instance] : by_name) list.push_back(std::move(instance));
  return list;
}

json readings(const std::vector<ShownReading>& all) {
  json list = json::array();
  for (const auto& each : all) {
    const auto& reading = each.reading;
    json one{{"name", each.name}, {"instance", or_null(each.instance)},
             {"value", nullptr},  {"unit", or_null(std::string{each.unit})},
             {"window", nullptr}, {"missing", nullptr}};
    if (reading.is_missing()) {
      one["missing"] =
          reading.detail.empty() ? std::string{name_of(reading.missing)} : reading.detail;
    } else {
      one["value"] = reading.value;
      one["window"] = std::chrono::duration<double>{reading.window}.count();
    }
    list.push_back(std::move(one));
  }
  return list;
}

json host(const std::optional<double>& cpu_percent) {
  const auto memory = sampling::Host{}.read_memory();
  json seen{{"cores", sampling::count_cores()},
            {"cpuUsage", cpu_percent ? json(*cpu_percent) : json(nullptr)},
            {"memoryBytes", nullptr},
            {"availableBytes", nullptr}};
  if (memory) {
    seen["memoryBytes"] = memory->total_bytes;
    seen["availableBytes"] = memory->available_bytes;
  }
  return seen;
}

/// The other processes of the segment, with what each lacks.
json peers_of(House& house, const Steering& steering) {
  if (house.seat.segment() == nullptr) return json::array();
  const auto& now = steering.circumstances();
  return as_json(peers(*house.seat.segment(), candidacy_of(house, steering),
                       {now.global, now.service, wall_seconds()}));
}

json elsewhere(const House& house) {
  const auto found = asked_elsewhere(house.driver_name, house.fleet_spans_hosts);
  return found ? as_json(*found) : json(nullptr);
}

json looks_like(const std::optional<drivers::Guess>& guess) {
  if (!guess) return nullptr;
  json seen{{"platform", guess->platform}, {"evidence", guess->evidence}};
  seen.update(as_json(drivers::finding_of(*guess)));
  return seen;
}

/// The sentences, and beside them all that is known of each.
json preflight(const House& house, drivers::Preflight found) {
  if (house.unmade) found.wrong.push_back(*house.unmade);
  json all = json::array();
  const auto add = [&all](const char* kind, const std::vector<Finding>& findings) {
    for (const auto& each : findings) {
      all.push_back({{"kind", kind}});
      all.back().update(as_json(each));
    }
  };
  add("wrong", found.wrong);
  add("warning", found.warnings);
  return {{"wrong", drivers::sentences(found.wrong)},
          {"warnings", drivers::sentences(found.warnings)},
          {"findings", std::move(all)}};
}

json cost(const Upkeep& upkeep) {
  const auto process = sampling::read_process(::getpid());
  return {
      {"cpuSeconds", upkeep.cpu_seconds},
      {"cpuRatio", upkeep.uptime_seconds > 0.0 ? upkeep.cpu_seconds / upkeep.uptime_seconds : 0.0},
      {"processResidentBytes", process ? json(process->resident_bytes) : json(nullptr)}};
}

json degraded(const House& house) {
  json list = json::array();
  const auto add = [&list](const std::string& sentence) {
    const bool is_said = std::find(list.begin(), list.end(), sentence) != list.end();
    if (!sentence.empty() && !is_said) list.push_back(sentence);
  };
  add(house.seat.degraded());
  add(house.fleet->degraded());
  if (house.unmade) add(house.unmade->what);
  for (const auto& sentence : house.log.troubles()) add(sentence);
  for (const auto& sentence : house.settings.without_effect) add(sentence);
  return list;
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string status_json(House& house, const Steering& steering, const Upkeep& upkeep,
                        const std::optional<std::string>& published) {
  json services = json::array();
  json may_act = false;
  json because = nullptr;
  if (published) {
    services.push_back(service(house, *published));
    may_act = services[0]["mayAct"];
    because = services[0]["because"];
  }
  const auto& policies = house.policies;
  const json status{
      {"version", core_version()},
      {"running", true},
      {"service", house.service()},
      {"instance", house.settings.instance},
      {"process", house.holder()},
      {"role", name_of(steering.role())},
      {"leader", or_null(steering.leader())},
      {"driver", or_null(house.driver_label)},
      {"looksLike", looks_like(house.guess)},
      {"preflight", preflight(house, steering.found_by_preflight())},
      {"uptime", upkeep.uptime_seconds},
      {"mayAct", may_act},
      {"because", because},
      {"switches", switches(steering.switches())},
      {"services", services},
      {"instances", instances(house)},
      {"readings", readings(steering.readings())},
      {"peers", peers_of(house, steering)},
      {"elsewhere", elsewhere(house)},
      {"policies",
       {{"origin", policies.origin()},
        {"problems", problems(policies.problems())},
        {"hints", problems(policies.hints())}}},
      {"settings", settings(house.settings.found)},
      {"degraded", degraded(house)},
      {"host", host(steering.host_cpu_percent())},
      {"journal", {{"degraded", or_null(house.journal->degraded())}}},
      {"segment", house.seat.segment() == nullptr
                      ? json(nullptr)
                      : json{{"path", house.seat.segment()->path()},
                             {"note", or_null(house.seat.segment()->note())}}},
      {"cost", cost(upkeep)},
      {"calls", {{"failed", house.calls.failed()}, {"dropped", house.calls.dropped()}}},
      {"refused", house.seat.refused() + steering.refused_readings()},
      {"errors", house.errors.load()},
  };
  return text_of(status);
}

std::string stopped_status_json() {
  return text_of({{"version", core_version()},
                  {"running", false},
                  {"mayAct", false},
                  {"because", "stopped"},
                  {"services", json::array()}});
}

}  // namespace selfscale::agent
