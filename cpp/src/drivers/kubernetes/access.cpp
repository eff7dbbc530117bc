#include "drivers/kubernetes/access.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <system_error>

#include "drivers/kubernetes/yaml.hpp"
#include "model/json/document.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using Json = nlohmann::json;

Failure unsupported(const std::string& words) { return Failure{Errc::unsupported, words, {}}; }
Failure malformed(const std::string& words) { return Failure{Errc::malformed, words, {}}; }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<std::string> text_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Failure{Errc::storage, path + " cannot be read", {}};
  }
  return text.str();
}

bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto start = text.find_first_not_of(blank);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

/// Empty: it is no base64 (RFC 4648, section 4).
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  std::uint32_t bits = 0;
  int count = 0;
  while (text.ends_with('=')) text.remove_suffix(1);
  for (const char letter : text) {
    if (letter == '\n' || letter == '\r') continue;
    const auto digit = alphabet.find(letter);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU));
  }
  return bytes;
}

// --- in a pod

Result<Access> account_of_pod(const Surroundings& around) {
  const auto& folder = around.account_folder;
  Access access;
  access.token_file = folder + "/token";
  if (!is_there(access.token_file)) {
    return unsupported(
        "this pod has no service account: " + access.token_file +
        " is not there (automountServiceAccountToken: false?); mount one that may scale");
  }
  const bool is_v6 = around.service_host.find(':') != std::string::npos;
  const auto host = is_v6 ? "[" + around.service_host + "]" : around.service_host;
  const auto port = around.service_port.empty() ? "443" : around.service_port;
  const auto server = http::parse_address("https://" + host + ":" + port);
  if (!server) return server.error();
  access.server = *server;
  access.tls.authorities_file = folder + "/ca.crt";
  const auto name_space = text_of(folder + "/namespace");
  access.name_space = name_space ? trimmed(*name_space) : "default";
  return access;
}

// --- kubeconfig

bool is_set(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && !found->is_null() && *found != false && *found != "";
}

/// The entry of that name in `clusters`, `users` or `contexts`.
Result<Json> entry(const Json& config, const char* list, const char* kind,
                   const std::string& name) {
  const auto all = config.find(list);
  if (all != config.end() && all->is_array()) {
    for (const auto& each : *all) {
      if (!each.is_object() || text(at(each, "name")) != name) continue;
      const auto found = each.find(kind);
      return found != each.end() && found->is_object() ? *found : Json::object();
    }
  }
  return malformed("there is no " + std::string{kind} + " \"" + name + "\"");
}

/// PEM that stands in the file in base64, or in a file that it names.
Result<std::string> pem_at(const Json& object, const std::string& key, const std::string& folder) {
  if (const auto data = text(at(object, key + "-data")); !data.empty()) {
    auto bytes = from_base64(data);
    if (!bytes) return malformed(key + "-data is no base64");
    return std::move(*bytes);
  }
  const auto path = text(at(object, key));
  if (path.empty()) return std::string{};
  return text_of(std::filesystem::path{folder} / path);
}

Result<void> read_cluster(const Json& cluster, const std::string& folder, Access& access) {
  if (is_set(cluster, "insecure-skip-tls-verify")) {
    return unsupported(
        "insecure-skip-tls-verify: the server is always verified; name its authority instead");
  }
  if (is_set(cluster, "proxy-url")) return unsupported("proxy-url: no proxy is used");
  const auto server = http::parse_address(text(at(cluster, "server")));
  if (!server) return malformed("server: " + server.error().message);
  const auto authority = pem_at(cluster, "certificate-authority", folder);
  if (!authority) return authority.error();
  access.server = *server;
  access.tls.authorities = *authority;
  access.tls.server_name = text(at(cluster, "tls-server-name"));
  return {};
}

