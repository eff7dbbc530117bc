#include "drivers/longest_work.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers {
namespace {

const Grace ten_seconds{10.0, "its own", "\"grace\": ", "   # here"};

TEST(LongestWorkThatIsCutOff, IsWarnedOfWithWhatMakesTheGracePeriodLongEnough) {
  const auto warning = work_cut_off(LongestWork{"job_time", 41.3217}, ten_seconds, "container");
  ASSERT_TRUE(warning);
  EXPECT_EQ(warning->what,
            "a piece of work takes up to 41.33 s (recorded in job_time); and a container that is "
            "to go is killed 10 s (its own) after it was told to end");
  EXPECT_EQ(warning->why,
            "where nobody is idle a scale-down takes a busy one, and cuts its work off");
  EXPECT_EQ(warning->paste, "\"grace\": 42   # here");
}

TEST(LongestWorkThatIsCutOff, IsNoneWhereItEndsInTimeOrNobodyHasRecordedAny) {
  EXPECT_FALSE(work_cut_off(LongestWork{"job_time", 10.0}, ten_seconds, "pod"));
  EXPECT_TRUE(work_cut_off(LongestWork{"job_time", 10.01}, ten_seconds, "pod"));
  EXPECT_FALSE(work_cut_off(std::nullopt, ten_seconds, "pod"));
}

TEST(LongestWorkThatIsCutOff, MayBeAnyBeyondTheLastBucket) {
  const auto warning =
      work_cut_off(LongestWork{"response_time", 4.2, /*is_open=*/true}, ten_seconds, "pod");
  ASSERT_TRUE(warning);
  EXPECT_TRUE(warning->what.starts_with("a piece of work takes more than 4.2 s"));
  EXPECT_EQ(warning->paste, "\"grace\": SECONDS   # here") << "how many, a person alone knows";
}

TEST(LongestWorkInWords, IsNoLessThanItIs) {
  EXPECT_EQ(in_seconds(30.0), "30 s");
  EXPECT_EQ(in_seconds(0.2501), "0.26 s");
  EXPECT_EQ(whole_seconds(30.0), "30");
  EXPECT_EQ(whole_seconds(30.2), "31");
}

}  // namespace
}  // namespace selfscale::drivers
