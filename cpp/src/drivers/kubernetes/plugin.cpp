#include "drivers/kubernetes/plugin.hpp"

#include <filesystem>
#include <utility>

#include "drivers/kubernetes/document.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

Failure unsupported(const std::string& words) { return Failure{Errc::unsupported, words, {}}; }

bool is_known(std::string_view api_version) {
  return api_version == "client.authentication.k8s.io/v1" ||
         api_version == "client.authentication.k8s.io/v1beta1";
}

/// What a program is told of what it is run for; of the cluster only what it asks for.
std::string asked_for(const std::string& api_version, const Json& exec, const Json& cluster) {
  Json spec{{"interactive", false}};
  if (text(at(exec, "provideClusterInfo")) == "true" || at(exec, "provideClusterInfo") == true) {
    auto& told = spec["cluster"] = Json::object();
    for (const auto* key : {"server", "tls-server-name", "certificate-authority-data"}) {
      if (const auto& value = at(cluster, key); value.is_string()) told[key] = value;
    }
  }
  return Json{{"apiVersion", api_version}, {"kind", "ExecCredential"}, {"spec", spec}}.dump(
      -1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<Plugin> read_plugin(const Json& exec, const Json& cluster, const std::string& folder) {
  auto command = text(at(exec, "command"));
  if (command.empty()) return malformed("the user's exec names no command");
  Plugin plugin;
  plugin.api_version = text(at(exec, "apiVersion"));
  if (!is_known(plugin.api_version)) {
    return unsupported("the user's exec has the apiVersion \"" + plugin.api_version +
                       "\"; it must be client.authentication.k8s.io/v1 or …/v1beta1");
  }
  if (text(at(exec, "interactiveMode")) == "Always") {
    return unsupported("the user's exec wants a person at a terminal (interactiveMode: Always)");
  }
  const bool is_a_path = command.find('/') != std::string::npos;
  if (is_a_path) command = std::filesystem::path{folder} / command;
  plugin.program.command.push_back(std::move(command));
  for (const auto& each : at(exec, "args")) plugin.program.command.push_back(text(each));
  for (const auto& each : at(exec, "env")) {
    const auto name = text(at(each, "name"));
    if (name.empty()) return malformed("the user's exec has an env without a name");
    plugin.program.environment.push_back(name + "=" + text(at(each, "value")));
  }
  plugin.program.environment.push_back("KUBERNETES_EXEC_INFO=" +
                                       asked_for(plugin.api_version, exec, cluster));
  plugin.install_hint = text(at(exec, "installHint"));
  return plugin;
}

Result<IssuedToken> parse_issued(std::string_view printed, std::string_view api_version) {
  const auto credential = parse_shallow<Json>(printed);
  if (text(at(credential, "kind")) != "ExecCredential") {
    return malformed("it prints no ExecCredential");
  }
  if (text(at(credential, "apiVersion")) != api_version) {
    return malformed("it prints an ExecCredential of another apiVersion than " +
                     std::string{api_version});
  }
  const auto& status = at(credential, "status");
  IssuedToken issued{Secret{text(at(status, "token"))}, {}};
  if (issued.token.empty()) {
    if (at(status, "clientCertificateData").is_null()) {
      return malformed("its ExecCredential has no token");
    }
    return unsupported("it gives a client certificate, and only a token can be taken from it");
  }
  if (const auto& expires = at(status, "expirationTimestamp"); !expires.is_null()) {
    issued.expires = from_rfc3339(text(expires));
    if (!issued.expires) return malformed("its expirationTimestamp is no time");
  }
  return issued;
}

}  // namespace selfscale::drivers::kubernetes
