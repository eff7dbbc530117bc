#include "drivers/ecs/metadata.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::ecs {
namespace {

TEST(EcsMetadata, NamesTheTaskByTheLastPartOfItsArn) {
  EXPECT_EQ(parse_own_task(R"({"TaskARN": "arn:aws:ecs:eu-west-1:1:task/shop/8f2c"})").value(),
            "8f2c");
  EXPECT_EQ(parse_own_task(R"({"TaskARN": "arn:aws:ecs:eu-west-1:1:task/8f2c"})").value(), "8f2c")
      << "the ARNs of before 2021";
}

TEST(EcsMetadata, WithoutItIsMalformed) {
  for (const auto* answer :
       {"", "not found", "[]", R"({"Cluster": "shop"})", R"({"TaskARN": 7})", R"({"TaskARN": ""})",
        R"({"TaskARN": "arn:aws:ecs:r:1:task/shop/"})"}) {
    const auto task = parse_own_task(answer);
    ASSERT_FALSE(task) << answer;
    EXPECT_EQ(task.error().code, Errc::malformed) << answer;
  }
}

}  // namespace
}  // namespace selfscale::drivers::ecs
