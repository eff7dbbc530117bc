/// Railway on loopback with the project `p-1`, its environment `e-1` and one service there, `s-1`.
/// It refuses with HTTP 200, as the real one does, and answers a commit before it is applied.
#pragma once

#include <string>

#include "drivers/hosted/fake_platform.hpp"
#include "places.hpp"

namespace selfscale::drivers::railway {

inline constexpr auto refusal =
    R"({"errors": [{"message": "Railway says no", "path": ["it"]}], "data": null})";

class FakeRailway {
 public:
  using Json = nlohmann::json;

  explicit FakeRailway(int replicas = 2) {
    set_count(replicas);
    platform.set_token("Project-Access-Token", "hunter2");
  }

  [[nodiscard]] std::string options() const {
    return Json{{"driver", "railway"},
                {"project", "p-1"},
                {"environment", "e-1"},
                {"service", "s-1"},
                {"endpoint", platform.url()}}
        .dump();
  }
  [[nodiscard]] static std::map<std::string, std::string> variables() {
    return {{"RAILWAY_TOKEN", "hunter2"}};
  }
  static std::string asks_to_wait(std::chrono::seconds wait,
                                  std::chrono::system_clock::time_point now) {
    const auto end = std::chrono::floor<std::chrono::milliseconds>(now + wait).time_since_epoch();
    return "X-RateLimit-Reset: " + std::to_string(end.count()) + "\r\n";
  }
  int count() {
    return platform.locked([this] { return total(); });
  }
  void set_count(int replicas) { set_regions({{"us-west2", {{"numReplicas", replicas}}}}); }
  void set_regions(const Json& regions) {
    platform.locked([&] {
      settings()["deploy"]["multiRegionConfig"] = regions;
      running = total();
    });
  }
  Json regions() {
    return platform.locked([this] { return settings()["deploy"]["multiRegionConfig"]; });
  }
  /// The name of what is asked for, out of its document.
  static std::string operation_of(const http::Received& request) {
    const auto body = Json::parse(request.body, nullptr, /*allow_exceptions=*/false);
    const auto document = body.is_object() ? body.value("query", "") : "";
    const auto start = document.find(' ') + 1;
    return document.substr(start, document.find_first_of(" (", start) - start);
  }

  /// The service's part of the environment's configuration.
  Json& settings() { return config["services"]["s-1"]; }

  Json config = Json::parse(R"({
    "services": {
      "s-1": {"source": {"image": "nginx"}, "variables": {"A": {"value": "1"}}, "build": {},
        "deploy": {"startCommand": "serve", "drainingSeconds": 30, "multiRegionConfig": {}}},
      "s-2": {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 7}}}}},
    "sharedVariables": {}})");
  Json instance = Json::parse(R"({
    "serviceName": "web", "region": null, "numReplicas": null, "sleepApplication": false,
    "latestDeployment": {"id": "d-1", "status": "SUCCESS", "meta": {}}})");
  int running = 0;
  std::vector<std::string> others;  ///< statuses of instances beside those that run
  bool ignores_writes = false;
  Json apply_error;  ///< of the last commit
  Json patch;        ///< the last one
  hosted::FakePlatform platform{
      fixture("railway/operations.json"), refusal,
      [this](const http::Received& request) { return answer(request); },
      [](const http::Received& request) { return request.target() + "/" + operation_of(request); }};

 private:
  int total() {
    int sum = 0;
    for (const auto& [region, each] : settings()["deploy"]["multiRegionConfig"].items()) {
      if (each.is_object()) sum += each.value("numReplicas", 0);
    }
    return sum;
  }

  hosted::Said answer(const http::Received& request) {
    const auto operation = operation_of(request);
    const auto variables = Json::parse(request.body)["variables"];
    const auto is_known = [&variables](const char* key, const char* id) {
      return variables.value(key, id) == std::string{id};
    };
    if (operation == "ProjectToken") {
      if (request.header("Project-Access-Token").empty())
        return no("projectToken", "Not Authorized");
      return data({{"projectToken", {{"projectId", "p-1"}, {"environmentId", "e-1"}}}});
    }
    if (!is_known("project", "p-1")) {
      return no(operation == "Project" ? "project" : "environment", "Project not found");
    }
    if (operation == "Project") return data({{"project", {{"name", "shop"}}}});
    if (!is_known("environment", "e-1")) return no("environment", "Environment not found");
    if (!is_known("service", "s-1")) return no("serviceInstance", "ServiceInstance not found");
    if (operation == "Service") return data(service());
    if (operation == "Commit") return commit(variables["patch"]);
    return data(
        {{"environmentPatch", {{"status", "COMMITTED"}, {"lastAppliedError", apply_error}}}});
  }

  Json service() {
    auto instances = Json::array();
    for (int i = 0; i < running; ++i) instances.push_back({{"status", "RUNNING"}});
    for (const auto& status : others) instances.push_back({{"status", status}});
    auto seen = instance;
    seen["activeDeployments"] = Json::array({{{"instances", instances}}});
    return {{"environment", {{"projectId", "p-1"}, {"config", config}}}, {"serviceInstance", seen}};
  }

  hosted::Said commit(const Json& change) {
    patch = change;
    if (!ignores_writes && apply_error.is_null()) {
      config.merge_patch(change);
      if (total() > 50) return no("environmentPatchCommit", "too many replicas");
      running = total();
    }
    return data({{"environmentPatchCommit", "c-1"}});
  }

  static hosted::Said data(const Json& of) { return {200, Json{{"data", of}}.dump(), {}}; }
  static hosted::Said no(const std::string& field, const std::string& words) {
    const Json error{{"message", words},
                     {"path", Json::array({field})},
                     {"extensions", {{"code", "INTERNAL_SERVER_ERROR"}}}};
    return {200, Json{{"errors", Json::array({error})}, {"data", nullptr}}.dump(), {}};
  }
};

}  // namespace selfscale::drivers::railway
