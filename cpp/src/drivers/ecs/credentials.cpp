#include "drivers/ecs/credentials.hpp"

#include <algorithm>
#include <array>
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "drivers/ecs/endpoints.hpp"
#include "http/percent.hpp"
#include "model/json/document.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;
using Tree = boost::property_tree::ptree;

// Deeper nesting than a stack takes does not fit into this; an answer with a long token does.
constexpr std::size_t longest_xml = 16 * 1024;

constexpr auto default_session = "selfscale";

std::string text_of(const Environment& environment, const char* name) {
  return environment(name).value_or("");
}

std::optional<WallTime> time_of(double seconds) {
  constexpr double last = 253'402'300'799.0;  // of the year 9999
  if (!(seconds >= 0.0 && seconds <= last)) return std::nullopt;
  return WallTime{std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
}

std::string joined(const std::string& code, const std::string& message) {
  return code.empty() || message.empty() ? code + message : code + ": " + message;
}

std::optional<WallTime> expiry_in(const Json& object) {
  const auto found = object.find("Expiration");
  if (found == object.end()) return std::nullopt;
  if (found->is_number()) return time_of(found->get<double>());
  const auto seconds = from_rfc3339(text(at(object, "Expiration")));
  return seconds ? time_of(*seconds) : std::nullopt;
}

Failure incomplete(std::string_view who) {
  return {Errc::malformed, std::string{who} + " answered without an access key and its secret", {}};
}

/// What is at the end of a path; null: there is no such path.
const Tree* descend(const Tree& tree, std::initializer_list<const char*> path) {
  const Tree* at = &tree;
  for (const char* name : path) {
    const auto next = at->find(name);
    if (next == at->not_found()) return nullptr;
    at = &next->second;
  }
  return at;
}

std::optional<Tree> parse_xml(std::string_view text) {
  if (text.size() > longest_xml) return std::nullopt;
  try {
    std::istringstream stream{std::string{text}};
    Tree tree;
    boost::property_tree::read_xml(stream, tree);
    return tree;
  } catch (const boost::property_tree::xml_parser_error&) {
    return std::nullopt;
  }
}

Result<Credentials> credentials_in(const Tree& tree, std::string_view who) {
  Credentials found;
  found.access_key_id = tree.get("AccessKeyId", "");
  found.secret_access_key = Secret{tree.get("SecretAccessKey", "")};
  found.session_token = Secret{tree.get("SessionToken", "")};
  if (const auto seconds = from_rfc3339(tree.get("Expiration", ""))) {
    found.expires = time_of(*seconds);
  }
  if (found.access_key_id.empty() || found.secret_access_key.empty()) return incomplete(who);
  return found;
}

Result<Credentials> credentials_in(const Json& object, const char* token_key,
                                   std::string_view who) {
  Credentials found;
  found.access_key_id = text(at(object, "AccessKeyId"));
  found.secret_access_key = Secret{text(at(object, "SecretAccessKey"))};
  found.session_token = Secret{text(at(object, token_key))};
  found.expires = expiry_in(object);
  if (found.access_key_id.empty() || found.secret_access_key.empty()) return incomplete(who);
  return found;
}

const Json* descend(const Json& json, std::initializer_list<const char*> path) {
  const Json* at = &json;
  for (const char* name : path) {
    if (!at->is_object() || !at->contains(name)) return nullptr;
    at = &(*at)[name];
  }
  return at->is_object() ? at : nullptr;
}

Configured<WebIdentity> web_identity(WebIdentity identity, const char* file_name,
                                     const char* role_name) {
  if (identity.token_file.empty()) return std::nullopt;
  if (identity.role_arn.empty()) {
    return Failure{Errc::denied,
                   std::string{file_name} + " is set and " + role_name +
                       " is not: which role shall the token be changed for?",
                   {}};
  }
  if (identity.session_name.empty()) identity.session_name = default_session;
  return identity;
}

/// This machine, or one of the addresses at which AWS' agents serve credentials over plain http.
bool is_near(const std::string& host) {
  constexpr std::array<std::string_view, 3> agents{"169.254.170.2", "169.254.170.23",
                                                   "fd00:ec2::23"};
  return is_loopback(host) || std::find(agents.begin(), agents.end(), host) != agents.end();
}

Result<ContainerEndpoint> full_endpoint(std::string_view uri) {
  const auto scheme_end = uri.find("//");
  const auto begin = scheme_end == std::string_view::npos ? 0 : scheme_end + 2;
  const auto path = std::min(uri.find_first_of("/?", begin), uri.size());
  const auto address = http::parse_address(uri.substr(0, path));
  if (!address || address->scheme == http::Address::Scheme::unix_socket) {
    return Failure{Errc::denied,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address: " +
                       (address ? "a socket" : address.error().message),
                   {}};
  }
  if (address->scheme == http::Address::Scheme::http && !is_near(address->host)) {
    return Failure{Errc::denied,
                   "AWS_CONTAINER_CREDENTIALS_FULL_URI leads to " + address->host +
                       " over plain http: credentials are fetched by https, or from this machine, "
                       "169.254.170.2, 169.254.170.23 or [fd00:ec2::23]",
                   {}};
  }
  std::string target{uri.substr(path)};
  if (!target.starts_with('/')) target.insert(0, "/");
  return ContainerEndpoint{*address, std::move(target), {}, {}};
}

}  // namespace

