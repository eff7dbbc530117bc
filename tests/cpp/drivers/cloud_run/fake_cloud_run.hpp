/// Cloud Run on loopback with one service `web` and one worker pool `jobs`. Fields of zero are left
/// out, 64-bit integers are texts, and what is asked for is done by an operation.
#pragma once

#include <map>
#include <sstream>
#include <string>

#include "drivers/cloud_run/fake_tokens.hpp"
#include "drivers/hosted/fake_platform.hpp"
#include "places.hpp"

namespace selfscale::drivers::cloud_run {

inline constexpr auto refusal =
    R"({"error": {"code": 400, "message": "Google says no", "status": "SAID_NO"}})";

class FakeCloudRun {
 public:
  using Json = nlohmann::json;

  [[nodiscard]] std::string url() const { return platform.url(); }
  [[nodiscard]] std::string options(const std::string& kind = "service") const {
    return Json{{"driver", "cloud_run"},
                {"project", "p"},
                {"location", "europe-west1"},
                {kind, kind == "service" ? "web" : "jobs"},
                {"endpoint", url()}}
        .dump();
  }
  [[nodiscard]] std::map<std::string, std::string> variables() const {
    return {{"GCE_METADATA_HOST", tokens.host()}};
  }
  static std::string asks_to_wait(std::chrono::seconds wait,
                                  std::chrono::system_clock::time_point) {
    return "Retry-After: " + std::to_string(wait.count()) + "\r\n";
  }
  int count() {
    return platform.locked([this] { return instances; });
  }
  void set_count(int count) {
    platform.locked([&] {
      instances = count;
      ++generation;
    });
  }

  int instances = 2;
  int generation = 7;
  bool is_automatic = false;
  Json bounds = Json::object();  ///< minInstanceCount, maxInstanceCount of the service
  Json most_of_a_revision;       ///< null: as Google has it
  Json annotations = Json::object();
  bool is_reconciling = false;
  bool is_slow = false;  ///< operations stay open
  bool ignores_writes = false;
  Json operation_error;  ///< of an operation that ends; null: it succeeds
  Json condition = {{"type", "Ready"}, {"state", "CONDITION_SUCCEEDED"}};
  Json resources = {{"cpuIdle", false}};
  Json traffic =
      Json::array({{{"type", "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"}, {"percent", 100}}});
  std::string last_mask;
  FakeTokens tokens;
  hosted::FakePlatform platform{fixture("cloud_run/discovery.json"), refusal,
                                [this](const http::Received& request) { return answer(request); }};

 private:
  static constexpr auto place = "projects/p/locations/europe-west1";

  [[nodiscard]] std::string etag() const { return "\"C" + std::to_string(generation) + "\""; }

  hosted::Said answer(const http::Received& request) {
    const auto target = request.target();
    const auto path = target.substr(0, target.find('?'));
    const auto start = std::string{"/v2/"} + place;
    const bool is_pool = path == start + "/workerPools/jobs";
    if (is_pool || path == start + "/services/web") {
      if (request.method() == "PATCH") return patch(target, Json::parse(request.body), is_pool);
      return {200, shown(is_pool).dump(), {}};
    }
    if (path == start + "/operations/op-1") return {200, operation(false).dump(), {}};
    return refuse(404, "NOT_FOUND", path + " is not there");
  }

  static hosted::Said refuse(int code, const std::string& status, const std::string& message) {
    return {code,
            Json{{"error", {{"code", code}, {"message", message}, {"status", status}}}}.dump(),
            {}};
  }

  [[nodiscard]] Json shown(bool is_pool) const {
    Json scaling = Json::object();
    if (!is_pool) scaling = bounds;
    if (!is_pool && !is_automatic) scaling["scalingMode"] = "MANUAL";
    if (!is_automatic && instances > 0) scaling["manualInstanceCount"] = instances;
    Json said = {
        {"name", std::string{place} + (is_pool ? "/workerPools/jobs" : "/services/web")},
        {"generation", std::to_string(generation)},
        {"observedGeneration", std::to_string(is_reconciling ? generation - 1 : generation)},
        {"etag", etag()},
        {"scaling", std::move(scaling)},
        {"template", revision()},
        {"terminalCondition", condition}};
    if (!is_pool) said["traffic"] = traffic;
    if (!annotations.empty()) said["annotations"] = annotations;
    if (is_reconciling) said["reconciling"] = true;
    return said;
  }
  [[nodiscard]] Json revision() const {
    Json said = {{"containers", Json::array({container()})}};
    if (!most_of_a_revision.is_null()) {
      said["scaling"] = {{"maxInstanceCount", most_of_a_revision}};
    }
    return said;
  }
  [[nodiscard]] Json container() const {
    Json said = {{"image", "app"}};
    if (!resources.is_null()) said["resources"] = resources;
    return said;
  }

  hosted::Said patch(const std::string& target, const Json& body, bool is_pool) {
    last_mask = target.substr(target.find('=') + 1);
    if (body["etag"] != etag()) return refuse(409, "ABORTED", "The etag does not match");
    if (!ignores_writes) {
      carry_out(body);
      ++generation;
    }
    return {200, operation(is_pool).dump(), {}};
  }

  /// What the mask names, and nothing else; what is named and not there is cleared.
  void carry_out(const Json& body) {
    const auto scaling = body.value("scaling", Json::object());
    std::stringstream mask{last_mask};
    for (std::string field; std::getline(mask, field, ',');) {
      const auto key = field.substr(field.find('.') + 1);
      if (field == "annotations") annotations = body["annotations"];
      if (key == "scalingMode") is_automatic = scaling.value(key, "") != "MANUAL";
      if (key == "minInstanceCount" || key == "maxInstanceCount") bounds[key] = scaling[key];
    }
    // Google goes on from as many as there are.
    if (!is_automatic) instances = scaling.value("manualInstanceCount", 0);
  }

  [[nodiscard]] Json operation(bool is_pool) const {
    auto metadata = shown(is_pool);
    metadata["@type"] = "type.googleapis.com/google.cloud.run.v2.Service";
    Json said = {{"name", std::string{place} + "/operations/op-1"},
                 {"metadata", std::move(metadata)}};
    if (is_slow) return said;
    said["done"] = true;
    if (!operation_error.is_null()) {
      said["error"] = operation_error;
    } else {
      said["response"] = said["metadata"];
    }
    return said;
  }
};

}  // namespace selfscale::drivers::cloud_run
