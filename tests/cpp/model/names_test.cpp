// Every enumeration has a name for each value, and the way back.
#include "model/names.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <selfscale/stages.hpp>
#include <set>
#include <sstream>
#include <string>

#include "places.hpp"

namespace selfscale {
namespace {

template <class E>
class Names : public ::testing::Test {};

using Enumerations = ::testing::Types<Code, Answer, Stage, Standing, Activity, Priority, Action,
                                      Trigger, Outcome, Missing, Phase>;
TYPED_TEST_SUITE(Names, Enumerations);

TYPED_TEST(Names, GoThereAndBack) {
  std::set<std::string_view> seen;
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<TypeParam>(static_cast<std::uint8_t>(i));
    const std::string_view name = name_of(value);
    if (name.empty()) break;
    EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_EQ(named<TypeParam>(name), value) << name;
  }
  EXPECT_FALSE(seen.empty());
  EXPECT_EQ(named<TypeParam>("no_such_name"), std::nullopt);
  EXPECT_EQ(named<TypeParam>(""), std::nullopt);
}

TEST(Codes, AreAllDocumented) {
  std::ifstream file{in_repository("docs/reference/codes.md")};
  std::stringstream text;
  text << file.rdbuf();
  int codes = 0;
  for (; !name_of(static_cast<Code>(codes)).empty(); ++codes) {
    const std::string quoted = "`" + std::string{name_of(static_cast<Code>(codes))} + "`";
    EXPECT_NE(text.str().find(quoted), std::string::npos) << quoted;
  }
  EXPECT_EQ(codes, static_cast<int>(Code::memory_short) + 1);
}

TEST(NamesOf, TheLastOfEachListHasItsOwn) {
  EXPECT_EQ(name_of(Code::memory_short), "memory_short");
  EXPECT_EQ(name_of(Code::memory_limit), "memory_limit");
  EXPECT_EQ(name_of(Code::all_hold), "all_hold");
  EXPECT_EQ(name_of(Answer::missing), "missing");
  EXPECT_EQ(name_of(Stage::guardrails), "guardrails");
  EXPECT_EQ(name_of(Standing::ready), "ready");
  EXPECT_EQ(name_of(Priority::critical), "critical");
  EXPECT_EQ(name_of(Action::none), "none");
  EXPECT_EQ(name_of(Trigger::foreign), "foreign");
  EXPECT_EQ(name_of(Outcome::superseded), "superseded");
  EXPECT_EQ(name_of(Missing::unknown), "unknown");
  EXPECT_EQ(name_of(Phase::unknown), "unknown");
  EXPECT_EQ(code_named("at_minimum"), Code::at_minimum);
}

}  // namespace
}  // namespace selfscale
