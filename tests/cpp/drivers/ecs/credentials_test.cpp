#include "drivers/ecs/credentials.hpp"

#include <gtest/gtest.h>

#include <map>

#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end() || found->second.empty()) return std::nullopt;
    return found->second;
  };
}

WallTime at(const char* time) {
  return WallTime{std::chrono::seconds{static_cast<long>(from_rfc3339(time).value_or(0))}};
}

// ---- the environment

TEST(Credentials, AreInTheEnvironment) {
  const auto found = credentials_of(environment({{"AWS_ACCESS_KEY_ID", "AKID"},
                                                 {"AWS_SECRET_ACCESS_KEY", "key"},
                                                 {"AWS_SESSION_TOKEN", "token"}}));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->access_key_id, "AKID");
  EXPECT_EQ((*found)->secret_access_key.reveal(), "key");
  EXPECT_EQ((*found)->session_token.reveal(), "token");
  EXPECT_EQ((*found)->expires, std::nullopt);
  EXPECT_FALSE(credentials_of(environment({{"AWS_SESSION_TOKEN", "token"}})));
  EXPECT_FALSE(credentials_of(environment({{"AWS_ACCESS_KEY_ID", ""}})));
}

TEST(Credentials, HalfAPairInTheEnvironmentIsAMistakeAndNotShown) {
  const auto found = credentials_of(environment({{"AWS_SECRET_ACCESS_KEY", "hunter2"}}));
  ASSERT_TRUE(found && !*found);
  EXPECT_EQ(found->error().code, Errc::denied);
  EXPECT_NE(found->error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
  EXPECT_EQ(found->error().message.find("hunter2"), std::string::npos);
}

// ---- profiles

TEST(Credentials, AreInAProfile) {
  const auto found = credentials_of(read_profile(
      "p", "[p]\naws_access_key_id=AKID\naws_secret_access_key=key\naws_session_token=token", ""));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->access_key_id, "AKID");
  EXPECT_EQ((*found)->session_token.reveal(), "token");
  EXPECT_FALSE(credentials_of(read_profile("p", "", "[profile p]\nregion=eu-west-1")));
  const auto half = credentials_of(read_profile("p", "[p]\naws_access_key_id=AKID", ""));
  ASSERT_TRUE(half && !*half);
  EXPECT_EQ(half->error().code, Errc::denied);
}

TEST(Credentials, AProfileThatNeedsAnotherProgramSaysSo) {
  for (const std::string way :
       {"sso_session", "sso_start_url", "credential_process", "source_profile"}) {
    const auto found = credentials_of(read_profile("p", "", "[profile p]\n" + way + " = x"));
    ASSERT_TRUE(found && !*found) << way;
    EXPECT_EQ(found->error().code, Errc::unsupported);
    EXPECT_NE(found->error().message.find(way), std::string::npos);
  }
}

// ---- web identity

