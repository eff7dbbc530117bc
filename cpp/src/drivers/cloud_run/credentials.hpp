/// What proves to Google who calls: a service account's key, or the metadata server of the machine.
/// Pure, but for the file's own reading; any thread.
/// Sources: RFC 7523 and RFC 7519 (RS256); Google's pages "Using OAuth 2.0 for Server to Server
/// Applications" and "About VM metadata".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "model/result.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::cloud_run {

using WallTime = std::chrono::system_clock::time_point;

inline constexpr auto scope = "https://www.googleapis.com/auth/cloud-platform";

struct ServiceAccount {
  std::string email;
  std::string key_id;
  Secret key;             ///< PEM
  std::string token_uri;  ///< where a token is given for it
};
/// Of a key file. Errc::malformed: it is none; Errc::unsupported: credentials of another kind.
Result<ServiceAccount> parse_service_account(std::string_view file);

/// A JSON Web Token that asks for an access token, signed with the account's key; good for an hour.
/// Errc::denied: the key is none.
Result<Secret> signed_assertion(const ServiceAccount& account, WallTime now);
/// To the account's token_uri, whose path the caller sets.
http::Call exchange(const Secret& assertion);

/// To the metadata server.
http::Call ask_metadata();
/// Errc::malformed: it is not the metadata server that answered.
Result<void> check_metadata_server(const http::Answer& answer);

struct AccessToken {
  Secret token;
  std::chrono::seconds lasts{0};
};
/// Of either's answer.
Result<AccessToken> parse_access_token(std::string_view body);
/// "invalid_grant: Invalid JWT Signature." of a refusal.
std::string words_of_refusal(std::string_view body);

/// RFC 4648, section 5, without padding.
std::string base64url(std::string_view bytes);

}  // namespace selfscale::drivers::cloud_run
