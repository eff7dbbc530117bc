#include "drivers/compose/options.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::drivers::compose {
namespace {

TEST(ComposeOptions, AreTheServiceOfTheUsualProjectWhenNothingIsSaid) {
  for (const auto* platform : {"{}", "", R"({"driver": "compose"})"}) {
    const auto options = read_options(platform, "web", "shop").value();
    EXPECT_EQ(options.target.project, "shop");
    EXPECT_EQ(options.target.service, "web");
    EXPECT_FALSE(options.grace_seconds);
  }
}

TEST(ComposeOptions, NameWhatIsScaledAndWhere) {
  const auto options = read_options(R"({"project": "blog", "service": "app",
    "host": "unix:///d.sock", "certPath": "/certs", "gracePeriodSeconds": 2.5})",
                                    "web", "shop")
                           .value();
  EXPECT_EQ(options.target.project, "blog");
  EXPECT_EQ(options.target.service, "app");
  EXPECT_EQ(options.engine.host, "unix:///d.sock");
  EXPECT_EQ(options.engine.cert_path, "/certs");
  EXPECT_EQ(options.grace_seconds, 2.5);
}

TEST(ComposeOptions, AreRefusedWhereTheyCannotBe) {
  for (const auto* platform : {R"({"project": ""})", R"({"project": 3})", R"({"service": "a b"})",
                               R"({"gracePeriodSeconds": "1s"})", R"({"host": false})"}) {
    const auto refused = read_options(platform, "web", "shop");
    ASSERT_FALSE(refused) << platform;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_PRED2(starts_with, refused.error().message, "platform.");
  }
}

}  // namespace
}  // namespace selfscale::drivers::compose
