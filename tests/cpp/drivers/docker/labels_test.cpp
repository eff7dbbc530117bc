#include "drivers/docker/labels.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::docker {
namespace {

TEST(DockerLabels, AreThoseOfTheContainer) {
  const auto* const body = R"({"Id": "0123", "Config": {"Image": "web", "Labels": {
      "com.docker.compose.project": "shop", "com.docker.compose.service": "web", "empty": ""}}})";
  EXPECT_EQ(parse_labels(body), (Labels{{"com.docker.compose.project", "shop"},
                                        {"com.docker.compose.service", "web"},
                                        {"empty", ""}}));
  EXPECT_EQ(parse_labels(R"({"Config": {"Labels": {"a": "1", "b": 2}}})"),
            (Labels{{"a", "1"}, {"b", ""}}));
}

TEST(DockerLabels, OfAnAnswerThatHasNoneAreNone) {
  for (const auto* const body :
       {"", "no JSON", "[]", "{}", R"({"Config": null})", R"({"Config": {"Labels": null}})",
        R"({"Config": {"Labels": ["shop"]}})", R"({"Config": {"Labels": "shop"}})",
        R"({"message": "No such container"})"}) {
    EXPECT_EQ(parse_labels(body), Labels{}) << body;
  }
}

}  // namespace
}  // namespace selfscale::drivers::docker
