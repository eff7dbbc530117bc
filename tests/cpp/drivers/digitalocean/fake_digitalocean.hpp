/// App Platform on loopback with one app: a service `web`, a worker `jobs` and a database. It takes
/// a spec in which one count is another, or the autoscaling and what is kept of it, and nothing
/// else, and complains of any other.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "drivers/hosted/fake_platform.hpp"
#include "places.hpp"

namespace selfscale::drivers::digitalocean {

inline constexpr auto refusal = R"({"id": "not_now", "message": "DigitalOcean says no"})";
inline constexpr auto app_id = "4f6c71e2-1e90-4762-9fee-6cc4a0a9f2cf";

class FakeDigitalOcean {
 public:
  using Json = nlohmann::ordered_json;

  [[nodiscard]] std::string url() const { return platform.url(); }
  [[nodiscard]] std::string options() const {
    return Json{
        {"driver", "digitalocean"}, {"app", app_id}, {"component", "web"}, {"endpoint", url()}}
        .dump();
  }
  [[nodiscard]] static std::map<std::string, std::string> variables() {
    return {{"DIGITALOCEAN_TOKEN", "hunter2"}, {"HOSTNAME", "web-76b8-0"}};
  }
  static std::string asks_to_wait(std::chrono::seconds wait,
                                  std::chrono::system_clock::time_point now) {
    const auto end = std::chrono::floor<std::chrono::seconds>(now + wait).time_since_epoch();
    return "ratelimit-reset: " + std::to_string(end.count()) + "\r\n";
  }
  int count() {
    return platform.locked([this] {
      return web().contains("autoscaling") ? running : web().value("instance_count", 1);
    });
  }
  void set_count(int instances) {
    platform.locked([&] {
      web()["instance_count"] = instances;
      running = instances;
    });
  }
  Json& web() { return spec["services"][0]; }
  /// In the place of its count.
  void add_autoscaler(Json setting) {
    platform.locked([&] {
      web().erase("instance_count");
      web()["autoscaling"] = std::move(setting);
    });
  }
  [[nodiscard]] std::string shown() const {
    Json app = {{"id", app_id}, {"spec", spec}, {"updated_at", "2026-11-27T02:00:00Z"}};
    if (!is_done()) {
      const auto* place =
          phase == "PENDING_BUILD" ? "pending_deployment" : "in_progress_deployment";
      app[place] = {{"id", "dep-1"}, {"phase", phase}};
    }
    return Json{{"app", std::move(app)}}.dump();
  }

  static Json usual() {
    return Json::parse(R"({
    "name": "shop", "region": "fra",
    "services": [{"name": "web", "instance_count": 2, "instance_size_slug": "apps-d-1vcpu-1gb",
      "github": {"repo": "a/b", "branch": "main", "deploy_on_push": true}, "http_port": 8080,
      "routes": [], "envs": [
        {"key": "DATABASE_URL", "scope": "RUN_TIME", "value": "${db.DATABASE_URL}"},
        {"key": "KEY", "scope": "RUN_TIME", "type": "SECRET", "value": "EV[1:abc:def]"}]}],
    "workers": [{"name": "jobs", "github": {"repo": "a/b", "branch": "main"},
      "envs": [{"key": "ALL", "type": "SECRET", "value": "EV[1:ghi:jkl]"}]}],
    "databases": [{"name": "db", "engine": "PG", "version": "15"}],
    "ingress": {"rules": []}})");
  }
  Json spec = usual();
  int running = 2;
  int ready = 1'000;  ///< no more than are running
  std::string phase = "ACTIVE";
  std::string phase_after_a_write = "ACTIVE";
  std::string reason;  ///< of a deployment that failed
  bool ignores_writes = false;
  std::vector<std::string> wrong_specs;  ///< what a write changed beside the count
  hosted::FakePlatform platform{fixture("digitalocean/openapi.json"), refusal,
                                [this](const http::Received& request) { return answer(request); }};

 private:
  [[nodiscard]] bool is_done() const { return phase == "ACTIVE" || phase == "ERROR"; }

  hosted::Said answer(const http::Received& request) {
    const auto path = request.target();
    const auto app = std::string{"/v2/apps/"} + app_id;
    if (path == app && request.method() == "GET") return {200, shown(), {}};
    if (path == app && request.method() == "PUT") return put(request.body);
    if (path == app + "/instances") return {200, instances().dump(), {}};
    if (path == app + "/health") return {200, health().dump(), {}};
    if (path == app + "/deployments/dep-1") return {200, deployment().dump(), {}};
    return {404, R"({"id": "not_found", "message": "no )" + path + "\"}", {}};
  }

  hosted::Said put(const std::string& body) {
    const auto asked = Json::parse(body);
    auto before = spec;
    auto after = asked["spec"];
    const auto& asked_web = after["services"][0];
    const bool is_automatic = asked_web.contains("autoscaling");
    if (is_automatic && asked_web.contains("instance_count")) {
      return {400, R"({"id": "bad_request", "message": "a count beside autoscaling"})", {}};
    }
    const int wanted = is_automatic ? running : asked_web.value("instance_count", 1);
    for (auto* each : {&before, &after}) without_scaling((*each)["services"][0]);
    if (before != after || asked.size() != 1) wrong_specs.push_back(body);
    if (!ignores_writes) {
      spec = asked["spec"];
      running = wanted;
      phase = phase_after_a_write;
    }
    auto said = Json::parse(shown());
    if (!ignores_writes && is_done()) {  // it was pending when the answer left
      said["app"]["pending_deployment"] = {{"id", "dep-1"}, {"phase", "PENDING_BUILD"}};
    }
    return {200, said.dump(), {}};
  }

  static void without_scaling(Json& component) {
    for (const auto* key : {"instance_count", "autoscaling"}) component.erase(key);
    auto& envs = component["envs"];
    const auto kept = std::find_if(envs.begin(), envs.end(), [](const Json& each) {
      return each["key"] == "SELFSCALE_TAKEN_OVER";
    });
    if (kept != envs.end()) envs.erase(kept);
    if (envs.empty()) component.erase("envs");
  }

  [[nodiscard]] Json instances() const {
    auto all = Json::array({{{"component_name", "jobs"},
                             {"component_type", "WORKER"},
                             {"instance_name", "jobs-1"},
                             {"instance_alias", "jobs-0"}}});
    for (int i = 0; i < running; ++i) {
      all.push_back({{"component_name", "web"},
                     {"component_type", "SERVICE"},
                     {"instance_name", "web-76b8-" + std::to_string(i)},
                     {"instance_alias", "web-" + std::to_string(i)}});
    }
    return {{"instances", std::move(all)}};
  }
  [[nodiscard]] Json health() const {
    return {{"app_health",
             {{"components", Json::array({{{"name", "web"},
                                           {"cpu_usage_percent", 30.0},
                                           {"memory_usage_percent", 25.0},
                                           {"replicas_desired", running},
                                           {"replicas_ready", std::min(ready, running)},
                                           {"state", "HEALTHY"}}})}}}};
  }
  [[nodiscard]] Json deployment() const {
    Json said = {{"id", "dep-1"}, {"phase", phase}, {"cause", "app spec updated"}};
    if (!reason.empty()) {
      said["progress"] = {{"steps", Json::array({{{"name", "deploy"},
                                                  {"status", "ERROR"},
                                                  {"reason",
                                                   {{"code", "DeployContainerHealthChecksFailed"},
                                                    {"message", reason}}}}})}};
    }
    return {{"deployment", std::move(said)}};
  }
};

}  // namespace selfscale::drivers::digitalocean
