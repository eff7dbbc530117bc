// What proves to Google who calls: assertions, and the answers to them.
#include "drivers/cloud_run/credentials.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drivers/cloud_run/fake_tokens.hpp"

namespace selfscale::drivers::cloud_run {
namespace {

using Json = nlohmann::json;

const WallTime at_noon{std::chrono::seconds{1'795'744'800}};

TEST(GoogleAssertion, IsSignedWithTheAccountsKey) {
  const AccountKey key;
  const ServiceAccount account{"a@p", "key-1", Secret{key.pem()}, "https://t/token"};
  const auto assertion = signed_assertion(account, at_noon).value();
  const std::string text{assertion.reveal()};
  const auto first = text.find('.');
  const auto second = text.rfind('.');
  EXPECT_TRUE(key.verifies(text.substr(0, second), from_base64url(text.substr(second + 1))));
  EXPECT_EQ(Json::parse(from_base64url(text.substr(0, first))),
            Json::parse(R"({"alg": "RS256", "typ": "JWT", "kid": "key-1"})"));
  EXPECT_EQ(Json::parse(from_base64url(text.substr(first + 1, second - first - 1))),
            Json::parse(R"({"iss": "a@p", "scope": "https://www.googleapis.com/auth/cloud-platform",
                            "aud": "https://t/token", "iat": 1795744800, "exp": 1795748400})"));
}

TEST(GoogleAssertion, NeedsAnRsaKey) {
  const auto made = signed_assertion({"a@p", "", Secret{"no key"}, "https://t"}, at_noon);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::denied);
  EXPECT_EQ(made.error().message.find("no key"), std::string::npos);
}

TEST(GoogleAssertion, IsBase64WithoutPadding) {
  // RFC 4648, section 10, in the alphabet of section 5.
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foo"), "Zm9v");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
}

TEST(GoogleKeyFile, OfAnotherKindIsRefusedWithASentence) {
  const auto code = [](const std::string& file) {
    return parse_service_account(file).error().code;
  };
  EXPECT_EQ(code(R"({"type": "external_account"})"), Errc::unsupported);
  EXPECT_EQ(code(R"({"type": "service_account"})"), Errc::malformed);
  EXPECT_EQ(code("no JSON"), Errc::malformed);
  const auto account = parse_service_account(
      R"({"type": "service_account", "client_email": "a@p", "private_key": "k"})");
  EXPECT_EQ(account.value().token_uri, "https://oauth2.googleapis.com/token");
}

TEST(GoogleAccessToken, OfAnotherFormIsMalformed) {
  for (const std::string body :
       {"", "[]", "{}", R"({"access_token": ""})", R"({"access_token": 1})",
        R"({"access_token": "a\r\nb", "expires_in": 9})",
        R"({"access_token": "a", "expires_in": -1})"}) {
    EXPECT_FALSE(parse_access_token(body)) << body;
  }
  const auto token =
      parse_access_token(R"({"access_token": "ya29.x", "expires_in": 3599})").value();
  EXPECT_EQ(token.token.reveal(), "ya29.x");
  EXPECT_EQ(token.lasts.count(), 3599);
}

}  // namespace
}  // namespace selfscale::drivers::cloud_run