Configured<Credentials> credentials_of(const Environment& environment) {
  const auto id = text_of(environment, "AWS_ACCESS_KEY_ID");
  const Secret secret{text_of(environment, "AWS_SECRET_ACCESS_KEY")};
  if (id.empty() && secret.empty()) return std::nullopt;
  if (id.empty() || secret.empty()) {
    return Failure{
        Errc::denied,
        "of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY only one is set; both are needed",
        {}};
  }
  return Credentials{id, secret, Secret{text_of(environment, "AWS_SESSION_TOKEN")}, {}};
}

Configured<Credentials> credentials_of(const Profile& profile) {
  const auto id = setting_of(profile, "aws_access_key_id");
  const Secret secret{setting_of(profile, "aws_secret_access_key")};
  for (const char* way : {"source_profile", "credential_source", "credential_process",
                          "sso_session", "sso_start_url"}) {
    if (!profile.contains(way)) continue;
    return Failure{Errc::unsupported,
                   "the AWS profile gets its credentials by " + std::string{way} +
                       ", which selfscale does not follow: export them to the environment (aws "
                       "configure export-credentials), or use a profile with keys",
                   {}};
  }
  if (id.empty() && secret.empty()) return std::nullopt;
  if (id.empty() || secret.empty()) {
    return Failure{Errc::denied,
                   "of aws_access_key_id and aws_secret_access_key the AWS profile has only one; "
                   "both are needed",
                   {}};
  }
  return Credentials{id, secret, Secret{setting_of(profile, "aws_session_token")}, {}};
}

Configured<WebIdentity> web_identity_of(const Environment& environment) {
  return web_identity(
      {text_of(environment, "AWS_WEB_IDENTITY_TOKEN_FILE"), text_of(environment, "AWS_ROLE_ARN"),
       text_of(environment, "AWS_ROLE_SESSION_NAME")},
      "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN");
}

Configured<WebIdentity> web_identity_of(const Profile& profile) {
  return web_identity({setting_of(profile, "web_identity_token_file"),
                       setting_of(profile, "role_arn"), setting_of(profile, "role_session_name")},
                      "web_identity_token_file", "role_arn");
}

Secret web_identity_form(const WebIdentity& identity, const Secret& token) {
  return Secret{"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                http::percent_encoded(identity.role_arn) +
                "&RoleSessionName=" + http::percent_encoded(identity.session_name) +
                "&WebIdentityToken=" + http::percent_encoded(token.reveal())};
}

Result<Credentials> parse_web_identity(std::string_view answer) {
  constexpr std::string_view who = "the Security Token Service";
  const auto json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (json.is_object()) {
    const auto* found = descend(json, {"AssumeRoleWithWebIdentityResponse",
                                       "AssumeRoleWithWebIdentityResult", "Credentials"});
    return found == nullptr ? incomplete(who) : credentials_in(*found, "SessionToken", who);
  }
  const auto tree = parse_xml(answer);
  if (!tree) {
    return Failure{Errc::malformed, std::string{who} + " answered neither XML nor JSON", {}};
  }
  const auto* found = descend(*tree, {"AssumeRoleWithWebIdentityResponse",
                                      "AssumeRoleWithWebIdentityResult", "Credentials"});
  return found == nullptr ? incomplete(who) : credentials_in(*found, who);
}

std::string web_identity_refusal(std::string_view answer) {
  const auto json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (const auto* error = descend(json, {"Error"}); error != nullptr) {
    return joined(text(at(*error, "Code")), text(at(*error, "Message")));
  }
  const auto tree = parse_xml(answer);
  const auto* error = tree ? descend(*tree, {"ErrorResponse", "Error"}) : nullptr;
  if (error == nullptr) return {};
  return joined(error->get("Code", ""), error->get("Message", ""));
}

Configured<ContainerEndpoint> container_endpoint_of(const Environment& environment) {
  const auto relative = text_of(environment, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const auto full = text_of(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  if (!relative.empty() && !relative.starts_with('/')) {
    return Failure{
        Errc::denied, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with \"/\"", {}};
  }
  auto endpoint = full_endpoint(relative.empty() ? full : "http://169.254.170.2" + relative);
  if (!endpoint) return endpoint;
  endpoint->authorization_file = text_of(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  endpoint->authorization = header_token(text_of(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN"));
  return endpoint;
}

Result<Credentials> parse_endpoint(std::string_view answer, std::string_view who) {
  const auto json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Failure{Errc::malformed, std::string{who} + " did not answer with a JSON object", {}};
  }
  // Instances answer 200 to everything, and say here what went wrong.
  if (const auto code = text(at(json, "Code")); !code.empty() && code != "Success") {
    const auto message = text(at(json, "Message"));
    return Failure{
        Errc::denied,
        std::string{who} + " has no credentials: " + code + (message.empty() ? "" : ": " + message),
        {}};
  }
  return credentials_in(json, "Token", who);
}

std::string endpoint_refusal(std::string_view answer) {
  const auto json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return {};
  const auto either = [&json](const char* key, const char* other) {
    return json.contains(key) ? text(at(json, key)) : text(at(json, other));
  };
  return joined(either("code", "Code"), either("message", "Message"));
}

Secret header_token(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  const bool is_plain = std::all_of(text.begin(), text.end(),
                                    [](char letter) { return letter >= ' ' && letter < '\x7f'; });
  return is_plain ? Secret{text} : Secret{};
}

}  // namespace selfscale::drivers::ecs
