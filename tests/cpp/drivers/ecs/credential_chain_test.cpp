// Where credentials are asked for, in which order, and when again.
#include "drivers/ecs/credential_chain.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "drivers/ecs/fake_aws_fixture.hpp"
#include "model/rfc3339.hpp"
#include "run_coroutine.hpp"

namespace selfscale::drivers::ecs {
namespace {

namespace asio = boost::asio;
using State = FakeAws::State;

constexpr WallTime start{std::chrono::seconds{1'795'744'800}};

class Chain : public testing::Test {
 protected:
  Chain() {
    std::string pattern = (std::filesystem::temp_directory_path() / "chain-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    variables["HOME"] = folder.string();
  }
  ~Chain() override { std::filesystem::remove_all(folder); }

  Result<Credentials> get() { return run(io, chain.get("eu-west-1", Deadline{Duration{10'000}})); }
  /// Which key is given; or why none is.
  std::string key() {
    const auto found = get();
    return found ? found->access_key_id : found.error().message;
  }
  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::ofstream{folder / name} << text;
  }
  void serve(const std::string& path, const std::string& body) {
    aws.with([&](State& state) { state.files[path] = body; });
  }
  std::size_t asked() {
    return aws.with([](State& state) { return state.others.size(); });
  }
  http::Received last() {
    return aws.with([](State& state) { return state.others.back(); });
  }
  static std::string endpoint_answer(const std::string& key, std::chrono::seconds lasts) {
    const auto until = static_cast<double>((start + lasts).time_since_epoch().count());
    return R"({"AccessKeyId": ")" + key + R"(", "SecretAccessKey": "s", "Token": "t",
              "Expiration": ")" +
           to_rfc3339(until) + "\"}";
  }
  void has_container() {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = aws.url() + "/creds?id=1";
  }
  void has_instance() {
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = aws.url();
    serve("/latest/api/token", "AQAE==");
    serve("/latest/meta-data/iam/security-credentials/", "web-role\n");
  }

  FakeAws aws;
  asio::io_context io;
  std::filesystem::path folder;
  std::map<std::string, std::string> variables;
  WallTime now = start;
  CredentialChain chain{io,
                        {[this](const std::string& name) -> std::optional<std::string> {
                           const auto found = variables.find(name);
                           if (found == variables.end()) return std::nullopt;
                           return found->second;
                         },
                         [this] { return now; }},
                        ""};
};

TEST_F(Chain, TheFirstThatIsConfiguredIsTaken) {
  has_instance();
  serve("/latest/meta-data/iam/security-credentials/web-role", endpoint_answer("INSTANCE", {}));
  EXPECT_EQ(key(), "INSTANCE");
  has_container();
  serve("/creds?id=1", endpoint_answer("CONTAINER", {}));
  EXPECT_EQ(key(), "CONTAINER");
  write(".aws/credentials", "[default]\naws_access_key_id=PROFILE\naws_secret_access_key=s\n");
  EXPECT_EQ(key(), "PROFILE");
  variables["AWS_ACCESS_KEY_ID"] = "ENVIRONMENT";
  variables["AWS_SECRET_ACCESS_KEY"] = "s";
  EXPECT_EQ(key(), "ENVIRONMENT");
}

TEST_F(Chain, AProfileIsChosenByItsNameAndReadAnewEachTime) {
  variables["AWS_PROFILE"] = "prod";
  variables["AWS_CONFIG_FILE"] = (folder / "elsewhere").string();
  write("elsewhere", "[profile prod]\naws_access_key_id=ONE\naws_secret_access_key=s\nregion=x");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(setting_of(chain.profile(), "region"), "x");
  write(".aws/credentials", "[prod]\naws_access_key_id=TWO\naws_secret_access_key=s\n");
  EXPECT_EQ(key(), "TWO");
}

TEST_F(Chain, AContainersAreKeptUntilFiveMinutesBeforeTheyExpire) {
  has_container();
  serve("/creds?id=1", endpoint_answer("ONE", std::chrono::hours{1}));
  EXPECT_EQ(key(), "ONE");
  serve("/creds?id=1", endpoint_answer("TWO", std::chrono::hours{2}));
  now = start + std::chrono::minutes{54};
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(asked(), 1U);
  now = start + std::chrono::minutes{55};
  EXPECT_EQ(key(), "TWO");
  EXPECT_EQ(asked(), 2U);
}

TEST_F(Chain, WhatCannotBeRenewedIsUsedUntilItExpires) {
  has_container();
  serve("/creds?id=1", endpoint_answer("ONE", std::chrono::hours{1}));
  EXPECT_EQ(key(), "ONE");
  serve("/creds?id=1", "{}");
  now = start + std::chrono::minutes{58};
  EXPECT_EQ(key(), "ONE");
  now = start + std::chrono::minutes{61};
  EXPECT_EQ(get().error().code, Errc::malformed);
}

TEST_F(Chain, WhatAwsDoesNotAcceptIsNotGivenAgain) {
  has_container();
  serve("/creds?id=1", endpoint_answer("ONE", std::chrono::hours{1}));
  EXPECT_EQ(key(), "ONE");
  serve("/creds?id=1", endpoint_answer("TWO", std::chrono::hours{1}));
  chain.reject();
  EXPECT_EQ(key(), "TWO");
}

TEST_F(Chain, AContainersTokenIsReadFromItsFileEachTime) {
  has_container();
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "from the variable";
  serve("/creds?id=1", endpoint_answer("ONE", {}));
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(last().header("Authorization"), "from the variable");
  variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = (folder / "token").string();
  write("token", "first\n");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(last().header("Authorization"), "first");
  write("token", "second");
  EXPECT_EQ(key(), "ONE");
  EXPECT_EQ(last().header("Authorization"), "second");
  std::filesystem::remove(folder / "token");
  EXPECT_EQ(get().error().code, Errc::denied);
}

TEST_F(Chain, AnInstanceIsAskedWithAToken) {
  has_instance();
  serve("/latest/meta-data/iam/security-credentials/web-role",
        endpoint_answer("INSTANCE", std::chrono::hours{6}));
  const auto found = get();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->session_token.reveal(), "t");
  EXPECT_EQ(found->expires, start + std::chrono::hours{6});
  const auto requests = aws.with([](State& state) { return state.others; });
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].method(), "PUT");
  EXPECT_EQ(requests[0].header("X-aws-ec2-metadata-token-ttl-seconds"), "21600");
  EXPECT_EQ(requests[1].header("X-aws-ec2-metadata-token"), "AQAE==");
  EXPECT_EQ(requests[2].header("X-aws-ec2-metadata-token"), "AQAE==");
}

TEST_F(Chain, AnInstanceWithoutARoleHasNone) {
  variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = aws.url();
  serve("/latest/api/token", "AQAE==");
  const auto found = get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::denied);
  EXPECT_NE(found.error().message.find("the instance has no role"), std::string::npos)
      << found.error().message;
}

TEST_F(Chain, WhereNothingIsConfiguredItSaysWhatWasLookedAt) {
  variables["AWS_EC2_METADATA_DISABLED"] = "true";
  const auto found = get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::denied);
  EXPECT_NE(found.error().message.find("AWS_ACCESS_KEY_ID"), std::string::npos);
  EXPECT_EQ(asked(), 0U);
}

std::string sts_answer(const std::string& key) {
  return "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
         "<AccessKeyId>" +
         key +
         "</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
         "<SessionToken>t</SessionToken><Expiration>2026-11-27T03:00:00Z</Expiration>"
         "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
}

TEST_F(Chain, AWebIdentitysTokenIsChangedForARoleAndReadAnewEachTime) {
  variables["AWS_ENDPOINT_URL_STS"] = aws.url();
  variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = (folder / "token").string();
  write("token", "jwt.one");
  serve("/", sts_answer("ROLE"));
  const auto found = get();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->access_key_id, "ROLE");
  EXPECT_EQ(found->expires, start + std::chrono::hours{1});
  EXPECT_EQ(last().header("Content-Type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(last().header("Authorization"), "") << "it is the token that proves who asks";
  EXPECT_TRUE(last().body.ends_with("&WebIdentityToken=jwt.one")) << last().body;
  write("token", "jwt.two");
  now = start + std::chrono::minutes{56};
  EXPECT_EQ(key(), "ROLE");
  EXPECT_TRUE(last().body.ends_with("&WebIdentityToken=jwt.two")) << last().body;
}

TEST_F(Chain, AWebIdentityThatIsRefusedSaysWhy) {
  variables["AWS_ENDPOINT_URL"] = aws.url();
  variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = (folder / "token").string();
  EXPECT_NE(key().find("cannot be read"), std::string::npos);
  write("token", "jwt.one");
  const auto found = get();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::denied);
  EXPECT_NE(found.error().message.find("arn:aws:iam::1:role/r: 404"), std::string::npos);
  EXPECT_EQ(found.error().message.find("jwt"), std::string::npos);
}

TEST_F(Chain, AnEndpointThatHangsIsGivenUp) {
  has_container();
  aws.set_mood(FakeAws::Mood::hangs);
  const auto found = run(io, chain.get("eu-west-1", Deadline{Duration{30}}));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Errc::timed_out);
}

}  // namespace
}  // namespace selfscale::drivers::ecs
