/// AWS Signature Version 4: what of a request is signed, and the signature. Pure; any thread.
/// Source: "Create a signed AWS API request" in the AWS Identity and Access Management user guide.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drivers/ecs/credentials.hpp"
#include "model/secret.hpp"

namespace selfscale::drivers::ecs {

/// A request before it is signed. All its headers are signed: those that somebody on the way may
/// change do not belong here. Path and query are as given, percent-encoded or not.
struct Signable {
  std::string method = "POST";
  std::string path = "/";
  std::string query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// What a signature is good for.
struct Scope {
  std::string region;
  std::string service;
  WallTime at;
};

/// S3 signs paths as they are; for all others "//", "/." and "/.." are resolved first.
enum class Path : bool { normalized, as_given };

std::string timestamp(WallTime at);  ///< "20150830T123600Z"
std::string canonical_request(const Signable& request, Path path = Path::normalized);
std::string string_to_sign(const Scope& scope, std::string_view canonical_request);
std::string signature(const Secret& key, const Scope& scope, std::string_view string_to_sign);

/// The values of the headers that make a request a signed one.
struct SignatureHeaders {
  std::string date;           ///< X-Amz-Date
  Secret security_token;      ///< X-Amz-Security-Token; empty: the credentials need none
  std::string authorization;  ///< Authorization
};

/// Signs what is given and the two former of these headers. Host must be among those given.
SignatureHeaders sign(Signable request, const Credentials& credentials, const Scope& scope);

}  // namespace selfscale::drivers::ecs
