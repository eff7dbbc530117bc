#include "drivers/ecs/options.hpp"

#include <gtest/gtest.h>

#include "drivers/ecs/endpoints.hpp"

namespace selfscale::drivers::ecs {
namespace {

TEST(EcsOptions, TakeThePolicysServiceUnlessAnotherIsNamed) {
  const auto least = parse_options(R"({"driver": "ecs"})", "backend");
  ASSERT_TRUE(least);
  EXPECT_EQ(least->place.service, "backend");
  EXPECT_EQ(least->place.cluster, "");
  EXPECT_TRUE(least->protects_busy_tasks);
  EXPECT_FALSE(least->takes_over);
  const auto all = parse_options(
      R"({"driver": "ecs", "cluster": "prod", "service": "web", "region": "eu-west-1",
          "endpoint": "http://127.0.0.1:5000", "protectBusyTasks": false, "takeOver": true})",
      "backend");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->place.service, "web");
  EXPECT_EQ(all->place.cluster, "prod");
  EXPECT_EQ(all->region, "eu-west-1");
  EXPECT_EQ(all->endpoint, "http://127.0.0.1:5000");
  EXPECT_FALSE(all->protects_busy_tasks);
  EXPECT_TRUE(all->takes_over);
}

TEST(EcsOptions, AMistakeIsNamed) {
  for (const auto& [platform, words] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"cluster": 7})", "platform.cluster must be a text"},
           {R"({"service": ""})", "platform.service must be a text"},
           {R"({"takeOver": "yes"})", "platform.takeOver must be true or false"},
       }) {
    const auto read = parse_options(platform, "backend");
    ASSERT_FALSE(read) << platform;
    EXPECT_EQ(read.error().code, Errc::invalid_argument);
    EXPECT_TRUE(read.error().message.starts_with(words)) << read.error().message;
  }
}

Environment nothing() {
  return [](const std::string&) { return std::nullopt; };
}

TEST(Endpoints, AreAwsOwnUnlessOthersAreSet) {
  const auto text = [](std::string_view service, std::string_view region, std::string_view override,
                       const Environment& environment) {
    return http::to_text(address_of(service, region, override, environment).value());
  };
  EXPECT_EQ(text("ecs", "eu-west-1", "", nothing()), "https://ecs.eu-west-1.amazonaws.com");
  EXPECT_EQ(text("application-autoscaling", "cn-north-1", "", nothing()),
            "https://application-autoscaling.cn-north-1.amazonaws.com.cn");
  const Environment set = [](const std::string& name) -> std::optional<std::string> {
    if (name == "AWS_ENDPOINT_URL") return "https://all.example";
    if (name == "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING") return "https://scaling.example/p";
    return std::nullopt;
  };
  EXPECT_EQ(text("ecs", "eu-west-1", "", set), "https://all.example");
  EXPECT_EQ(text("application-autoscaling", "eu-west-1", "", set), "https://scaling.example/p");
  EXPECT_EQ(text("ecs", "eu-west-1", "http://localhost:5000", set), "http://localhost:5000");
}

TEST(Endpoints, AreSpokenToInClearOnThisMachineAlone) {
  for (const char* url : {"http://example.com", "http://10.0.0.1", "ecs", ""}) {
    const Environment set = [url](const std::string&) { return std::optional<std::string>{url}; };
    const auto address = address_of("ecs", "eu west", "", set);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, Errc::invalid_argument);
  }
}

TEST(Endpoints, ARegionIsPartOfAFullName) {
  EXPECT_EQ(region_in("arn:aws:ecs:eu-west-1:1:service/prod/web"), "eu-west-1");
  EXPECT_EQ(region_in("web"), "");
  EXPECT_EQ(region_in("arn:aws"), "");
}

}  // namespace
}  // namespace selfscale::drivers::ecs
