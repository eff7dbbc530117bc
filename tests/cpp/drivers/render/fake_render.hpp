/// Render on loopback with one service, `srv-1`. Its scale call answers 202 to what it ignores, as
/// the real one does.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "drivers/hosted/fake_platform.hpp"
#include "places.hpp"

namespace selfscale::drivers::render {

inline constexpr auto refusal = R"({"id": "req-1", "message": "Render says no"})";

class FakeRender {
 public:
  using Json = nlohmann::json;

  explicit FakeRender(int instances = 2) : running{instances} {
    service["serviceDetails"]["numInstances"] = instances;
  }

  [[nodiscard]] std::string url() const { return platform.url() + "/v1"; }
  [[nodiscard]] std::string options() const {
    return Json{{"driver", "render"}, {"service", "srv-1"}, {"endpoint", url()}}.dump();
  }
  [[nodiscard]] static std::map<std::string, std::string> variables() {
    return {{"RENDER_API_KEY", "hunter2"}};
  }
  static std::string asks_to_wait(std::chrono::seconds wait,
                                  std::chrono::system_clock::time_point) {
    return "Ratelimit-Reset: " + std::to_string(wait.count()) + "\r\n";
  }
  int count() {
    return platform.locked([this] { return service["serviceDetails"]["numInstances"].get<int>(); });
  }
  void set_count(int instances) {
    platform.locked([&] {
      service["serviceDetails"]["numInstances"] = instances;
      running = instances;
    });
  }
  void add_autoscaler(bool is_enabled, bool by_cpu = true, bool by_memory = false) {
    platform.locked([&] {
      service["serviceDetails"]["autoscaling"] = {
          {"enabled", is_enabled},
          {"min", 1},
          {"max", 3},
          {"criteria",
           {{"cpu", {{"enabled", by_cpu}, {"percentage", 60}}},
            {"memory", {{"enabled", by_memory}, {"percentage", 70}}}}}};
    });
  }

  // As a recorded answer of Render's has it; its ids are placeholders.
  Json service = Json::parse(R"({
    "autoDeploy": "yes", "createdAt": "2025-01-13T16:42:27.576988Z",
    "dashboardUrl": "https://dashboard.render.com/worker/srv-1", "id": "srv-1",
    "imagePath": "docker.io/library/nginx:latest", "name": "jobs", "notifyOnFail": "default",
    "ownerId": "tea-1", "rootDir": "",
    "serviceDetails": {"buildPlan": "starter", "env": "image",
      "envSpecificDetails": {"dockerCommand": "", "dockerContext": "", "dockerfilePath": ""},
      "numInstances": 2, "plan": "starter", "previews": {"generation": "off"},
      "pullRequestPreviewsEnabled": "no", "region": "oregon", "runtime": "image",
      "sshAddress": "srv-1@example.com"},
    "slug": "jobs-ifm8", "suspended": "not_suspended", "suspenders": [],
    "type": "background_worker", "updatedAt": "2025-01-13T16:42:28.019177Z"})");
  int running;
  std::optional<std::string> kept;  ///< the value of SELFSCALE_TAKEN_OVER
  std::string deploy = "live";
  bool ignores_writes = false;
  hosted::FakePlatform platform{fixture("render/openapi.json"), refusal,
                                [this](const http::Received& request) { return answer(request); }};

 private:
  hosted::Said answer(const http::Received& request) {
    const auto path = request.target().substr(0, request.target().find('?'));
    if (path == "/v1/services/srv-1") return {200, service.dump(), {}};
    if (path == "/v1/services/srv-1/instances") return {200, instances().dump(), {}};
    if (path == "/v1/services/srv-1/deploys") {
      return {200,
              Json::array({{{"deploy", {{"id", "dep-1"}, {"status", deploy}}}, {"cursor", "c"}}})
                  .dump(),
              {}};
    }
    if (path == "/v1/services/srv-1/autoscaling") return autoscale(Json::parse(request.body));
    if (path == "/v1/services/srv-1/env-vars/SELFSCALE_TAKEN_OVER") {
      return variable(request.method(), request.body);
    }
    if (path == "/v1/services/srv-1/scale") return scale(Json::parse(request.body));
    return {404, R"({"message": "not found: )" + path + "\"}", {}};
  }

  [[nodiscard]] Json instances() const {
    Json all = Json::array();
    for (int i = 0; i < running; ++i) {
      all.push_back({{"id", "srv-1-" + std::to_string(i)}, {"createdAt", "2026-11-27T01:59:00Z"}});
    }
    return all;
  }

  hosted::Said autoscale(const Json& setting) {
    auto& now = service["serviceDetails"]["autoscaling"];
    if (!ignores_writes) now = setting;
    return {200, now.dump(), {}};
  }

  hosted::Said variable(const std::string& method, const std::string& body) {
    if (method == "PUT") kept = Json::parse(body)["value"];
    if (!kept) return {404, R"({"message": "no such variable"})", {}};
    const Json said = {{"key", "SELFSCALE_TAKEN_OVER"}, {"value", *kept}};
    if (method != "DELETE") return {200, said.dump(), {}};
    kept.reset();
    return {204, {}, {}};
  }

  hosted::Said scale(const Json& body) {
    const int wanted = body["numInstances"];
    if (wanted < 1 || wanted > 100) return {400, R"({"message": "invalid numInstances"})", {}};
    const bool is_ignored =
        ignores_writes ||
        service.value(Json::json_pointer{"/serviceDetails/autoscaling/enabled"}, false);
    if (!is_ignored) {
      service["serviceDetails"]["numInstances"] = wanted;
      running = wanted;
    }
    return {202, {}, {}};
  }
};

}  // namespace selfscale::drivers::render
