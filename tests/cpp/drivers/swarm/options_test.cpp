#include "drivers/swarm/options.hpp"

#include <gtest/gtest.h>

#include "text_predicates.hpp"

namespace selfscale::drivers::swarm {
namespace {

TEST(SwarmOptions, AreTheServiceCalledLikeThePolicysWhenNothingIsSaid) {
  for (const auto* platform : {"{}", "", R"({"driver": "swarm"})"}) {
    const auto options = read_options(platform, "backend").value();
    EXPECT_EQ(options.service, "backend");
    EXPECT_EQ(options.engine.host, "");
    EXPECT_FALSE(options.longest_work_seconds);
    EXPECT_FALSE(options.may_interrupt_work);
  }
}

TEST(SwarmOptions, NameWhatIsScaledAndWhere) {
  const auto options = read_options(R"({"driver": "swarm", "service": "shop_web",
    "host": "tcp://manager", "certPath": "/certs", "longestWorkSeconds": 90,
    "mayInterruptWork": true, "scaleDuringUpdate": true})",
                                    "backend")
                           .value();
  EXPECT_EQ(options.service, "shop_web");
  EXPECT_EQ(options.engine.host, "tcp://manager");
  EXPECT_EQ(options.engine.cert_path, "/certs");
  EXPECT_EQ(options.longest_work_seconds, 90.0);
  EXPECT_TRUE(options.may_interrupt_work);
  EXPECT_TRUE(options.scale_during_update);
}

TEST(SwarmOptions, AreRefusedWhereTheyCannotBe) {
  for (const auto* platform :
       {R"({"service": "a/b"})", R"({"service": ""})", R"({"service": ".."})", R"({"service": 3})",
        R"({"host": ""})", R"({"certPath": 1})", R"({"longestWorkSeconds": "90s"})",
        R"({"longestWorkSeconds": -1})", R"({"longestWorkSeconds": 1e9})",
        R"({"mayInterruptWork": "yes"})", R"({"scaleDuringUpdate": 1})"}) {
    const auto refused = read_options(platform, "backend");
    ASSERT_FALSE(refused) << platform;
    EXPECT_EQ(refused.error().code, Errc::invalid_argument);
    EXPECT_PRED2(starts_with, refused.error().message, "platform.");
  }
  EXPECT_PRED2(contains, read_options("{}", "My Service").error().message, "platform.service");
}

}  // namespace
}  // namespace selfscale::drivers::swarm
