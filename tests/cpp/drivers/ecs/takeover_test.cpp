// The driver `ecs` takes an autoscaler over, and gives it back.
#include "drivers/takeover.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/ecs/driver_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

TEST_F(EcsDriver, WithConsentTheNativeAutoscalerIsSuspendedByTheFirstWriteAndGivenBack) {
  options.takes_over = true;
  add_autoscaler(false, {"cpu"});
  set_suspended({false, false, true});
  const Suspended before{false, false, true};
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].what.find("takeOver"), std::string::npos);
  EXPECT_EQ(suspended(), before) << "looking changes nothing";
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(suspended().all());
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_EQ(suspended(), before);
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_EQ(aws.with([](State& state) {
    return std::ranges::count(state.operations, "RegisterScalableTarget");
  }),
            2);
}

TEST_F(EcsDriver, WhatIsNotSuspendedIsNotWrittenAgainst) {
  options.takes_over = true;
  add_autoscaler(false, {"cpu"});
  script("RegisterScalableTarget", {refusal("AccessDeniedException", "no")});
  const auto written = scale(3);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "application-autoscaling:RegisterScalableTarget");
  EXPECT_EQ(aws.writes(), 0);
}

TEST_F(EcsDriver, WithoutATakeoverNothingIsGivenBack) {
  add_autoscaler(true, {"cpu"});
  options.takes_over = true;
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_TRUE(aws.with([](State& state) {
    return std::ranges::count(state.operations, "RegisterScalableTarget") == 0;
  }));
}

TEST_F(EcsDriver, TheNextLeaderGivesBackWhatTheOneBeforeTookOver) {
  options.takes_over = true;
  const Suspended before{false, false, true};
  begin_with_autoscaler(before);
  ASSERT_TRUE(scale(3));
  EXPECT_TRUE(suspended().all());
  begin_anew();
  EXPECT_EQ(sentences(preflight().wrong), Names{});
  ASSERT_TRUE(scale(4));
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back(before);
}

TEST_F(EcsDriver, WhicheverCallOfATakeoverFailsTheNextLeaderGivesBackWhatWasThere) {
  options.takes_over = true;
  const Suspended before{false, false, true};
  for (const std::string operation : {"DescribeServices", "DescribeScalableTargets", "TagResource",
                                      "RegisterScalableTarget", "UpdateService"}) {
    for (const bool is_done : {false, true}) {
      for (const bool scales_on : {false, true}) {
        SCOPED_TRACE(operation + (is_done ? ", done" : "") + (scales_on ? ", goes on" : ""));
        begin_with_autoscaler(before);
        script(operation, {{500, "", "", is_done}});
        ASSERT_FALSE(scale(3));
        begin_anew();
        if (scales_on) {
          ASSERT_TRUE(scale(4));
          EXPECT_TRUE(suspended().all());
          begin_anew();
        }
        ASSERT_TRUE(release());
        expect_given_back(before);
      }
    }
  }
}

TEST_F(EcsDriver, WhicheverCallOfAReleaseFailsTheNextOneGivesBackWhatWasThere) {
  options.takes_over = true;
  const Suspended before{false, true, false};
  for (const std::string operation :
       {"DescribeServices", "DescribeScalableTargets", "RegisterScalableTarget", "UntagResource"}) {
    for (const bool is_done : {false, true}) {
      for (const bool scales_on : {false, true}) {
        SCOPED_TRACE(operation + (is_done ? ", done" : "") + (scales_on ? ", goes on" : ""));
        begin_with_autoscaler(before);
        ASSERT_TRUE(scale(3));
        script(operation, {{500, "", "", is_done}});
        ASSERT_FALSE(release());
        begin_anew();
        if (scales_on) {
          ASSERT_TRUE(scale(4));
          EXPECT_TRUE(suspended().all());
          begin_anew();
        }
        ASSERT_TRUE(release());
        expect_given_back(before);
      }
    }
  }
}

TEST_F(EcsDriver, WhatIsToBeGivenBackIsKeptBeforeAnythingIsSuspendedAndUntilItIsGivenBack) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(release());
  auto operations = aws.with([](State& state) { return state.operations; });
  std::erase_if(operations, [](const std::string& each) { return each.starts_with("Describe"); });
  EXPECT_EQ(operations, (Names{"TagResource", "RegisterScalableTarget", "UpdateService",
                               "RegisterScalableTarget", "UntagResource"}));
}

TEST_F(EcsDriver, WhatAPersonResumesDuringATakeoverStaysResumed) {
  options.takes_over = true;
  begin_with_autoscaler({true, false, true});
  ASSERT_TRUE(scale(3));
  set_suspended({false, true, true});
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back({false, false, true});

  begin_with_autoscaler({true, false, true});
  ASSERT_TRUE(scale(3));
  set_suspended({false, true, true});
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(suspended().all());
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back({false, false, true});
}

TEST_F(EcsDriver, ATargetThatIsGoneIsNotMadeAnewByGivingItBack) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  aws.with([](State& state) { state.target.reset(); });
  ASSERT_TRUE(release());
  EXPECT_FALSE(aws.with([](State& state) { return state.target.has_value(); }));
  EXPECT_EQ(aws.with([](State& state) { return state.tags.size(); }), 1U);
}

TEST_F(EcsDriver, WhatIsNotKeptIsNotSuspended) {
  options.takes_over = true;
  begin_with_autoscaler({});
  script("TagResource", {refusal("AccessDeniedException", "no")});
  const auto written = scale(3);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "ecs:TagResource");
  EXPECT_EQ(suspended(), Suspended{});
  EXPECT_EQ(aws.writes(), 0);
}

TEST_F(EcsDriver, WithoutConsentItSaysOfAnEarlierTakeoverAndTouchesNothing) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  options.takes_over = false;
  begin_anew();
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_EQ(found.warnings[0].what, left_suspended("the tag selfscale:taken-over").what);
  ASSERT_TRUE(release());
  EXPECT_TRUE(suspended().all());
  set_suspended({});
  EXPECT_EQ(sentences(preflight().warnings), Names{}) << "a person has resumed it";
}

}  // namespace
}  // namespace selfscale::drivers::ecs
