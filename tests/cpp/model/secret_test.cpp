#include "model/secret.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <string_view>
#include <type_traits>
#include <utility>

namespace selfscale {
namespace {

TEST(Secret, GivesItsTextOnlyWhenAsked) {
  const Secret secret{"hunter2"};
  EXPECT_EQ(secret.reveal(), "hunter2");
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
  static_assert(!std::is_convertible_v<std::string_view, Secret>);
}

TEST(Secret, PrintsAsStars) {
  std::ostringstream out;
  out << Secret{"hunter2"} << Secret{};
  EXPECT_EQ(out.str(), "******");
  EXPECT_EQ(testing::PrintToString(Secret{"hunter2"}), "***");
}

TEST(Secret, MayBeEmptyOrHoldAnyByte) {
  EXPECT_TRUE(Secret{}.empty());
  EXPECT_TRUE(Secret{""}.empty());
  EXPECT_EQ(Secret{}.reveal(), "");
  const std::string_view bytes{"a\0b", 3};
  EXPECT_EQ(Secret{bytes}.reveal(), bytes);
}

TEST(Secret, MayFollowAnotherText) {
  EXPECT_EQ(Secret{"hunter2"}.after("Bearer ").reveal(), "Bearer hunter2");
  EXPECT_EQ(Secret{}.after("Bearer ").reveal(), "Bearer ");
}

TEST(Secret, IsCopiedAndMoved) {
  Secret first{"hunter2"};
  const Secret copy{first};
  EXPECT_EQ(copy.reveal(), "hunter2");
  const Secret moved{std::move(first)};
  EXPECT_EQ(moved.reveal(), "hunter2");
  Secret other{"swordfish"};
  other = moved;
  EXPECT_EQ(other.reveal(), "hunter2");
}

}  // namespace
}  // namespace selfscale
