#include <gtest/gtest.h>

#include <selfscale/error.hpp>
#include <selfscale/simulate.hpp>
#include <string>
#include <vector>

namespace selfscale {
namespace {

constexpr const char* head = "# unit: requests per minute\n# step_s: 60\nt_seconds,value\n";

std::string complaint(const std::string& text) {
  try {
    trace_from_csv(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::malformed);
    return error.what();
  }
  return "no complaint";
}

TEST(Trace, BinsBecomeRatesAtTheirCentres) {
  EXPECT_EQ(trace_from_csv(std::string{head} + "0,60\n60,120\n120,0\n"),
            (std::vector<LoadPoint>{{0, 1}, {30, 1}, {90, 2}, {150, 0}, {180, 0}}));
}

TEST(Trace, AUnitPerSecondIsARateAlready) {
  EXPECT_EQ(trace_from_csv("# unit: requests per second\n# step_s: 5\nt_seconds,value\n0,7\n"),
            (std::vector<LoadPoint>{{0, 7}, {2.5, 7}, {5, 7}}));
}

TEST(Trace, ToleratesBlankLinesCarriageReturnsAndOtherComments) {
  EXPECT_EQ(trace_from_csv("# name: x\r\n# unit: requests per minute\r\n# step_s: "
                           "60\r\n\r\nt_seconds,value\r\n0, 6\r\n")
                .size(),
            3);
}

struct Wrong {
  const char* name;
  std::string text;
  std::vector<std::string> says;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }

class WrongTrace : public testing::TestWithParam<Wrong> {};

TEST_P(WrongTrace, IsRefusedWithAWayOut) {
  const std::string said = complaint(GetParam().text);
  for (const std::string& part : GetParam().says)
    EXPECT_NE(said.find(part), std::string::npos) << said;
}

INSTANTIATE_TEST_SUITE_P(
    Every, WrongTrace,
    testing::Values(
        Wrong{"Empty", "", {"no line 't_seconds,value'", "put it"}},
        Wrong{"NoRows", head, {"has no rows", "one row per bin"}},
        Wrong{"NoColumns",
              "# unit: requests per minute\n# step_s: 60\n0,5\n",
              {"line 3", "'0,5'", "t_seconds,value"}},
        Wrong{"NoStep",
              "# unit: requests per minute\nt_seconds,value\n0,1\n",
              {"line 2", "step_s", "# step_s: 60"}},
        Wrong{"NoUnit",
              "# step_s: 60\nt_seconds,value\n0,1\n",
              {"line 2", "# unit: requests per minute"}},
        Wrong{"StepZero", "# step_s: 0\n", {"line 1", "above 0"}},
        Wrong{"Gap",
              std::string{head} + "0,1\n60,1\n300,1\n",
              {"line 6", "240 s after", "60 s", "fill the gap"}},
        Wrong{"Overlap", std::string{head} + "0,1\n30,1\n", {"line 5", "overlap"}},
        Wrong{
            "Disorder", std::string{head} + "60,1\n0,1\n", {"line 5", "0 comes after 60", "sort"}},
        Wrong{"Twice", std::string{head} + "0,1\n0,1\n", {"line 5", "each time once"}},
        Wrong{"Negative", std::string{head} + "0,-3\n", {"line 4", "-3", "negative"}},
        Wrong{"NotANumber", std::string{head} + "0,nan\n", {"line 4", "'0,nan'", "two numbers"}},
        Wrong{"Words", std::string{head} + "0,many\n", {"line 4", "'0,many'"}},
        Wrong{"OneColumn", std::string{head} + "17\n", {"line 4", "'17'"}}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace selfscale
