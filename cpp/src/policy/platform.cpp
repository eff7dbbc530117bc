#include "policy/platform.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace selfscale {
namespace {

/// A user may register drivers of other names, so a name that is near one of these is a hint, not
/// an error.
constexpr std::array<std::string_view, 15> usual_drivers{
    "local",   "callback", "memory",  "ecs",          "kubernetes",
    "swarm",   "compose",  "render",  "digitalocean", "cloud_run",
    "railway", "gunicorn", "uvicorn", "celery_pool",  "vercel"};
/// The first so many act in this version; policies of the others are read and recommend only.
constexpr std::size_t acting_drivers = 14;

/// What others call a platform, and the driver that is meant.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> other_names{
    {{"k8s", "kubernetes"},
     {"aws", "ecs"},
     {"fargate", "ecs"},
     {"docker", "compose"},
     {"docker_compose", "compose"},
     {"docker-compose", "compose"},
     {"docker_swarm", "swarm"},
     {"gcp", "cloud_run"},
     {"do", "digitalocean"},
     {"celery", "celery_pool"}}};

std::string_view driver_meant_by(std::string_view name) {
  const auto* const other =
      std::ranges::find(other_names, name, &decltype(other_names)::value_type::first);
  return other != other_names.end() ? other->second : nearest(name, usual_drivers);
}

void read_readiness(Reader& platform) {
  const Json* value = platform.find("readiness");
  if (value == nullptr) return;
  const auto* word = value->get_ptr<const std::string*>();
  if (word != nullptr && (*word == "report" || *word == "port")) return;
  const bool is_command =
      value->is_array() && !value->empty() &&
      std::all_of(value->begin(), value->end(), [](const Json& word) { return word.is_string(); });
  if (!is_command) {
    platform.wrong("readiness", R"(must be "report", "port" or a command such as ["./ready"])");
  }
}

void read_local(Reader& platform) {
  read_readiness(platform);
  platform.duration("gracePeriod");
  platform.object("backoff", [](Reader& backoff) {
    const auto first = backoff.duration("first");
    const auto most = backoff.duration("most");
    if (first && most && *first > *most) backoff.wrong("first", "must not be longer than most");
  });
}

void read_kubernetes(Reader& platform) {
  for (const auto* key : {"namespace", "deployment", "statefulSet", "kubeconfig", "context"}) {
    platform.text(key);
  }
  platform.flag("takeOver");
  if (platform.has("deployment") && platform.has("statefulSet")) {
    platform.wrong("statefulSet",
                   "cannot stand beside a deployment: one policy scales one of them");
  }
}

/// What they must look like the drivers know.
void read_texts(Reader& platform, std::initializer_list<const char*> keys) {
  for (const auto* key : keys) platform.text(key);
}

constexpr double week = 604'800.0;

void read_compose(Reader& platform) {
  read_texts(platform, {"project", "service", "host", "certPath"});
  platform.number("gracePeriodSeconds", 0.0, week);
}

void read_swarm(Reader& platform) {
  read_texts(platform, {"service", "host", "certPath"});
  platform.number("longestWorkSeconds", 0.0, week);
  platform.flag("mayInterruptWork");
  platform.flag("scaleDuringUpdate");
}

void read_ecs(Reader& platform) {
  read_texts(platform, {"cluster", "service", "region", "endpoint"});
  for (const auto* key : {"protectBusyTasks", "takeOver"}) platform.flag(key);
}

/// gunicorn and uvicorn.
void read_prefork(Reader& platform) {
  constexpr int most = 1 << 22;  // PID_MAX_LIMIT of the kernel
  platform.whole("pid", 1, most);
  platform.text("pidFile");
  if (platform.has("pid") && platform.has("pidFile")) {
    platform.wrong("pidFile", "cannot stand beside a pid");
  }
}

void read_cloud_run(Reader& platform) {
  read_texts(platform, {"project", "location", "service", "workerPool", "keyFile", "endpoint"});
  platform.flag("takeOver");
  if (platform.has("service") && platform.has("workerPool")) {
    platform.wrong("workerPool", "cannot stand beside a service: one policy scales one of them");
  }
}

void read_railway(Reader& platform) {
  read_texts(platform, {"project", "environment", "service", "tokenFile", "endpoint"});
  const auto kind = platform.text("tokenKind");
  if (kind && *kind != "project" && *kind != "account") {
    platform.wrong("tokenKind", R"(must be "project" or "account")");
  }
}

void read_render(Reader& platform) {
  read_texts(platform, {"service", "tokenFile", "endpoint"});
  platform.flag("takeOver");
}

void read_digitalocean(Reader& platform) {
  read_texts(platform, {"app", "component", "tokenFile", "endpoint"});
  platform.flag("takeOver");
}

std::string acting() {
  std::string all;
  for (std::size_t i = 0; i < acting_drivers; ++i) {
    const bool is_last = i + 1 == acting_drivers;
    all += (all.empty() ? "" : is_last ? " and " : ", ") + std::string{usual_drivers[i]};
  }
  return all;
}

void hint_at_no_action(Reader& platform, const std::string& driver) {
  platform.hint("driver", "nothing is done in spite of \"enabled\": in this version a policy of " +
                              driver + " only recommends; " + acting() +
                              " act, and so does an app that hands its agent a driver of its own");
}

/// Its name may stand under a misspelt key.
void miss_driver(Reader& platform) {
  constexpr std::string_view key = "driver";
  for (const auto name : platform.names()) {
    if (nearest(name, std::span{&key, 1}).empty()) continue;
    return platform.wrong(name, R"(is not a key here; did you mean "driver"?)");
  }
  platform.required(key, R"("local")");
}

}  // namespace

void read_platform(Reader& reader, CompiledPolicy& policy) {
  reader.object("platform", [&](Reader& platform) {
    policy.platform_json = reader.find("platform")->dump();
    const auto driver = platform.text("driver");
    if (!platform.has("driver")) miss_driver(platform);
    policy.driver = driver.value_or("");
    if (policy.driver == "local") return read_local(platform);
    if (policy.driver == "kubernetes") return read_kubernetes(platform);
    if (policy.driver == "compose") return read_compose(platform);
    if (policy.driver == "swarm") return read_swarm(platform);
    if (policy.driver == "ecs") return read_ecs(platform);
    if (policy.driver == "gunicorn" || policy.driver == "uvicorn") return read_prefork(platform);
    if (policy.driver == "cloud_run") return read_cloud_run(platform);
    if (policy.driver == "railway") return read_railway(platform);
    if (policy.driver == "render") return read_render(platform);
    if (policy.driver == "digitalocean") return read_digitalocean(platform);
    platform.accept_rest();
    if (!driver) return;
    const auto known = std::find(usual_drivers.begin(), usual_drivers.end(), *driver);
    if (known != usual_drivers.end()) {
      const bool acts = static_cast<std::size_t>(known - usual_drivers.begin()) < acting_drivers;
      if (policy.enabled && !acts) hint_at_no_action(platform, *driver);
      return;
    }
    if (const std::string_view meant = driver_meant_by(*driver); !meant.empty()) {
      platform.hint("driver", "is not one of ours; did you mean \"" + std::string{meant} + "\"?");
    }
  });
}

}  // namespace selfscale
