#include "drivers/render/api.hpp"

#include <algorithm>
#include <array>

#include "drivers/hosted/options.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::render {
namespace {

using hosted::Json;
using hosted::malformed;

// Render's keys have no scopes: one acts for its user in all of that user's workspaces.
constexpr auto key_of_a_member = "an API key of a member of the service's workspace";

std::string path_of(const std::string& service) { return "/services/" + service; }

Request get(std::string target) { return hosted::get(std::move(target), key_of_a_member); }

std::string criterion(const Json& criteria, const char* key, const std::string& name) {
  const auto& each = at(criteria, key);
  if (at(each, "enabled") != true) return {};
  const auto percent = selfscale::count(at(each, "percentage"), 0);
  return name + " at " + std::to_string(percent.value_or(0)) + " %";
}

/// Both criteria may be off, which turns it off, too.
std::string autoscaler_of(const Json& autoscaling) {
  if (at(autoscaling, "enabled") != true) return {};
  const auto cpu = criterion(at(autoscaling, "criteria"), "cpu", "CPU");
  const auto memory = criterion(at(autoscaling, "criteria"), "memory", "memory");
  if (cpu.empty() && memory.empty()) return {};
  const auto bound = [&autoscaling](const char* key) {
    const auto count = selfscale::count(at(autoscaling, key), 0);
    return std::to_string(count.value_or(0));
  };
  return "Render's autoscaling holds the service between " + bound("min") + " and " + bound("max") +
         " instances by " + cpu + (cpu.empty() || memory.empty() ? "" : " and ") + memory;
}

/// All that Render asks for when it is set.
bool is_setting(const Json& autoscaling) {
  return at(autoscaling, "enabled").is_boolean() && at(autoscaling, "min").is_number_integer() &&
         at(autoscaling, "max").is_number_integer() && at(autoscaling, "criteria").is_object();
}

std::string path_of_kept(const std::string& service) {
  return path_of(service) + "/env-vars/" + taken_over_variable;
}

}  // namespace

bool is_service_id(std::string_view text) noexcept {
  return text.starts_with("srv-") && hosted::is_name(text, "-");
}

Request get_service(const std::string& service) { return get(path_of(service)); }

Request list_instances(const std::string& service) { return get(path_of(service) + "/instances"); }

Request latest_deploy(const std::string& service) {
  return get(path_of(service) + "/deploys?limit=1");
}

Request scale_to(const std::string& service, int instances) {
  return hosted::send("POST", path_of(service) + "/scale", Json{{"numInstances", instances}},
                      key_of_a_member);
}

Request set_autoscaling(const std::string& service, const Json& setting) {
  return hosted::send("PUT", path_of(service) + "/autoscaling", setting, key_of_a_member);
}

Result<Json> parse_autoscaling(std::string_view body) {
  auto json = hosted::parse(body);
  if (json && !is_setting(*json)) return malformed("the answer is no setting of autoscaling");
  return json;
}

Request keep_taken_over(const std::string& service, const Json& setting) {
  return hosted::send("PUT", path_of_kept(service), Json{{"value", setting.dump()}},
                      key_of_a_member);
}

Request get_taken_over(const std::string& service) { return get(path_of_kept(service)); }

Request forget_taken_over(const std::string& service) {
  auto request = get(path_of_kept(service));
  request.call.method = "DELETE";
  request.quota = "write";
  return request;
}

Result<Json> parse_taken_over(std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  auto kept = hosted::parse(text(at(*json, "value")));
  if (kept && is_setting(*kept)) return kept;
  return malformed(std::string{taken_over_variable} + " keeps no setting of autoscaling");
}

Json switched(Json autoscaling, bool is_on) {
  autoscaling["enabled"] = is_on;
  return autoscaling;
}

Result<Service> parse_service(std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  Service service;
  service.type = text(at(*json, "type"));
  if (service.type.empty()) return malformed("the answer is no service");
  const auto& details = at(*json, "serviceDetails");
  const auto desired = selfscale::count(at(details, "numInstances"), 1);
  if (!desired) return malformed("serviceDetails.numInstances is no count");
  service.desired = *desired;
  service.plan = text(at(details, "plan"));
  service.is_suspended = text(at(*json, "suspended")) == "suspended";
  service.has_disk = at(details, "disk").is_object();
  service.autoscaling = at(details, "autoscaling");
  service.autoscaler = autoscaler_of(service.autoscaling);
  return service;
}

std::vector<Finding> objections(const Service& service) {
  constexpr std::array<std::string_view, 3> scalable{"web_service", "private_service",
                                                     "background_worker"};
  std::vector<Finding> all;
  if (std::find(scalable.begin(), scalable.end(), service.type) == scalable.end()) {
    all.emplace_back("Render does not scale services of the type " + service.type,
                     "web services, private services and background workers have a count",
                     R"("service": "srv-…"   # in the policy's platform, of one of these)");
  }
  if (service.is_suspended) {
    all.emplace_back("the service is suspended: resume it first",
                     "it runs no instance, whatever its count is",
                     "curl --request POST --header \"Authorization: Bearer $RENDER_API_KEY\" "
                     "https://api.render.com/v1/services/srv-…/resume");
  }
  if (service.has_disk) {
    all.emplace_back(
        "the service has a disk, and Render runs one instance of such: scale another service, or "
        "take the disk away",
        "more than one is refused",
        R"("service": "srv-…"   # in the policy's platform, of one without a disk)");
  }
  if (service.plan == "free") {
    all.emplace_back("the service is on the free plan, which has one instance: choose another",
                     "more than one is refused",
                     "plan: starter   # of the service in render.yaml, or on its page Settings, "
                     "Instance Type");
  }
  return all;
}

Result<std::vector<Replica>> parse_instances(std::string_view body,
                                             std::chrono::system_clock::time_point now) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  if (!json->is_array()) return malformed("the answer is no list of instances");
  std::vector<Replica> replicas;
  for (const auto& each : *json) {
    Replica replica;
    replica.instance = text(at(each, "id"));
    if (replica.instance.empty()) return malformed("an instance has no id");
    replica.ready = true;
    if (const auto began = from_rfc3339(text(at(each, "createdAt")))) {
      const std::chrono::duration<double> wall = now.time_since_epoch();
      replica.started_seconds_ago = std::max(0.0, wall.count() - *began);
    }
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

Result<bool> parse_is_deploying(std::string_view body) {
  constexpr std::array<std::string_view, 5> under_way{
      "created", "queued", "build_in_progress", "update_in_progress", "pre_deploy_in_progress"};
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  if (!json->is_array()) return malformed("the answer is no list of deploys");
  return std::any_of(json->begin(), json->end(), [&](const Json& each) {
    const auto status = text(at(each, "deploy", "status"));
    return std::find(under_way.begin(), under_way.end(), status) != under_way.end();
  });
}

std::string words_of(const Json& refusal) { return text(at(refusal, "message")); }

}  // namespace selfscale::drivers::render
