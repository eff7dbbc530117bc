#include "policy/platform.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace selfscale {
namespace {

/// A user may register drivers of other names, so a name that is near one of these is a hint, not
/// an error.
constexpr std::array<std::string_view, 12> usual_drivers{
    "local",        "callback",  "memory", "ecs",     "kubernetes", "render",
    "digitalocean", "cloud_run", "swarm",  "compose", "railway",    "vercel"};
/// The first so many act in this version; policies of the others are read and recommend only.
constexpr std::ptrdiff_t acting_drivers = 8;

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
  if (platform.has("deployment") && platform.has("statefulSet")) {
    platform.wrong("statefulSet",
                   "cannot stand beside a deployment: one policy scales one of them");
  }
}

/// Platforms whose options are texts alone; what they must look like their drivers know.
constexpr std::array<std::string_view, 3> render_keys{"service", "tokenFile", "endpoint"};
constexpr std::array<std::string_view, 4> digitalocean_keys{"app", "component", "tokenFile",
                                                            "endpoint"};

constexpr std::array<std::string_view, 6> cloud_run_keys{"project",    "location", "service",
                                                         "workerPool", "keyFile",  "endpoint"};

void read_texts(Reader& platform, std::span<const std::string_view> keys) {
  for (const auto key : keys) platform.text(key);
}

void read_cloud_run(Reader& platform) {
  read_texts(platform, cloud_run_keys);
  if (platform.has("service") && platform.has("workerPool")) {
    platform.wrong("workerPool", "cannot stand beside a service: one policy scales one of them");
  }
}

std::string acting() {
  std::string all;
  for (std::ptrdiff_t i = 0; i < acting_drivers; ++i) {
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

}  // namespace

void read_platform(Reader& reader, CompiledPolicy& policy) {
  reader.object("platform", [&](Reader& platform) {
    policy.platform_json = reader.find("platform")->dump();
    const auto driver = platform.text("driver");
    if (!platform.has("driver")) platform.required("driver", R"("local")");
    policy.driver = driver.value_or("");
    if (policy.driver == "local") return read_local(platform);
    if (policy.driver == "kubernetes") return read_kubernetes(platform);
    if (policy.driver == "cloud_run") return read_cloud_run(platform);
    if (policy.driver == "render") return read_texts(platform, render_keys);
    if (policy.driver == "digitalocean") return read_texts(platform, digitalocean_keys);
    platform.accept_rest();
    if (!driver) return;
    const auto known = std::find(usual_drivers.begin(), usual_drivers.end(), *driver);
    if (known != usual_drivers.end()) {
      const bool acts = known - usual_drivers.begin() < acting_drivers;
      if (policy.enabled && !acts) hint_at_no_action(platform, *driver);
      return;
    }
    if (const std::string_view meant = nearest(*driver, usual_drivers); !meant.empty()) {
      platform.hint("driver", "is not one of ours; did you mean \"" + std::string{meant} + "\"?");
    }
  });
}

}  // namespace selfscale
