#include "drivers/guess.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>

#include "drivers/driver.hpp"

namespace selfscale::drivers {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto swarm_service_id = "com.docker.swarm.service.id";
constexpr auto swarm_service = "com.docker.swarm.service.name";
constexpr auto compose_service = "com.docker.compose.service";
constexpr auto compose_project = "com.docker.compose.project";
constexpr auto unknown = "…";

std::optional<std::string> variable(const Hints& hints, const std::string& name) {
  if (!hints.environment) return std::nullopt;
  auto value = hints.environment(name);
  return value && !value->empty() ? value : std::nullopt;
}

/// The value of the first of these variables that is set.
std::string first_of(const Hints& hints, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (auto value = variable(hints, name)) return *value;
  }
  return unknown;
}

std::string label(const Hints& hints, const std::string& name) {
  const auto found = hints.labels.find(name);
  return found == hints.labels.end() ? unknown : found->second;
}

/// Surroundings of one kind; `evidence` is empty where they are another.
struct Row {
  std::string_view platform;
  std::string_view driver;
  std::string (*evidence)(const Hints&);
  Json (*options)(const Hints&);  ///< of the driver, but for its name
};

std::string set(const Hints& hints, std::initializer_list<const char*> names) {
  for (const auto* name : names) {
    if (variable(hints, name)) return name;
  }
  return {};
}

std::string labelled(const Hints& hints, const char* name) {
  return hints.labels.contains(name) ? std::string{"its container's label "} + name : "";
}

/// As a person writes it: `{"driver": "render", "service": "srv-1"}`.
std::string on_one_line(const Json& object) {
  std::string text;
  for (const auto& [key, value] : object.items()) {
    text += (text.empty() ? "\"" : ", \"") + key +
            "\": " + value.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return "{" + text + "}";
}

Json nothing(const Hints&) { return Json::object(); }

// The order matters: a cluster's nodes may have an Engine, and Cloud Run's variables may be copied
// into a pod. DigitalOcean leaves no trace of its own: it is known by a policy that names it alone.
constexpr std::array table{
    Row{"Kubernetes", "kubernetes",
        [](const Hints& hints) -> std::string {
          const bool is_pod = hints.has_account_token && variable(hints, "KUBERNETES_SERVICE_HOST");
          return is_pod ? "KUBERNETES_SERVICE_HOST and a service account" : "";
        },
        nothing},
    Row{"Amazon ECS", "ecs",
        [](const Hints& hints) { return set(hints, {"ECS_CONTAINER_METADATA_URI_V4"}); },
        [](const Hints&) -> Json {
          return {{"cluster", unknown}, {"service", unknown}};
        }},
    Row{"Google Cloud Run", "cloud_run",
        [](const Hints& hints) {
          return set(hints, {"K_SERVICE", "CLOUD_RUN_WORKER_POOL"});
        },
        [](const Hints& hints) -> Json {
          Json options{{"project", first_of(hints, {"GOOGLE_CLOUD_PROJECT"})},
                       {"location", unknown}};
          const auto service = variable(hints, "K_SERVICE");
          options[service ? "service" : "workerPool"] =
              service ? *service : first_of(hints, {"CLOUD_RUN_WORKER_POOL"});
          return options;
        }},
    Row{"Render", "render", [](const Hints& hints) { return set(hints, {"RENDER_SERVICE_ID"}); },
        [](const Hints& hints) -> Json {
          return {{"service", first_of(hints, {"RENDER_SERVICE_ID"})}};
        }},
    Row{"Railway", "railway",
        [](const Hints& hints) {
          return set(hints, {"RAILWAY_ENVIRONMENT_ID", "RAILWAY_REPLICA_ID"});
        },
        [](const Hints& hints) -> Json {
          return {{"service", first_of(hints, {"RAILWAY_SERVICE_ID"})},
                  {"environment", first_of(hints, {"RAILWAY_ENVIRONMENT_ID"})}};
        }},
    Row{"Vercel", "vercel",
        [](const Hints& hints) -> std::string {
          return variable(hints, "VERCEL") == "1" ? "VERCEL=1" : "";
        },
        nothing},
    Row{"Docker Swarm", "swarm",
        [](const Hints& hints) { return labelled(hints, swarm_service_id); },
        [](const Hints& hints) -> Json {
          return {{"service", label(hints, swarm_service)}};
        }},
    Row{"Docker Compose", "compose",
        [](const Hints& hints) { return labelled(hints, compose_service); },
        [](const Hints& hints) -> Json {
          return {{"project", label(hints, compose_project)},
                  {"service", label(hints, compose_service)}};
        }},
};

/// Whose plan, or task, has a limit of its own, which a container there does not see.
bool is_hosted(std::string_view driver) {
  constexpr std::array<std::string_view, 6> hosted{"ecs",     "cloud_run",    "render",
                                                   "railway", "digitalocean", "vercel"};
  return std::ranges::find(hosted, driver) != hosted.end();
}

}  // namespace

std::optional<Guess> guess_platform(const Hints& hints) {
  for (const auto& row : table) {
    auto evidence = row.evidence(hints);
    if (evidence.empty()) continue;
    Json platform{{"driver", row.driver}};
    platform.update(row.options(hints));
    const auto known = names();
    return Guess{std::string{row.platform}, std::string{row.driver}, std::move(evidence),
                 on_one_line(platform), std::ranges::find(known, row.driver) != known.end()};
  }
  return std::nullopt;
}

Finding finding_of(const Guess& guess) {
  const auto what = "this looks like " + guess.platform + " (" + guess.evidence + ")";
  if (!guess.has_driver) {
    return {what + ", for which this version has no driver", "it recommends, and never acts"};
  }
  return {what + ", and the policy names no platform",
          "it recommends, and never acts: nothing is written on a guess",
          "\"platform\": " + guess.platform_json + "   # in the policy, to act"};
}

bool runs_containers(std::string_view driver) {
  return driver == "kubernetes" || driver == "swarm" || driver == "compose" || is_hosted(driver);
}

std::string line_for_cpu(std::string_view driver) {
  if (driver == "kubernetes") return R"(resources: {limits: {cpu: "1"}}   # of the container)";
  if (is_hosted(driver)) {
    return R"(SELFSCALE_CPU_REQUEST=1   # its cores; in the policy "metrics": [{"name": "cpu_usage", "of": "request"}])";
  }
  return R"(deploy: {resources: {limits: {cpus: "1"}}}   # of the service; or --cpus 1)";
}

}  // namespace selfscale::drivers
