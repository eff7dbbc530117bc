#include "drivers/digitalocean/api.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "drivers/hosted/options.hpp"
#include "model/json/shallow.hpp"

namespace selfscale::drivers::digitalocean {
namespace {

using hosted::Json;
using hosted::malformed;

constexpr auto may_read = "the token's scope app:read";
constexpr auto may_update = "the token's scope app:update";

std::string path_of(const Target& target) { return "/v2/apps/" + target.app; }

/// Whatever is asked counts against the one quota of the token.
Request counted(Request request) {
  request.quota = "token";
  return request;
}
Request get(std::string path) { return counted(hosted::get(std::move(path), may_read)); }

// --- the document, as it is

/// Is every number in it one that comes out again as it went in? Integers beyond 64 bits do not.
class Numbers : public nlohmann::json_sax<Json> {
 public:
  [[nodiscard]] bool are_kept() const { return are_kept_; }
  [[nodiscard]] bool is_flat_enough() const { return depth_most_ <= deepest_json; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string& written) override {
    are_kept_ = are_kept_ && written.find_first_of(".eE") != std::string::npos;
    return true;
  }
  bool string(std::string&) override { return true; }
  bool binary(Json::binary_t&) override { return true; }
  bool start_object(std::size_t) override { return deeper(); }
  bool key(std::string&) override { return true; }
  bool end_object() override { return higher(); }
  bool start_array(std::size_t) override { return deeper(); }
  bool end_array() override { return higher(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool deeper() {
    depth_most_ = std::max(depth_most_, ++depth_);
    return depth_most_ <= deepest_json;
  }
  bool higher() {
    --depth_;
    return true;
  }

  bool are_kept_ = true;
  int depth_ = 0;
  int depth_most_ = 0;
};

constexpr std::array scalable_kinds{"services", "workers"};
constexpr std::array other_kinds{"jobs", "static_sites", "functions", "databases"};

Document* component_in(Document& spec, const std::string& kind, const std::string& name) {
  const auto list = spec.find(kind);
  if (list == spec.end() || !list->is_array()) return nullptr;
  for (auto& each : *list) {
    if (text(at(each, "name")) == name) return &each;
  }
  return nullptr;
}

Document* component_of(const Target& target, Document& spec) {
  for (const auto* kind : scalable_kinds) {
    if (auto* found = component_in(spec, kind, target.component)) return found;
  }
  return nullptr;
}

Failure no_component(const Target& target, Document& spec) {
  for (const auto* kind : other_kinds) {
    if (component_in(spec, kind, target.component) != nullptr) {
      return Failure{Errc::not_found,
                     "\"" + target.component + "\" is one of the app's " + kind +
                         ": services and workers have a count",
                     {}};
    }
  }
  return Failure{Errc::not_found,
                 "the app has no service or worker \"" + target.component +
                     "\": name one in platform.component",
                 {}};
}

std::string autoscaler_of(const Document& component) {
  const auto& autoscaling = at(component, "autoscaling");
  if (!autoscaling.is_object()) return {};
  const auto bound = [&autoscaling](const char* key) {
    return std::to_string(count(at(autoscaling, key), 0).value_or(0));
  };
  return "DigitalOcean's autoscaling holds the component between " + bound("min_instance_count") +
         " and " + bound("max_instance_count") + " instances";
}

bool keeps_takeover(const Document& variable) {
  return text(at(variable, "key")) == taken_over_variable;
}

/// Out of the component's variables; a list that holds none goes.
void forget_takeover(Document& component) {
  auto& envs = component["envs"];
  auto others = Document::array();
  for (const auto& each : envs) {
    if (!keeps_takeover(each)) others.push_back(each);
  }
  envs = std::move(others);
  if (envs.empty()) component.erase("envs");
}

/// What a takeover has kept; empty: there was none.
std::optional<Document> kept_in(const Document& component) {
  for (const auto& each : at(component, "envs")) {
    if (!keeps_takeover(each)) continue;
    auto kept = parse_shallow<Document>(text(at(each, "value")));
    if (kept.is_object()) return kept;
  }
  return std::nullopt;
}

/// The name of a secret that came without its encrypted value, EV[1:…]; empty: there is none.
std::string unsealed_in(const Document& owner) {
  for (const auto& each : at(owner, "envs")) {
    const auto value = text(at(each, "value"));
    if (text(at(each, "type")) == "SECRET" && !value.empty() && !value.starts_with("EV[")) {
      return text(at(each, "key"));
    }
  }
  return {};
}
std::string unsealed_secret(const Document& spec) {
  auto found = unsealed_in(spec);
  for (const auto& [kind, list] : spec.items()) {
    if (!list.is_array()) continue;
    for (const auto& each : list) {
      if (found.empty()) found = unsealed_in(each);
    }
  }
  return found;
}

Result<Json> instances_in(std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  auto instances = at(*json, "instances");
  if (!json->is_object() || (!instances.is_null() && !instances.is_array())) {
    return malformed("the answer is no list of instances");
  }
  return instances;
}

std::string reason_of(const Json& deployment) {
  for (const auto& step : at(deployment, "progress", "steps")) {
    const auto message = text(at(step, "reason", "message"));
    if (!message.empty()) return message;
  }
  return {};
}

}  // namespace

bool is_app_id(std::string_view text) noexcept {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  static constexpr std::string_view digits = "0123456789abcdefABCDEF";
  return text.size() == form.size() &&
         std::equal(text.begin(), text.end(), form.begin(), [](char letter, char place) {
           return place == '-' ? letter == '-' : digits.find(letter) != std::string_view::npos;
         });
}

Request get_app(const Target& target) { return get(path_of(target)); }
Request list_instances(const Target& target) { return get(path_of(target) + "/instances"); }
Request get_health(const Target& target) { return get(path_of(target) + "/health"); }
Request get_deployment(const Target& target, const std::string& deployment) {
  return get(path_of(target) + "/deployments/" + deployment);
}

Request put_spec(const Target& target, const Document& spec) {
  auto request = counted(hosted::send("PUT", path_of(target), Json::object(), may_update));
  request.call.body = Document{{"spec", spec}}.dump();
  return request;
}

Result<App> parse_app(const Target& target, std::string_view body) {
  Numbers numbers;
  const bool is_json = Json::sax_parse(body, &numbers);
  if (!numbers.is_flat_enough()) return malformed("the answer is nested too deep");
  if (!is_json) return malformed("the answer is no JSON");
  if (!numbers.are_kept()) {
    return malformed("the app's spec holds an integer beyond 64 bits, which cannot be sent back");
  }
  const auto json = Document::parse(body, nullptr, /*allow_exceptions=*/false);
  const auto& said = at(json, "app");
  App app;
  app.spec = at(said, "spec");
  if (!app.spec.is_object()) return malformed("the answer is no app with its spec");
  const auto* component = component_of(target, app.spec);
  if (component == nullptr) return no_component(target, app.spec);
  const auto desired = count(at(*component, "instance_count"), 1);
  if (!desired) return malformed("instance_count is no count");
  app.desired = *desired;
  app.autoscaler = autoscaler_of(*component);
  app.autoscaling = at(*component, "autoscaling");
  app.before_takeover = kept_in(*component);
  for (const auto* key : {"pending_deployment", "in_progress_deployment"}) {
    if (app.deployment.empty()) app.deployment = text(at(said, key, "id"));
  }
  if (!app.deployment.empty() && !hosted::is_name(app.deployment)) {  // it will stand in a path
    return malformed("a deployment's id is none");
  }
  return app;
}

Result<Document> with_count(const Target& target, Document spec, int instances) {
  if (const auto secret = unsealed_secret(spec); !secret.empty()) {
    return Failure{Errc::failed,
                   "the secret " + secret +
                       " of the app's spec came without its encrypted value (EV[…]), and would be "
                       "lost if it were sent back: nothing is written",
                   {}};
  }
  auto* component = component_of(target, spec);
  if (component == nullptr) return no_component(target, spec);
  (*component)["instance_count"] = instances;
  return spec;
}

Result<Document> with_takeover(const Target& target, const App& app, int instances) {
  auto spec = with_count(target, app.spec, instances);
  if (!spec) return spec;
  auto& component = *component_of(target, *spec);
  component.erase("autoscaling");
  forget_takeover(component);
  component["envs"].push_back(
      {{"key", taken_over_variable}, {"scope", "RUN_TIME"}, {"value", app.autoscaling.dump()}});
  return spec;
}

Result<Document> with_autoscaling_back(const Target& target, const App& app) {
  auto spec = with_count(target, app.spec, app.desired);  // where it says what cannot be sent
  if (!spec) return spec;
  auto& component = *component_of(target, *spec);
  if (!component.contains("autoscaling")) component["autoscaling"] = *app.before_takeover;
  component.erase("instance_count");
  forget_takeover(component);
  return spec;
}

Result<int> parse_instances(const Target& target, std::string_view body) {
  const auto instances = instances_in(body);
  if (!instances) return instances.error();
  return static_cast<int>(
      std::count_if(instances->begin(), instances->end(), [&target](const Json& each) {
        return text(at(each, "component_name")) == target.component;
      }));
}

Result<std::string> parse_component_of(const std::string& instance, std::string_view body) {
  const auto instances = instances_in(body);
  if (!instances) return instances.error();
  for (const auto& each : *instances) {
    if (text(at(each, "instance_name")) == instance) return text(at(each, "component_name"));
  }
  return std::string{};
}

Result<int> parse_ready(const Target& target, std::string_view body) {
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  const auto& health = at(*json, "app_health");
  if (!health.is_object()) return malformed("the answer is no health of an app");
  for (const auto& each : at(health, "components")) {
    if (text(at(each, "name")) != target.component) continue;
    const auto ready = selfscale::count(at(each, "replicas_ready"), 0);
    if (!ready) return malformed("replicas_ready is no count");
    return *ready;
  }
  return 0;
}

Result<Deployment> parse_deployment(std::string_view body) {
  using State = Deployment::State;
  const auto json = hosted::parse(body);
  if (!json) return json.error();
  const auto& deployment = at(*json, "deployment");
  const auto phase = text(at(deployment, "phase"));
  if (phase.empty()) return malformed("the answer is no deployment");
  if (phase == "ACTIVE") return Deployment{State::active, {}};
  if (phase == "SUPERSEDED" || phase == "CANCELED") return Deployment{State::replaced, {}};
  if (phase != "ERROR") return Deployment{};
  const auto reason = http::shortened(reason_of(deployment));
  return Deployment{State::failed, "the deployment failed" + (reason.empty() ? "" : ": " + reason)};
}

std::string words_of(const Json& refusal) {
  const auto id = text(at(refusal, "id"));
  const auto message = text(at(refusal, "message"));
  return id.empty() || message.empty() ? id + message : id + ": " + message;
}

}  // namespace selfscale::drivers::digitalocean
