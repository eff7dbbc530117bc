#include "drivers/cloud_run/api.hpp"

#include <algorithm>

#include "drivers/hosted/options.hpp"

namespace selfscale::drivers::cloud_run {
namespace {

using hosted::Json;
using hosted::malformed;

std::string place_of(const Target& target) {
  return "projects/" + target.project + "/locations/" + target.location;
}
std::string path_of(const Target& target) {
  const auto* kind = target.kind == Kind::service ? "/services/" : "/workerPools/";
  return "/v2/" + place_of(target) + kind + target.name;
}
std::string right_to(const Target& target, const std::string& verb) {
  return (target.kind == Kind::service ? "run.services." : "run.workerpools.") + verb;
}

/// Fields of zero are left out.
bool is_automatic(const Target& target, const Json& scaling) {
  return target.kind == Kind::service && text(at(scaling, "scalingMode")) != "MANUAL";
}

constexpr int usual_most = 100;  // Google's default of maxInstanceCount

/// What a service may have at most: no less than it has.
std::optional<int> most_of(const Json& workload) {
  for (const auto* scaling : {&at(workload, "scaling"), &at(workload, "template", "scaling")}) {
    const auto most = selfscale::count(at(*scaling, "maxInstanceCount"), 0);
    if (!most || *most > 0) return most;
  }
  return usual_most;
}

/// What a takeover has kept; empty: there was none.
std::optional<Json> kept_in(const Json& annotations) {
  const auto kept = hosted::parse(text(at(annotations, taken_over_annotation)));
  if (!kept || !kept->is_object()) return std::nullopt;
  return *kept;
}

/// Of the bounds of a service, those that a takeover has kept and that are gone.
Json lost_bounds(const Json& kept, const Json& now) {
  auto lost = Json::object();
  for (const auto* key : {"minInstanceCount", "maxInstanceCount"}) {
    if (kept.contains(key) && !now.contains(key)) lost[key] = kept[key];
  }
  return lost;
}

Request change(const Target& target, const std::string& mask, Json body, const std::string& etag) {
  body["etag"] = etag;
  return hosted::send(
      "PATCH", path_of(target) + "?updateMask=" + mask, body,
      right_to(target, "update") + " and, on its runtime account, iam.serviceAccounts.actAs");
}

/// CPU only during requests is the default; where resources are given, what they say.
bool has_cpu_for_requests_alone(const Json& workload) {
  const auto& containers = at(workload, "template", "containers");
  return std::any_of(containers.begin(), containers.end(), [](const Json& each) {
    const auto& resources = at(each, "resources");
    return resources.is_null() || at(resources, "cpuIdle") == true;
  });
}

int with_traffic(const Json& workload) {
  const auto& shares = at(workload, "traffic");
  return static_cast<int>(std::count_if(shares.begin(), shares.end(), [](const Json& each) {
    return selfscale::count(at(each, "percent"), 0).value_or(0) > 0;
  }));
}

std::string failure_of(const Json& condition) {
  if (text(at(condition, "state")) != "CONDITION_FAILED") return {};
  const auto reason = text(at(condition, "reason"));
  const auto message = text(at(condition, "message"));
  return http::shortened(reason.empty() || message.empty() ? reason + message
                                                           : reason + ": " + message);
}

bool is_settled(const Json& workload) {
  const auto state = text(at(workload, "terminalCondition", "state"));
  return at(workload, "reconciling") != true && state != "CONDITION_PENDING" &&
         state != "CONDITION_RECONCILING" &&
         at(workload, "generation") == at(workload, "observedGeneration");
}

/// Codes of google.rpc.Code.
Errc code_of(const Json& code) {
  switch (selfscale::count(code, 0).value_or(0)) {
    case 5:
      return Errc::not_found;
    case 7:
    case 16:
      return Errc::denied;
    case 10:
      return Errc::conflict;
    default:
      return Errc::failed;
  }
}

/// "projects/p/locations/l/operations/id": it will stand in a path.
bool is_operation_of(const Target& target, std::string_view name) {
  const auto start = place_of(target) + "/operations/";
  return name.starts_with(start) && hosted::is_name(name.substr(start.size()));
}

}  // namespace

std::string to_text(const Target& target) {
  return (target.kind == Kind::service ? "service " : "worker pool ") + target.name;
}

int least_instances(const Target& target) noexcept { return target.kind == Kind::service ? 1 : 0; }

Request get_workload(const Target& target) {
  return hosted::get(path_of(target), right_to(target, "get"));
}

Request set_count(const Target& target, int instances, const std::string& etag) {
  // Without a mask a PATCH would replace everything; with the mode in it, it would undo the change
  // of somebody who has just turned automatic scaling on.
  return change(target, "scaling.manualInstanceCount",
                {{"scaling", {{"manualInstanceCount", instances}}}}, etag);
}

Request take_over(const Target& target, int instances, const Workload& workload) {
  auto annotations = workload.annotations;
  annotations[taken_over_annotation] = workload.scaling.dump();
  return change(target, "annotations,scaling.scalingMode,scaling.manualInstanceCount",
                {{"annotations", std::move(annotations)},
                 {"scaling", {{"scalingMode", "MANUAL"}, {"manualInstanceCount", instances}}}},
                workload.etag);
}

Request give_back(const Target& target, const Workload& workload) {
  auto annotations = workload.annotations;
  annotations.erase(taken_over_annotation);
  std::string mask = "annotations";
  Json body = {{"annotations", std::move(annotations)}};
  if (workload.is_manual) {  // else a person has turned it on again already
    const auto& kept = *workload.before_takeover;
    body["scaling"] = lost_bounds(kept, workload.scaling);
    for (const auto& [key, value] : body["scaling"].items()) mask += ",scaling." + key;
    mask += ",scaling.scalingMode,scaling.manualInstanceCount";  // what is left out is cleared
    for (const auto* key : {"scalingMode", "manualInstanceCount"}) {
      if (kept.contains(key)) body["scaling"][key] = kept[key];
    }
  }
  return change(target, mask, std::move(body), workload.etag);
}

bool is_given_back(const Workload& before, const Workload& now) {
  if (now.before_takeover || now.is_manual) return false;
  return !before.is_manual || lost_bounds(*before.before_takeover, now.scaling).empty();
}

Request get_operation(const std::string& operation) {
  return hosted::get("/v2/" + operation, "run.operations.get");
}

Result<Workload> parse_workload(const Target& target, std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  Workload workload;
  workload.etag = text(at(*json, "etag"));
  if (text(at(*json, "name")).empty() || workload.etag.empty()) {
    return malformed("the answer is no " + to_text(target) + " with its etag");
  }
  const auto& scaling = at(*json, "scaling");
  workload.is_manual = !is_automatic(target, scaling);
  const auto desired =
      workload.is_manual ? selfscale::count(at(scaling, "manualInstanceCount"), 0) : most_of(*json);
  if (!desired) {
    return malformed(workload.is_manual ? "scaling.manualInstanceCount is no count"
                                        : "maxInstanceCount is no count");
  }
  workload.desired = *desired;
  workload.is_settled = is_settled(*json);
  workload.failure = failure_of(at(*json, "terminalCondition"));
  workload.is_throttled = target.kind == Kind::service && has_cpu_for_requests_alone(*json);
  workload.revisions_with_traffic = with_traffic(*json);
  workload.scaling = scaling.is_object() ? scaling : Json::object();
  const auto& annotations = at(*json, "annotations");
  workload.annotations = annotations.is_object() ? annotations : Json::object();
  workload.before_takeover = kept_in(workload.annotations);
  return workload;
}

Result<Operation> parse_operation(const Target& target, std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  Operation operation;
  operation.name = text(at(*json, "name"));
  if (!is_operation_of(target, operation.name)) return malformed("the answer is no operation");
  operation.is_done = at(*json, "done") == true;
  const auto& error = at(*json, "error");
  if (error.is_object()) {
    operation.failure =
        Failure{code_of(at(error, "code")), http::shortened(text(at(error, "message"))), {}};
  }
  for (const auto* key : {"response", "metadata"}) {
    const auto& scaling = at(*json, key, "scaling");
    if (operation.instances || !scaling.is_object()) continue;
    operation.instances = selfscale::count(at(scaling, "manualInstanceCount"), 0);
  }
  return operation;
}

std::string words_of(const Json& refusal) {
  const auto status = text(at(refusal, "error", "status"));
  const auto message = text(at(refusal, "error", "message"));
  return status.empty() || message.empty() ? status + message : status + ": " + message;
}

}  // namespace selfscale::drivers::cloud_run
