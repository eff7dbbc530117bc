#include "drivers/ecs/profiles.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::ecs {
namespace {

constexpr auto credentials = R"(# ours
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key=one/two+three=

[prod]
AWS_ACCESS_KEY_ID = AKIDPROD
aws_secret_access_key = with#inside
aws_session_token = token ; of yesterday
)";

constexpr auto config = R"([default]
region = eu-central-1
s3 =
  max_concurrent_requests = 20
  region = us-west-1

[profile prod]
region = eu-west-1
aws_access_key_id = AKIDCONFIG
no setting
[profile "with blank"]
region = sa-east-1
[sso-session prod]
region = us-east-2
[other]
region = us-east-1
)";

std::string setting(std::string_view profile, std::string_view name) {
  return setting_of(read_profile(profile, credentials, config), name);
}

TEST(Profiles, AreMadeOfBothFiles) {
  EXPECT_EQ(setting("default", "aws_access_key_id"), "AKIDDEFAULT");
  EXPECT_EQ(setting("default", "aws_secret_access_key"), "one/two+three=");
  EXPECT_EQ(setting("default", "region"), "eu-central-1");
  EXPECT_EQ(setting("prod", "region"), "eu-west-1");
  EXPECT_EQ(setting("with blank", "region"), "sa-east-1");
}

TEST(Profiles, TheCredentialsWinOverTheConfiguration) {
  EXPECT_EQ(setting("prod", "aws_access_key_id"), "AKIDPROD");
}

TEST(Profiles, ACommentBeginsAfterABlank) {
  EXPECT_EQ(setting("prod", "aws_secret_access_key"), "with#inside");
  EXPECT_EQ(setting("prod", "aws_session_token"), "token");
}

TEST(Profiles, SettingsWithinSettingsAreNotTheProfiles) {
  EXPECT_EQ(setting("default", "max_concurrent_requests"), "");
  EXPECT_EQ(setting("default", "region"), "eu-central-1");
}

TEST(Profiles, SectionsOfTheConfigurationThatAreNoProfilesAreNotRead) {
  EXPECT_TRUE(read_profile("other", credentials, config).empty());
  EXPECT_TRUE(read_profile("sso-session prod", credentials, config).empty());
}

TEST(Profiles, LinesEndInEitherWay) {
  const auto profile = read_profile("default", "[default]\r\nregion = eu-west-3\r\n", "");
  EXPECT_EQ(setting_of(profile, "region"), "eu-west-3");
}

TEST(Profiles, OfTwoSectionsOfOneNameTheLaterSettingHolds) {
  const auto profile =
      read_profile("a", "[a]\nregion=one\noutput=text\n[b]\nregion=two\n[a]\nregion=three", "");
  EXPECT_EQ(setting_of(profile, "region"), "three");
  EXPECT_EQ(setting_of(profile, "output"), "text");
}

}  // namespace
}  // namespace selfscale::drivers::ecs