TEST(WebIdentity, IsInTheEnvironmentOrAProfile) {
  const auto found = web_identity_of(environment(
      {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"}, {"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"}}));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->token_file, "/run/token");
  EXPECT_EQ((*found)->role_arn, "arn:aws:iam::1:role/r");
  EXPECT_EQ((*found)->session_name, "selfscale");
  const auto in_profile = web_identity_of(read_profile(
      "p", "", "[profile p]\nweb_identity_token_file=/t\nrole_arn=arn:r\nrole_session_name=web\n"));
  ASSERT_TRUE(in_profile && *in_profile);
  EXPECT_EQ((*in_profile)->session_name, "web");
  EXPECT_FALSE(web_identity_of(environment({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/r"}})));
  const auto half = web_identity_of(environment({{"AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"}}));
  ASSERT_TRUE(half && !*half);
  EXPECT_NE(half->error().message.find("AWS_ROLE_ARN"), std::string::npos);
}

TEST(WebIdentity, TheFormIsEncoded) {
  EXPECT_EQ(web_identity_form({"/t", "arn:aws:iam::1:role/r", "a b"}, Secret{"x.y=&z"}).reveal(),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=a%20b"
            "&WebIdentityToken=x.y%3D%26z");
}

constexpr auto sts_xml =
    R"(<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:prod:web</SubjectFromWebIdentityToken>
    <Credentials>
      <SessionToken>AQoD&amp;zEPT//==</SessionToken>
      <SecretAccessKey>wJalr/bPxRfiCYz+EX</SecretAccessKey>
      <Expiration>2026-11-27T15:31:34Z</Expiration>
      <AccessKeyId>ASIAX</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>ad4156e9</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>)";

TEST(WebIdentity, TheAnswerIsReadInXml) {
  const auto found = parse_web_identity(sts_xml);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->access_key_id, "ASIAX");
  EXPECT_EQ(found->secret_access_key.reveal(), "wJalr/bPxRfiCYz+EX");
  EXPECT_EQ(found->session_token.reveal(), "AQoD&zEPT//==");
  EXPECT_EQ(found->expires, at("2026-11-27T15:31:34Z"));
}

TEST(WebIdentity, TheAnswerIsReadInJson) {
  const auto found = parse_web_identity(
      R"({"AssumeRoleWithWebIdentityResponse": {"AssumeRoleWithWebIdentityResult": {"Credentials":
          {"AccessKeyId": "ASIAX", "SecretAccessKey": "key", "SessionToken": "token",
           "Expiration": 1.795793494E9}}}})");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->session_token.reveal(), "token");
  EXPECT_EQ(found->expires, at("2026-11-27T15:31:34Z"));
}

TEST(WebIdentity, WhatIsNoAnswerIsMalformed) {
  const std::string deep(200'000, '<');
  for (const std::string& answer :
       {std::string{}, std::string{"<a><b></a>"}, std::string{"<html/>"}, std::string{"{}"},
        std::string{R"({"AssumeRoleWithWebIdentityResponse": []})"}, deep}) {
    const auto found = parse_web_identity(answer);
    ASSERT_FALSE(found) << answer;
    EXPECT_EQ(found.error().code, Errc::malformed);
  }
}

TEST(WebIdentity, ARefusalIsInTheServicesWords) {
  EXPECT_EQ(web_identity_refusal(R"(<ErrorResponse xmlns="https://sts.amazonaws.com/doc/"><Error>
      <Type>Sender</Type><Code>ExpiredTokenException</Code><Message>Token expired</Message>
      </Error></ErrorResponse>)"),
            "ExpiredTokenException: Token expired");
  EXPECT_EQ(web_identity_refusal(R"({"Error": {"Code": "AccessDenied", "Message": "no"}})"),
            "AccessDenied: no");
  EXPECT_EQ(web_identity_refusal("<html>"), "");
}

// ---- the container's endpoint

TEST(ContainerEndpoint, ARefusalIsInItsWords) {
  EXPECT_EQ(endpoint_refusal(R"({"code": "Busy", "message": "later"})"), "Busy: later");
  EXPECT_EQ(endpoint_refusal(R"({"Code": "Busy", "Message": 7})"), "Busy");
  EXPECT_EQ(endpoint_refusal("<html>"), "");
}

TEST(ContainerEndpoint, ARelativeOneIsTheAgentOfEcs) {
  const auto found = container_endpoint_of(
      environment({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x-y?id=1"},
                   {"AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic xyz\n"}}));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ(http::to_text((*found)->address), "http://169.254.170.2");
  EXPECT_EQ((*found)->target, "/v2/credentials/x-y?id=1");
  EXPECT_EQ((*found)->authorization.reveal(), "Basic xyz");
  EXPECT_FALSE(container_endpoint_of(environment({})));
}

TEST(ContainerEndpoint, PlainHttpGoesToNearHostsAlone) {
  struct Row {
    const char* uri;
    bool is_allowed;
  };
  for (const auto& [uri, is_allowed] : std::initializer_list<Row>{
           {"http://127.0.0.1:9000/c", true},
           {"http://127.7.7.7/c", true},
           {"http://localhost/c", true},
           {"http://[::1]:80/c", true},
           {"http://169.254.170.2/c", true},
           {"http://169.254.170.23/v1/credentials", true},
           {"http://[fd00:ec2::23]/v1/credentials", true},
           {"https://example.com/c", true},
           {"http://example.com/c", false},
           {"http://169.254.170.2.example.com/c", false},
           {"http://169.254.169.254/c", false},
           {"http://10.0.0.1/c", false},
           {"http://localhost@example.com/c", false},
           {"unix:/run/x", false},
           {"ftp://localhost/c", false},
           {"localhost", false},
       }) {
    const auto found =
        container_endpoint_of(environment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", uri}}));
    ASSERT_TRUE(found);
    EXPECT_EQ(static_cast<bool>(*found), is_allowed) << uri;
    if (!*found) {
      EXPECT_EQ(found->error().code, Errc::denied);
    }
  }
}

TEST(ContainerEndpoint, PathAndQueryArePassedOn) {
  for (const auto& [uri, target] : std::initializer_list<std::pair<const char*, const char*>>{
           {"http://localhost:8080", "/"},
           {"http://localhost?a=b", "/?a=b"},
           {"http://localhost/a/b?c=http://d", "/a/b?c=http://d"}}) {
    const auto found =
        container_endpoint_of(environment({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", uri}}));
    ASSERT_TRUE(found && *found) << uri;
    EXPECT_EQ((*found)->target, target);
  }
}

TEST(ContainerEndpoint, ATokenThatWouldBreakTheHeaderIsNone) {
  EXPECT_EQ(header_token("abc\r\n").reveal(), "abc");
  EXPECT_TRUE(header_token("abc\r\nX-Evil: 1").empty());
}

TEST(Endpoint, TheAnswerOfAContainersAndAnInstances) {
  const auto found = parse_endpoint(
      R"({"RoleArn": "arn:aws:iam::1:role/r", "AccessKeyId": "ASIAX", "SecretAccessKey": "key",
          "Token": "token", "Expiration": "2026-01-01T00:00:00Z"})",
      "the container's endpoint");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->access_key_id, "ASIAX");
  EXPECT_EQ(found->session_token.reveal(), "token");
  EXPECT_EQ(found->expires, at("2026-01-01T00:00:00Z"));
  EXPECT_TRUE(parse_endpoint(
      R"({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "A", "SecretAccessKey": "b"})",
      "the instance"));
}

TEST(Endpoint, SaysWhatIsWrongAndNoSecret) {
  struct Row {
    const char* answer;
    Errc code;
    const char* words;
  };
  for (const auto& [answer, code, words] : std::initializer_list<Row>{
           {"", Errc::malformed, "JSON object"},
           {"<html>hunter2", Errc::malformed, "JSON object"},
           {"[]", Errc::malformed, "JSON object"},
           {R"({"SecretAccessKey": "hunter2"})", Errc::malformed, "without an access key"},
           {R"({"AccessKeyId": 7, "SecretAccessKey": "hunter2"})", Errc::malformed, "without"},
           {R"({"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role"})",
            Errc::denied, "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role"},
       }) {
    const auto found = parse_endpoint(answer, "the instance");
    ASSERT_FALSE(found) << answer;
    EXPECT_EQ(found.error().code, code) << answer;
    EXPECT_NE(found.error().message.find(words), std::string::npos) << found.error().message;
    EXPECT_EQ(found.error().message.find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace selfscale::drivers::ecs