Result<void> read_user(const Json& user, const Json& cluster, const std::string& folder,
                       Access& access) {
  if (is_set(user, "auth-provider")) {
    return unsupported(
        "auth-provider: Kubernetes has none since 1.26; a program gives the token "
        "now (exec)");
  }
  if (is_set(user, "username") || is_set(user, "password")) {
    return unsupported("Kubernetes knows no user by a password since 1.19");
  }
  if (is_set(user, "as")) return unsupported("as: nobody else is impersonated");
  const auto certificate = pem_at(user, "client-certificate", folder);
  if (!certificate) return certificate.error();
  const auto key = pem_at(user, "client-key", folder);
  if (!key) return key.error();
  access.tls.certificate = *certificate;
  access.tls.key = Secret{*key};
  const auto file = text(at(user, "tokenFile"));
  if (!file.empty()) access.token_file = std::filesystem::path{folder} / file;
  access.token = Secret{text(at(user, "token"))};
  // As for kubectl, a program gives what does not stand there.
  if (!is_set(user, "exec") || !file.empty() || !access.token.empty()) return {};
  auto plugin = read_plugin(at(user, "exec"), cluster, folder);
  if (!plugin) return plugin.error();
  access.plugin = std::move(*plugin);
  return {};
}

Result<Access> of_config(const Json& config, const std::string& folder, const std::string& wanted) {
  if (!config.is_object()) return malformed("it holds no object");
  const auto name = wanted.empty() ? text(at(config, "current-context")) : wanted;
  if (name.empty()) return malformed("it has no current-context; name one in platform.context");
  const auto context = entry(config, "contexts", "context", name);
  if (!context) return context.error();
  const auto cluster = entry(config, "clusters", "cluster", text(at(*context, "cluster")));
  if (!cluster) return cluster.error();
  const auto user_name = text(at(*context, "user"));
  const auto user =
      user_name.empty() ? Result<Json>{Json::object()} : entry(config, "users", "user", user_name);
  if (!user) return user.error();
  Access access;
  if (const auto read = read_cluster(*cluster, folder, access); !read) return read.error();
  if (const auto read = read_user(*user, *cluster, folder, access); !read) return read.error();
  const auto name_space = text(at(*context, "namespace"));
  access.name_space = name_space.empty() ? "default" : name_space;
  return access;
}

Result<Access> kubeconfig_at(const std::string& path, const std::string& context) {
  const auto text = text_of(path);
  if (!text) return text.error();
  auto access = read_kubeconfig(*text, std::filesystem::path{path}.parent_path(), context);
  if (!access) return Failure{access.error().code, path + ": " + access.error().message, {}};
  return access;
}

}  // namespace

Surroundings surroundings_of_this_process() {
  return {variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"),
          "/var/run/secrets/kubernetes.io/serviceaccount", variable("KUBECONFIG"),
          variable("HOME")};
}

Result<Access> find_access(const Options& options, const Surroundings& around) {
  if (!options.kubeconfig.empty()) return kubeconfig_at(options.kubeconfig, options.context);
  if (!around.service_host.empty()) return account_of_pod(around);
  if (around.kubeconfig.find(':') != std::string::npos) {
    return unsupported(
        "KUBECONFIG names several files, which are not merged: name one in platform.kubeconfig");
  }
  if (!around.kubeconfig.empty()) return kubeconfig_at(around.kubeconfig, options.context);
  const auto usual = around.home + "/.kube/config";
  if (!around.home.empty() && is_there(usual)) {
    return kubeconfig_at(usual, options.context);
  }
  return unsupported(
      "the driver \"kubernetes\" finds no cluster: this is no pod, and there is neither KUBECONFIG "
      "nor ~/.kube/config; name a file in platform.kubeconfig");
}

Result<Access> read_kubeconfig(std::string_view text, const std::string& folder,
                               const std::string& context) {
  const auto config = parse_yaml(text);
  if (!config) return config.error();
  return of_config(*config, folder, context);
}

Result<Secret> current_token(const Access& access) {
  if (access.token_file.empty()) return access.token;
  const auto text = text_of(access.token_file);
  if (!text) return text.error();
  const auto token = trimmed(*text);
  if (token.empty()) return Failure{Errc::storage, access.token_file + " is empty", {}};
  return Secret{token};
}

}  // namespace selfscale::drivers::kubernetes
