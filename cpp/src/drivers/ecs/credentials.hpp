/// Where credentials for AWS come from: what each source is asked, and what its answer means. Pure;
/// any thread. No message holds a secret.
/// Source: "Standardized credential providers" in the AWS SDKs and Tools reference guide.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/ecs/profiles.hpp"
#include "http/address.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::ecs {

using WallTime = std::chrono::sys_seconds;

struct Credentials {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;             ///< empty: they are permanent
  std::optional<WallTime> expires;  ///< empty: never, or nobody knows
};

/// The variables of a process; one that is set to nothing counts as not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

/// Empty: this source is not configured, and the next one is asked. A failure: it is, and wrongly.
template <class T>
using Configured = std::optional<Result<T>>;

/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
Configured<Credentials> credentials_of(const Environment& environment);
/// Keys that stand in a profile. Errc::unsupported: it leads to credentials by a way that is not
/// known here (single sign-on, a process, the role of another profile).
Configured<Credentials> credentials_of(const Profile& profile);

/// A role for whoever holds the token in that file: service accounts of Kubernetes and the like.
struct WebIdentity {
  std::string token_file;  ///< its holder rotates it: read anew each time
  std::string role_arn;
  std::string session_name;
};
/// AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN and AWS_ROLE_SESSION_NAME.
Configured<WebIdentity> web_identity_of(const Environment& environment);
Configured<WebIdentity> web_identity_of(const Profile& profile);
/// The body of the POST to the Security Token Service (form-urlencoded).
Secret web_identity_form(const WebIdentity& identity, const Secret& token);
/// In XML, which the service speaks, or in JSON, which it speaks when it is asked to.
Result<Credentials> parse_web_identity(std::string_view answer);
/// The code and message of a refusal, in XML or JSON; empty: it holds neither.
std::string web_identity_refusal(std::string_view answer);

/// The agent beside a container that holds its task's role.
struct ContainerEndpoint {
  http::Address address;
  std::string target;              ///< path and query
  std::string authorization_file;  ///< its holder rotates it; wins over the variable
  Secret authorization;            ///< header Authorization; empty: none
};
/// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI, and AWS_CONTAINER_AUTHORIZATION_TOKEN or
/// …_TOKEN_FILE. Plain http goes to this machine and to the addresses of such agents alone.
Configured<ContainerEndpoint> container_endpoint_of(const Environment& environment);

/// The answer of a container's or an instance's endpoint; `who` names it in messages.
Result<Credentials> parse_endpoint(std::string_view answer, std::string_view who);
/// The code and message of a refusal; empty: it holds neither.
std::string endpoint_refusal(std::string_view answer);

/// A token as a header takes it, without the line end that files have; empty: it cannot be one.
Secret header_token(std::string_view text);

}  // namespace selfscale::drivers::ecs
