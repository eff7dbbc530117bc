#include "drivers/railway/answers.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

namespace selfscale::drivers::railway {
namespace {

using hosted::malformed;

template <std::size_t count>
bool is_one_of(const std::string& word, const std::array<std::string_view, count>& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// ---- refusals

bool says(std::string words, std::initializer_list<std::string_view> any) {
  std::transform(words.begin(), words.end(), words.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return std::any_of(any.begin(), any.end(), [&words](std::string_view each) {
    return words.find(each) != std::string::npos;
  });
}

/// Railway documents neither codes nor words. "Not Authorized" and "Problem processing request" are
/// what its CLI and its documentation know; what nothing speaks for is permanent.
Errc code_of(const std::string& words, const std::string& code, bool is_query) {
  if (says(words, {"not authorized", "unauthorized", "forbidden"}) ||
      says(code, {"unauthenticated", "forbidden"})) {
    return Errc::denied;
  }
  if (says(words, {"not found"}) || says(code, {"not_found"})) return Errc::not_found;
  if (says(words, {"rate limit", "too many requests"})) return Errc::throttled;
  if (says(words, {"problem processing request"})) {
    return is_query ? Errc::unreachable : Errc::timed_out;
  }
  return Errc::failed;
}

Refusal refusal_of(const Request& request, const Json& error) {
  Refusal refusal;
  const auto words = text(at(error, "message"));
  const auto code = code_of(words, text(at(error, "extensions", "code")), request.call.is_query);
  refusal.failure = {code, name_of(request) + ": " + http::shortened(words), {}};
  if (code == Errc::denied) refusal.failure.permission = request.permission;
  const auto& path = at(error, "path");
  if (path.is_array() && !path.empty()) refusal.field = text(path.front());
  return refusal;
}

Failure no_answer(const Request& request, const std::string& why) {
  const auto words = name_of(request) + ": " + why;
  if (request.call.is_query) return malformed(words);
  return Failure{Errc::timed_out, words + "; was it carried out?", {}};
}

// ---- the service

/// Empty: it is not said; a count that is none is a failure.
Result<Regions> counts_of(const Json& configured) {
  Regions regions;
  if (!configured.is_object()) return regions;
  for (const auto& [region, settings] : configured.items()) {
    const auto replicas = selfscale::count(at(settings, "numReplicas"), 0);
    if (!replicas || *replicas > most_replicas) {
      return malformed("multiRegionConfig." + region + ".numReplicas is no count");
    }
    regions[region] = *replicas;
  }
  return regions;
}

/// In the environment's configuration; else in what was deployed last; else, of old deployments,
/// one region and its count.
Json configured_regions(const Target& target, const Json& environment, const Json& instance) {
  constexpr auto key = "multiRegionConfig";
  const auto& wanted = at(environment, "config", "services", target.service.c_str(), "deploy", key);
  if (wanted.is_object() && !wanted.empty()) return wanted;
  const auto& deployed = at(instance, "latestDeployment", "meta", "serviceManifest", "deploy", key);
  if (deployed.is_object() && !deployed.empty()) return deployed;
  const auto region = text(at(instance, "region"));
  if (region.empty()) return Json::object();
  const auto& replicas = at(instance, "numReplicas");
  return {{region, {{"numReplicas", replicas.is_null() ? Json(1) : replicas}}}};
}

Result<void> count_instances(const Json& deployments, Service& service) {
  constexpr std::array<std::string_view, 4> alive{"CREATED", "INITIALIZING", "RUNNING",
                                                  "RESTARTING"};
  if (!deployments.is_array()) return malformed("activeDeployments is no list");
  for (const auto& deployment : deployments) {
    const auto& instances = at(deployment, "instances");
    if (!instances.is_array()) return malformed("the instances of a deployment are no list");
    for (const auto& instance : instances) {
      const auto status = text(at(instance, "status"));
      service.existing += is_one_of(status, alive) ? 1 : 0;
      service.running += status == "RUNNING" ? 1 : 0;
    }
  }
  return {};
}

/// Railway skips a push that its checks fail, or that changes nothing the service watches: no
/// failure while what is deployed has all its replicas.
void read_skipped(const std::string& words, Service& service) {
  if (service.running < total(service.regions)) {
    service.failure = words;
  } else {
    service.note = words + ": what runs is the one before it";
  }
}

void read_deployment(const Json& deployment, Service& service) {
  constexpr std::array<std::string_view, 6> under_way{"BUILDING", "DEPLOYING", "INITIALIZING",
                                                      "QUEUED",   "WAITING",   "NEEDS_APPROVAL"};
  constexpr std::array<std::string_view, 3> failed{"FAILED", "CRASHED", "REMOVED"};
  const auto status = text(at(deployment, "status"));
  service.is_deploying = is_one_of(status, under_way);
  const auto words = "the latest deployment, " + text(at(deployment, "id")) + ", is " + status;
  if (is_one_of(status, failed)) service.failure = words;
  if (status == "SKIPPED") read_skipped(words, service);
  if (status == "NEEDS_APPROVAL") {
    service.note = "the latest deployment waits for somebody's approval";
  }
  if (status == "SLEEPING") service.note = "the service sleeps, as Serverless has it";
}

}  // namespace

Result<Answered> parse_answer(const Request& request, std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return no_answer(request, json.error().message);
  Answered answered;
  const auto& errors = at(*json, "errors");
  if (errors.is_array()) {
    for (const auto& error : errors) answered.refusals.push_back(refusal_of(request, error));
  }
  answered.data = at(*json, "data");
  if (!answered.data.is_object() && answered.refusals.empty()) {
    return no_answer(request, "the answer has no data");
  }
  return answered;
}

Result<Json> parse_data(const Request& request, std::string_view body) {
  auto answered = parse_answer(request, body);
  if (!answered) return answered.error();
  if (!answered->refusals.empty()) return answered->refusals.front().failure;
  return std::move(answered->data);
}

std::string words_of(const Json& refusal) {
  const auto& errors = at(refusal, "errors");
  if (errors.is_array() && !errors.empty()) return text(at(errors.front(), "message"));
  return text(at(refusal, "message"));
}

Result<ProjectToken> parse_project_token(const Json& data) {
  const auto& found = at(data, "projectToken");
  ProjectToken token{text(at(found, "projectId")), text(at(found, "environmentId"))};
  if (token.environment.empty()) return malformed("projectToken.environmentId is not there");
  return token;
}

Result<Service> parse_service(const Target& target, const Json& data) {
  const auto& environment = at(data, "environment");
  const auto& instance = at(data, "serviceInstance");
  if (!environment.is_object()) return malformed("environment is not there");
  if (!instance.is_object()) return malformed("serviceInstance is not there");
  Service service;
  service.name = text(at(instance, "serviceName"));
  service.project = text(at(environment, "projectId"));
  service.configured = configured_regions(target, environment, instance);
  auto regions = counts_of(service.configured);
  if (!regions) return regions.error();
  service.regions = std::move(*regions);
  const auto counted = count_instances(at(instance, "activeDeployments"), service);
  if (!counted) return counted.error();
  read_deployment(at(instance, "latestDeployment"), service);
  service.is_serverless = at(instance, "sleepApplication") == true;
  const auto& volumes =
      at(environment, "config", "services", target.service.c_str(), "volumeMounts");
  service.has_volume = volumes.is_object() && !volumes.empty();
  return service;
}

std::vector<Finding> objections(const Service& service) {
  std::vector<Finding> all;
  if (service.has_volume) {
    all.emplace_back(
        "the service has a volume, and Railway runs one replica of such: scale another service, or "
        "take the volume away",
        "a volume is of one replica, and a second one is refused",
        R"("service": "…"   # in the policy's platform, of one without a volume)");
  }
  if (in_use(service.regions) == 0) {
    all.emplace_back(
        "Railway says of no region that the service runs there: set its replicas once, in its "
        "settings under Scale",
        "replicas are set by region, and there is none to set them in",
        R"("deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 1}}}   # in railway.json, )"
        "for one deployment");
  }
  return all;
}

Json with_counts(const Service& service, const Regions& counts) {
  Json regions = Json::object();
  for (const auto& [region, settings] : service.configured.items()) {
    if (!settings.is_object()) continue;  // null: the service does not run there
    regions[region] = settings;
    regions[region]["numReplicas"] = counts.at(region);
  }
  return regions;
}

std::string parse_commit(const Json& data) { return text(at(data, "environmentPatchCommit")); }

std::string parse_patch_error(const Json& data) {
  return text(at(data, "environmentPatch", "lastAppliedError"));
}

}  // namespace selfscale::drivers::railway
