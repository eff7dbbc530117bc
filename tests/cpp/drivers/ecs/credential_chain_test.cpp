// Where credentials are asked for, in which order, and when again.
#include "drivers/ecs/credential_chain.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "drivers/ecs/fake_aws_fixture.hpp"
#include "model/may_pass.hpp"
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
  void refuse(const std::string& path, FakeAws::Scripted answer) {
    aws.with([&](State& state) { state.refused_files[path] = std::move(answer); });
  }
  /// What becomes of get() for each status of a place that cannot answer now.
  void expect_that_it_may_pass(const std::string& path, const std::string& body,
                               const std::string& words) {
    const std::map<int, Errc> codes{{429, Errc::throttled},
                                    {500, Errc::unreachable},
                                    {503, Errc::unreachable},
                                    {599, Errc::unreachable}};
    for (const auto& [status, code] : codes) {
      SCOPED_TRACE(path + " " + std::to_string(status));
      refuse(path, {status, body, ""});
      const auto found = get();
      ASSERT_FALSE(found);
      EXPECT_EQ(found.error().code, code) << found.error().message;
      EXPECT_TRUE(may_pass(found.error()));
      EXPECT_NE(found.error().message.find(std::to_string(status) + words), std::string::npos)
          << found.error().message;
    }
  }
  void has_web_identity() {
    variables["AWS_ENDPOINT_URL_STS"] = aws.url();
    variables["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
    variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = (folder / "token").string();
    write("token", "jwt.one");
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
  has_web_identity();
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

TEST_F(Chain, ATokenServiceThatCannotAnswerNowMayAnswerLater) {
  has_web_identity();
  expect_that_it_may_pass("/", "<html>busy</html>", "");
  expect_that_it_may_pass("/", R"({"Error": {"Code": "Busy", "Message": "come again"}})",
                          " Busy: come again");
}

TEST_F(Chain, ATokenServicesRefusalForAPassingReasonIsToldByItsCode) {
  has_web_identity();
  const auto refuse_with = [this](const std::string& code) {
    refuse("/", {400, R"({"Error": {"Code": ")" + code + R"(", "Message": "Rate exceeded"}})", ""});
    return get().error();
  };
  EXPECT_EQ(refuse_with("Throttling").code, Errc::throttled);
  EXPECT_EQ(refuse_with("IDPCommunicationError").code, Errc::unreachable);
  EXPECT_EQ(refuse_with("InvalidIdentityToken").code, Errc::denied);
  EXPECT_NE(refuse_with("Throttling").message.find("400 Throttling: Rate exceeded"),
            std::string::npos);
}

TEST_F(Chain, AContainersEndpointThatCannotAnswerNowMayAnswerLater) {
  has_container();
  expect_that_it_may_pass("/creds?id=1", R"({"code": "Busy", "message": "come again"})",
                          " Busy: come again");
  expect_that_it_may_pass("/creds?id=1", "<html>", "");
  refuse("/creds?id=1", {403, "", ""});
  EXPECT_EQ(get().error().code, Errc::denied);
}

TEST_F(Chain, AnInstancesMetadataThatCannotAnswerNowMayAnswerLater) {
  has_instance();
  serve("/latest/meta-data/iam/security-credentials/web-role", endpoint_answer("INSTANCE", {}));
  for (const std::string path : {"/latest/api/token", "/latest/meta-data/iam/security-credentials/",
                                 "/latest/meta-data/iam/security-credentials/web-role"}) {
    expect_that_it_may_pass(path, R"({"Code": "Busy", "Message": "come again"})",
                            " Busy: come again");
    aws.with([](State& state) { state.refused_files.clear(); });
  }
  EXPECT_EQ(key(), "INSTANCE");
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
