#include "policy/duration.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace selfscale {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsWhatPeopleWrite) {
  const std::pair<std::string_view, Duration> cases[] = {
      {"250ms", 250ms},         {"90s", 90s},     {"2m", 2min},
      {"1h30m", 90min},         {"1.5s", 1500ms}, {"0s", 0ms},
      {"1h1m1s1ms", 3661001ms}, {"0.5h", 30min},  {"24h", 24h}};
  for (const auto& [text, duration] : cases) EXPECT_EQ(parse_duration(text), duration) << text;
}

TEST(Duration, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "5", "s", "5 s", "-5s", "5S", "30m1h", "1m1m", "1.5ms", "1..5s", "5min", "1e3s",
        "999999h", "400000000000000000000s", "nan s", "5s "}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, ANumberMustFit) {
  EXPECT_EQ(duration_of(5, 1min), 5min);
  EXPECT_EQ(duration_of(0.25, 1s), 250ms);
  EXPECT_FALSE(duration_of(-1, 1s));
  EXPECT_FALSE(duration_of(1e300, 1s));
  EXPECT_FALSE(duration_of(0.0001, 1s));
}

RC_GTEST_PROP(Duration, WrittenAndReadAgainIsTheSame, ()) {
  const Duration duration{*rc::gen::inRange<std::int64_t>(0, longest_duration.count() + 1)};
  RC_ASSERT(parse_duration(to_text(duration)) == duration);
}

}  // namespace
}  // namespace selfscale
