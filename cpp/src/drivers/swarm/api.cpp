#include "drivers/swarm/api.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "drivers/docker/calls.hpp"
#include "drivers/docker/document.hpp"
#include "drivers/longest_work.hpp"
#include "http/status.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::swarm {
namespace {

using docker::Document;
using docker::malformed;
using docker::parse;

// --- services

std::string mode_of(const Document& spec) {
  struct Mode {
    std::string_view key;
    std::string_view words;
  };
  constexpr std::array modes{Mode{"Replicated", "replicated"}, Mode{"Global", "global"},
                             Mode{"ReplicatedJob", "replicated job"},
                             Mode{"GlobalJob", "global job"}};
  for (const auto& mode : modes) {
    if (at(spec, "Mode").is_object() && at(spec, "Mode").contains(mode.key)) {
      return std::string{mode.words};
    }
  }
  return "replicated";
}

/// Without a number Swarm runs one. Of another mode it has none.
std::optional<int> desired_in(const Document& service, const std::string& mode) {
  const auto& status = at(service, "ServiceStatus", "DesiredTasks");
  if (mode != "replicated") return status.is_null() ? 0 : count(status);
  const auto& replicas = at(service, "Spec", "Mode", "Replicated", "Replicas");
  return replicas.is_null() ? 1 : count(replicas);
}

void read_grace(const Document& spec, Service& service) {
  constexpr double nanoseconds = 1e9;
  const auto& given = at(spec, "TaskTemplate", "ContainerSpec", "StopGracePeriod");
  service.sets_grace = given.is_number_integer();
  if (!service.sets_grace) return;
  service.grace_seconds = std::max(given.get<double>() / nanoseconds, 0.0);
}

/// With each change of a service, of its count too, Swarm takes the spec of before for the one to
/// roll back to, and forgets what it was doing.
std::string what_a_count_would_do(std::string_view state) {
  if (state == "updating") {
    return "an update is under way, and with a new count Swarm would forget the version that it "
           "can roll back to";
  }
  if (state == "rollback_started") {
    return "an update is being rolled back, and with a new count Swarm would begin another one";
  }
  if (state == "paused") {
    return "the update is paused, and with a new count Swarm would go on with it";
  }
  if (state == "rollback_paused") {
    return "the rollback of an update is paused, and with a new count Swarm would go on with it";
  }
  return {};
}

/// How the last update goes; after a change of the count alone Swarm says nothing of it any more.
void read_update(const Document& update, Service& service) {
  const auto state = text(at(update, "State"));
  const auto message = text(at(update, "Message"));
  const auto words = "the update is " + state + (message.empty() ? "" : ": " + message);
  service.updating = state == "updating" || state == "rollback_started";
  if (state == "paused" || state == "rollback_paused" || state == "rollback_started") {
    service.failure = words;
  }
  if (state == "rollback_completed") service.note = words;
  service.hold = what_a_count_would_do(state);
}

Result<Service> read_service(const Document& object) {
  const auto& spec = at(object, "Spec");
  const auto& index = at(object, "Version", "Index");
  if (!spec.is_object() || text(at(spec, "Name")).empty() || !index.is_number_unsigned()) {
    return malformed("service");
  }
  const auto& mode = at(spec, "Mode");
  const auto& replicated = at(mode, "Replicated");
  const bool has_mode =
      (mode.is_object() || mode.is_null()) && (replicated.is_object() || replicated.is_null());
  if (!has_mode) return malformed("mode of a service");
  Service service;
  service.name = text(at(spec, "Name"));
  service.mode = mode_of(spec);
  const auto desired = desired_in(object, service.mode);
  if (!desired) return malformed("count of replicas");
  service.desired = *desired;
  service.version = std::to_string(index.get<std::uint64_t>());
  service.stack = text(at(spec, "Labels", "com.docker.stack.namespace"));
  read_grace(spec, service);
  read_update(at(object, "UpdateStatus"), service);
  const auto& running = at(object, "ServiceStatus", "RunningTasks");
  if (running.is_null()) return service;
  service.running = count(running);
  if (!service.running) return malformed("count of tasks");
  return service;
}

// --- tasks

bool is_one_of(std::string_view state, std::initializer_list<std::string_view> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

bool has_ended(std::string_view state) {
  return is_one_of(state, {"complete", "shutdown", "failed", "rejected", "remove", "orphaned"});
}

/// As Swarm calls its container: service, slot, id.
std::string name_of(const Document& task, const std::string& service) {
  const auto& slot = at(task, "Slot");
  const auto place = slot.is_number_integer() ? std::to_string(slot.get<std::int64_t>())
                                              : text(at(task, "NodeID"));
  return service + "." + place + "." + text(at(task, "ID"));
}

struct Complaint {
  double at = -1.0;
  std::string words;
};

void hear(const Document& task, const std::string& service, Complaint& newest) {
  const auto words = text(at(task, "Status", "Err"));
  const auto when = from_rfc3339(text(at(task, "Status", "Timestamp"))).value_or(0.0);
  if (words.empty() || when < newest.at) return;
  newest = {when, "task " + name_of(task, service) + ": " + words};
}

std::optional<double> age(const Document& task, std::optional<double> now) {
  const auto started = from_rfc3339(text(at(task, "Status", "Timestamp")));
  if (!started || !now) return std::nullopt;
  return std::max(*now - *started, 0.0);
}

// --- how long work takes

std::optional<KnownWork> longest_of(const Options& options,
                                    const std::optional<LongestWork>& recorded) {
  const auto said = options.longest_work_seconds;
  if (recorded && (!said || recorded->seconds > *said)) return known_by(*recorded);
  if (said) return KnownWork{*said, false, "platform.longestWorkSeconds"};
  return std::nullopt;
}

std::string what_is_known(const std::optional<KnownWork>& longest) {
  if (longest) return in_words(*longest);
  std::string names;
  for (const auto name : durations_of_work) {
    names += (names.empty() ? "" : " or ") + std::string{name};
  }
  return "how long a piece of work takes is not known: nothing is recorded here in " + names +
         ", and platform.longestWorkSeconds is not set";
}

// --- what ends a refusal, to be pasted

std::string longer_grace(const Service& service, double seconds) {
  const auto enough = whole_seconds(seconds) + "s";
  if (service.stack.empty()) {
    return "docker service update --stop-grace-period " + enough + " " + service.name + "   # ";
  }
  return "stop_grace_period: " + enough + "   # of the service in the file of the stack " +
         service.stack + "; ";
}

/// A person's word that is no less than what is known, and lets Swarm have its time.
std::string word_of(const Service& service, const std::optional<KnownWork>& longest) {
  const double known = longest ? std::ceil(longest->seconds) : 0.0;
  const auto seconds = std::llround(std::max(known, std::floor(service.grace_seconds)));
  return "\"longestWorkSeconds\": " + std::to_string(seconds) +
         "   # in the policy's platform, where no work takes longer; ";
}

}  // namespace

http::Call list_services(const std::string& name) {
  return docker::get("/services?status=true&filters=" + docker::encoded({{"name", {name}}}));
}

http::Call get_service(const std::string& name) { return docker::get("/services/" + name); }

Result<Service> parse_service(std::string_view body) { return read_service(parse(body)); }

Result<Service> parse_services(std::string_view body, const std::string& name) {
  const auto list = parse(body);
  if (!list.is_array()) return malformed("list of services");
  for (const auto& each : list) {
    if (text(at(each, "Spec", "Name")) == name) return read_service(each);
  }
  return Failure{Errc::not_found, "there is no service " + name + " in this swarm", {}};
}

Result<http::Call> set_replicas(const std::string& name, std::string_view service_body,
                                int replicas) {
  auto object = parse(service_body);
  const auto service = read_service(object);
  if (!service) return service.error();
  if (service->mode != "replicated") {
    return Failure{Errc::failed,
                   "the service " + name + " is " + service->mode +
                       ": Swarm takes a count of replicated services only",
                   {}};
  }
  object["Spec"]["Mode"]["Replicated"]["Replicas"] = replicas;
  return docker::post("/services/" + name + "/update?version=" + service->version,
                      object["Spec"].dump());
}

http::Call list_tasks(const std::string& service) {
  return docker::get("/tasks?filters=" + docker::encoded({{"service", {service}}}));
}

Result<Tasks> parse_tasks(std::string_view body, const std::string& service,
                          std::string_view server_time) {
  const auto list = parse(body);
  if (!list.is_array()) return malformed("list of tasks");
  const auto now = http::seconds_since_epoch(server_time);
  Tasks tasks;
  Complaint newest;
  for (const auto& task : list) {
    if (text(at(task, "ID")).empty()) return malformed("task");
    const auto state = text(at(task, "Status", "State"));
    const bool is_to_stay = !is_one_of(text(at(task, "DesiredState")), {"shutdown", "remove"});
    // What ended badly is replaced by another, and keeps its words.
    if (is_to_stay || is_one_of(state, {"failed", "rejected"})) hear(task, service, newest);
    if (has_ended(state)) continue;
    Replica replica;
    replica.instance = name_of(task, service);
    replica.ready = state == "running" && is_to_stay;
    replica.deleting = !is_to_stay;
    if (state == "running") replica.started_seconds_ago = age(task, now);
    tasks.current += is_to_stay ? 1 : 0;
    tasks.ready += replica.ready ? 1 : 0;
    tasks.replicas.push_back(std::move(replica));
  }
  tasks.complaint = std::move(newest.words);
  return tasks;
}

http::Call get_info() { return docker::get("/info"); }

Result<std::string> parse_info(std::string_view body) {
  const auto info = parse(body);
  const auto& swarm = at(info, "Swarm");
  const auto state = text(at(swarm, "LocalNodeState"));
  if (state.empty()) return malformed("description of a node");
  if (state != "active") {
    const auto why = text(at(swarm, "Error"));
    return "this engine is in no swarm (" + state + (why.empty() ? "" : ": " + why) +
           "): docker swarm init, or ask a manager of the swarm";
  }
  if (at(swarm, "ControlAvailable") == true) return std::string{};
  return std::string{
      "this engine is a worker of its swarm: services are scaled by a manager only "
      "(platform.host, or a placement constraint node.role == manager)"};
}

Observation observation_of(const Service& service, const std::optional<Tasks>& tasks) {
  Observation seen;
  seen.desired = service.desired;
  seen.current = tasks ? tasks->current : service.running.value_or(service.desired);
  seen.ready = tasks ? std::optional{tasks->ready} : service.running;
  seen.updating = service.updating;
  seen.version = service.version;
  seen.note = service.note;
  seen.failure = service.failure;
  seen.hold = service.hold;
  if (!tasks) return seen;
  seen.replicas = tasks->replicas;
  const bool is_short = tasks->ready < service.desired;
  if (is_short && seen.failure.empty()) seen.failure = tasks->complaint;
  return seen;
}

std::optional<Finding> against_fewer(const Service& service, const Options& options,
                                     const std::optional<LongestWork>& recorded) {
  if (options.may_interrupt_work) return std::nullopt;
  const auto longest = longest_of(options, recorded);
  if (longest && ends_within(*longest, service.grace_seconds)) return std::nullopt;
  const std::string grace = service.sets_grace
                                ? " (the service's stop_grace_period)"
                                : " (its own, as the service has no stop_grace_period)";
  const bool is_known = longest && !longest->is_open;
  return Finding{"scale-downs are refused: " + what_is_known(longest) +
                     "; and Swarm, which chooses the task that goes, kills it " +
                     in_seconds(service.grace_seconds) + grace + " after it has told it to end",
                 "capacity is added, and none is taken away",
                 (is_known ? longer_grace(service, longest->seconds) : word_of(service, longest)) +
                     "or consent to that work may be cut off: \"mayInterruptWork\": true, in the "
                     "policy's platform"};
}

}  // namespace selfscale::drivers::swarm
