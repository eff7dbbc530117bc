// Every vector of tests/fixtures/sigv4, step by step: the first step that differs is the broken
// one.
#include "drivers/ecs/signature.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "model/rfc3339.hpp"
#include "places.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

Json vectors(const std::string& file) {
  std::ifstream stream{fixture("sigv4/" + file)};
  EXPECT_TRUE(stream) << "tests/fixtures/sigv4/" << file << " is not there";
  return Json::parse(stream);
}

/// "GET /a b?c=d HTTP/1.1", headers as "Name:value" with folded lines, an empty line, the body.
Signable request_of(std::string text) {
  Signable request;
  const auto line = text.substr(0, text.find('\n'));
  const auto target_at = line.find(' ') + 1;
  const auto target = line.substr(target_at, line.rfind(' ') - target_at);
  const auto question = std::min(target.find('?'), target.size());
  request.method = line.substr(0, line.find(' '));
  request.path = target.substr(0, question);
  request.query = target.substr(std::min(question + 1, target.size()));
  text.erase(0, line.size() + 1);
  while (!text.empty()) {
    const auto header = text.substr(0, text.find('\n'));
    text.erase(0, header.size() + 1);
    if (header.empty()) break;
    if (header.front() == ' ') {
      request.headers.back().second += "\n" + header;
    } else {
      request.headers.emplace_back(header.substr(0, header.find(':')),
                                   header.substr(header.find(':') + 1));
    }
  }
  request.body = text;
  return request;
}

Scope scope_of(const std::string& region, const std::string& service, const std::string& time) {
  const auto seconds = from_rfc3339(time);
  EXPECT_TRUE(seconds) << time;
  return {region, service, WallTime{std::chrono::seconds{static_cast<long>(*seconds)}}};
}

std::string encoded(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    constexpr std::string_view reserved = "/;=+";
    constexpr std::array codes{"%2F", "%3B", "%3D", "%2B"};
    const auto at = reserved.find(letter);
    result += at == std::string_view::npos ? std::string{letter} : codes.at(at);
  }
  return result;
}

std::string lower(std::string text) {
  for (char& letter : text) letter = static_cast<char>(std::tolower(letter));
  return text;
}

std::string value_of(const Signable& request, const std::string& name) {
  for (const auto& [given, value] : request.headers) {
    if (lower(given) == name) return value;
  }
  return {};
}

std::string names_of(const Signable& request) {
  std::set<std::string> names;
  for (const auto& [given, _] : request.headers) names.insert(lower(given));
  std::string joined;
  for (const auto& name : names) joined += (joined.empty() ? "" : ";") + name;
  return joined;
}

struct Context {
  explicit Context(const Json& given)
      : scope{scope_of(given["region"], given["service"], given["timestamp"])},
        id{given["credentials"]["access_key_id"]},
        key{given["credentials"]["secret_access_key"].get<std::string>()},
        token{given["credentials"].value("token", "")},
        path{given["normalize"] ? Path::normalized : Path::as_given},
        signs_body{given["sign_body"]},
        signs_token{!given.value("omit_session_token", false)},
        seconds{std::to_string(given["expiration_in_seconds"].get<int>())} {}
  Scope scope;
  std::string id;
  Secret key;
  std::string token;
  Path path;
  bool signs_body;
  bool signs_token;
  std::string seconds;
};

void compare(const Json& expected, const Signable& request, const Context& context) {
  const auto canonical = canonical_request(request, context.path);
  ASSERT_EQ(canonical, expected["canonical_request"]);
  const auto text = string_to_sign(context.scope, canonical);
  ASSERT_EQ(text, expected["string_to_sign"]);
  ASSERT_EQ(signature(context.key, context.scope, text), expected["signature"]);
}

TEST(Signature, EveryVectorThatSignsByAHeader) {
  const auto suite = vectors("aws-c-auth-v4.json");
  ASSERT_EQ(suite["cases"].size(), 38U);
  for (const auto& each : suite["cases"]) {
    SCOPED_TRACE(each["name"]);
    const Context context{each["context"]};
    auto request = request_of(each["request"]);
    if (context.signs_body) {
      const auto whole = canonical_request(request);
      request.headers.emplace_back("x-amz-content-sha256", whole.substr(whole.rfind('\n') + 1));
    }
    request.headers.emplace_back("X-Amz-Date", timestamp(context.scope.at));
    if (!context.token.empty() && context.signs_token) {
      request.headers.emplace_back("X-Amz-Security-Token", context.token);
    }
    compare(each["header"], request, context);
  }
}

TEST(Signature, EveryVectorThatSignsByTheQuery) {
  const auto suite = vectors("aws-c-auth-v4.json");
  ASSERT_EQ(suite["cases"].size(), 38U);
  for (const auto& each : suite["cases"]) {
    SCOPED_TRACE(each["name"]);
    const Context context{each["context"]};
    auto request = request_of(each["request"]);
    const auto date = timestamp(context.scope.at);
    request.query += "&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=" + date +
                     "&X-Amz-Expires=" + context.seconds + "&X-Amz-Credential=" +
                     encoded(context.id + "/" + date.substr(0, 8) + "/" + context.scope.region +
                             "/" + context.scope.service + "/aws4_request") +
                     "&X-Amz-SignedHeaders=" + encoded(names_of(request));
    if (!context.token.empty() && context.signs_token) {
      request.query += "&X-Amz-Security-Token=" + encoded(context.token);
    }
    compare(each["query"], request, context);
  }
}

TEST(Signature, EveryVectorOfTheOriginalSuite) {
  const auto suite = vectors("botocore-aws4-testsuite.json");
  ASSERT_EQ(suite["cases"].size(), 34U);
  const Secret key{suite["credentials"]["secret_access_key"].get<std::string>()};
  const auto scope = scope_of(suite["region"], suite["service"], "2015-08-30T12:36:00Z");
  for (const auto& each : suite["cases"]) {
    SCOPED_TRACE(each["name"]);
    auto request = request_of(each["request"]);
    const std::string authorization = each["authorization"];
    // One case leaves the token to whoever signs, and shows it in what comes out.
    const std::string token_name = "x-amz-security-token";
    if (authorization.find(token_name) != std::string::npos &&
        value_of(request, token_name).empty()) {
      request.headers.emplace_back(token_name,
                                   value_of(request_of(each["signed_request"]), token_name));
    }
    const auto canonical = canonical_request(request);
    ASSERT_EQ(canonical, each["canonical_request"]);
    const auto text = string_to_sign(scope, canonical);
    ASSERT_EQ(text, each["string_to_sign"]);
    ASSERT_EQ(signature(key, scope, text), authorization.substr(authorization.rfind('=') + 1));
  }
}

TEST(Signature, SigningGivesTheHeadersThatAWSReads) {
  const auto suite = vectors("aws-c-auth-v4.json");
  int seen = 0;
  for (const auto& each : suite["cases"]) {
    if (each["name"] != "post-sts-header-before" && each["name"] != "post-vanilla") continue;
    ++seen;
    SCOPED_TRACE(each["name"]);
    const Context context{each["context"]};
    const auto made = sign(request_of(each["request"]),
                           {context.id, context.key, Secret{context.token}, {}}, context.scope);
    const auto expected = request_of(each["header"]["signed_request"]);
    EXPECT_EQ(made.date, value_of(expected, "x-amz-date"));
    EXPECT_EQ(made.security_token.reveal(), value_of(expected, "x-amz-security-token"));
    EXPECT_EQ(made.authorization, value_of(expected, "authorization"));
  }
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace selfscale::drivers::ecs
