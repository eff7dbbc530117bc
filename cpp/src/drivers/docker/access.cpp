#include "drivers/docker/access.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

namespace selfscale::drivers::docker {
namespace {

constexpr std::string_view usual_socket = "unix:///var/run/docker.sock";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : value;
}

const std::string& first(const std::string& a, const std::string& b) { return a.empty() ? b : a; }

Failure wrong(const std::string& host, const std::string& right) {
  return Failure{Errc::invalid_argument, "the Docker host \"" + host + "\": " + right, {}};
}

Result<std::string> text_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::stringstream text;
  if (file && text << file.rdbuf()) return text.str();
  return Failure{Errc::invalid_argument, path + " cannot be read", {}};
}

Result<http::Tls> tls_of(const std::string& folder) {
  auto certificate = text_of(folder + "/cert.pem");
  if (!certificate) return certificate.error();
  auto key = text_of(folder + "/key.pem");
  if (!key) return key.error();
  http::Tls tls;
  tls.authorities_file = folder + "/ca.pem";
  tls.certificate = std::move(*certificate);
  tls.key = Secret{std::move(*key)};
  return tls;
}

Result<http::Address> address_of(const std::string& host, bool is_secured) {
  constexpr std::string_view on_unix = "unix://";
  constexpr std::string_view on_tcp = "tcp://";
  std::string text;
  if (host.starts_with(on_unix)) {
    text = "unix:" + host.substr(on_unix.size());
  } else if (host.starts_with(on_tcp)) {
    text = (is_secured ? "https://" : "http://") + host.substr(on_tcp.size());
  } else if (host.starts_with("ssh://") || host.starts_with("npipe://")) {
    return Failure{Errc::unsupported,
                   "the Docker host \"" + host +
                       "\" needs another program; unix:///path and tcp://host:port can be used",
                   {}};
  } else {
    return wrong(host, "it is unix:///path or tcp://host:port");
  }
  auto address = http::parse_address(text);
  if (!address) return wrong(host, address.error().message);
  if (host.starts_with(on_tcp) && host.find(':', on_tcp.size()) == std::string::npos) {
    address->port = is_secured ? 2376 : 2375;
  }
  return address;
}

}  // namespace

Surroundings surroundings_of_this_process() {
  return {variable("DOCKER_HOST"), variable("DOCKER_TLS_VERIFY"), variable("DOCKER_CERT_PATH"),
          variable("HOME")};
}

Result<Access> find_access(const Host& host, const Surroundings& around) {
  const std::string usual{usual_socket};
  const auto& name = first(first(host.host, around.host), usual);
  const bool is_secured = !host.cert_path.empty() || !around.tls_verify.empty();
  const auto address = address_of(name, is_secured);
  if (!address) return address.error();
  Access access{*address, {}};
  if (address->scheme != http::Address::Scheme::https) return access;
  const auto folder = first(host.cert_path, around.cert_path);
  auto tls = tls_of(folder.empty() ? around.home + "/.docker" : folder);
  if (!tls) return tls.error();
  access.tls = std::move(*tls);
  return access;
}

}  // namespace selfscale::drivers::docker
