// What the answers of hosted platforms have in common.
#include "drivers/hosted/answer.hpp"

#include <gtest/gtest.h>

#include "drivers/hosted/options.hpp"
#include "drivers/hosted/token.hpp"

namespace selfscale::drivers::hosted {
namespace {

using std::chrono::seconds;

const std::chrono::system_clock::time_point now{seconds{1'795'744'800}};

TEST(HostedWait, IsInThePlatformsOwnUnit) {
  EXPECT_EQ(wait_of({}, "40", Reset::seconds_left, now), seconds{40});
  EXPECT_EQ(wait_of({}, "1795744890", Reset::seconds_since_epoch, now), seconds{90});
  EXPECT_EQ(wait_of({}, "1795744000", Reset::seconds_since_epoch, now), seconds{0});
  EXPECT_EQ(wait_of("7", "40", Reset::seconds_left, now), seconds{7}) << "Retry-After comes first";
  EXPECT_EQ(wait_of("soon", "40", Reset::seconds_left, now), seconds{40});
}

TEST(HostedWait, IsReadAsItLooksWhereTheUnitIsNotSaid) {
  for (const std::string_view reset : {"40", "1795744840", "1795744840000", "2026-11-27T02:00:40Z",
                                       "2026-11-27T02:00:39.5Z", "Fri, 27 Nov 2026 02:00:40 GMT"}) {
    EXPECT_EQ(wait_of({}, reset, Reset::not_said, now), seconds{40}) << reset;
  }
  for (const std::string_view reset :
       {"", "soon", "0", "86401", "1795744799", "1895744840", "2026-11-27T01:00:00Z"}) {
    EXPECT_EQ(wait_of({}, reset, Reset::not_said, now), std::nullopt) << reset;
  }
  EXPECT_EQ(wait_of("7", "1795744840", Reset::not_said, now), seconds{7});
}

TEST(HostedWait, IsUnknownWhereNothingSensibleIsSaid) {
  for (const std::string_view reset : {"", "soon", "-1", "4.5", "99999999999999999999"}) {
    EXPECT_EQ(wait_of({}, reset, Reset::seconds_left, now), std::nullopt) << reset;
  }
  EXPECT_EQ(wait_of({}, "9999999999", Reset::seconds_left, now), seconds{86'400})
      << "a day at most";
}

TEST(HostedAnswer, ThatIsNestedTooDeepIsMalformed) {
  EXPECT_TRUE(parse(std::string(60, '[') + std::string(60, ']')));
  const auto deep = parse(std::string(100'000, '['));
  EXPECT_EQ(deep.error().code, Errc::malformed);
}

TEST(HostedToken, IsTheFirstThatIsSet) {
  const Environment environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "SECOND") return " word \n";
    if (name == "THIRD") return "two words";
    return std::nullopt;
  };
  EXPECT_EQ(read_token({"", {"FIRST", "SECOND", "THIRD"}}, environment).value().reveal(), "word");
  const auto bad = read_token({"", {"THIRD"}}, environment);
  EXPECT_EQ(bad.error().code, Errc::denied);
  EXPECT_EQ(bad.error().message, "THIRD holds no token: a token is one word of ASCII");
  EXPECT_EQ(read_token({"", {"FIRST", "FOURTH"}}, environment).error().message,
            "there is no token: set FIRST or FOURTH, or name a file in platform.tokenFile");
}

TEST(HostedToken, ThatIsMissingIsHeardOfBesideOtherMistakes) {
  const Environment environment = [](const std::string& name) {
    return name == "SET" ? std::optional<std::string>{"word"} : std::nullopt;
  };
  const Failure wrong{Errc::invalid_argument, "platform.service is missing", {}};
  EXPECT_EQ(with_missing_token(wrong, {"", {"SET"}}, environment).message, wrong.message);
  const auto both = with_missing_token(wrong, {"", {"KEY"}}, environment);
  EXPECT_EQ(both.code, Errc::invalid_argument);
  EXPECT_EQ(both.message,
            "platform.service is missing; there is no token: set KEY, or name a file in "
            "platform.tokenFile");
}

TEST(HostedOptions, NamesFitIntoAPath) {
  EXPECT_TRUE(is_name("web-1_a.b"));
  for (const auto* other : {"", ".", "..", "a/b", "a b", "a?b", "é"}) {
    EXPECT_FALSE(is_name(other)) << other;
  }
}

}  // namespace
}  // namespace selfscale::drivers::hosted
