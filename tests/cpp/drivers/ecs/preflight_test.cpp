// What the driver `ecs` finds before it acts.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/ecs/driver_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

TEST_F(EcsDriver, WithoutARegionItSaysWhatToSet) {
  auto surroundings = aws.surroundings();
  surroundings.environment = [](const std::string&) { return std::nullopt; };
  const auto lost = ecs_driver(io, options, surroundings);
  const auto found = found_by(io, *lost);
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("platform.region"), std::string::npos) << found.wrong[0].what;
}

TEST_F(EcsDriver, ADaemonCannotBeScaled) {
  aws.with([](State& state) { state.service["schedulingStrategy"] = "DAEMON"; });
  ASSERT_EQ(preflight().wrong.size(), 1U);
  EXPECT_EQ(scale(4).error().code, Errc::failed);
}

TEST_F(EcsDriver, AMissingRightIsNamedBeforeAnythingIsDone) {
  script("DescribeServices", {refusal("AccessDeniedException", "no")});
  const auto found = preflight();
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("missing permission: ecs:DescribeServices"),
            std::string::npos);
  script("DescribeScalableTargets", {refusal("AccessDeniedException", "no")});
  const auto blind = preflight();
  ASSERT_EQ(blind.wrong.size(), 1U) << "an autoscaler that cannot be seen may be there";
  EXPECT_NE(blind.wrong[0].what.find("application-autoscaling:DescribeScalableTargets"),
            std::string::npos);
}

TEST_F(EcsDriver, ANativeAutoscalerOnTheSameServiceIsAConflict) {
  add_autoscaler(false, {"cpu"}, {"nightly"});
  const auto found = preflight();
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("from 2 to 10, by the policies cpu, by the scheduled actions "
                                     "nightly"),
            std::string::npos)
      << found.wrong[0].what;
}

TEST_F(EcsDriver, OneThatIsSuspendedOrHasNothingToActByIsNone) {
  add_autoscaler(true, {"cpu"});
  EXPECT_EQ(sentences(preflight().wrong), Names{});
  add_autoscaler(false, {});
  EXPECT_EQ(sentences(preflight().wrong), Names{});
}

TEST_F(EcsDriver, WhoeverPutsHisOwnCountBackIsWarnedOf) {
  using Tags = std::map<std::string, std::string>;
  for (const auto& [tags, words] :
       {std::pair{Tags{{"aws:cloudformation:stack-name", "shop-web"}}, "stack shop-web"},
        std::pair{Tags{{"ManagedBy", "Terraform"}}, "Terraform"},
        std::pair{Tags{{"terraform", "true"}}, "Terraform"}}) {
    aws.with([&tags = tags](State& state) { state.tags = tags; });
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{});
    ASSERT_EQ(found.warnings.size(), 1U) << words;
    EXPECT_NE(found.warnings[0].what.find(words), std::string::npos) << found.warnings[0].what;
    EXPECT_NE(found.warnings[0].why, "");
    EXPECT_NE(found.warnings[0].paste, "");
  }
  aws.with([](State& state) { state.tags = {{"team", "shop"}}; });
  EXPECT_EQ(sentences(preflight().warnings), Names{});
}

TEST_F(EcsDriver, ARightThatOnlyAScaleInNeedsIsMissedBeforeIt) {
  begin_with_tasks({"a", "b"});
  for (const std::string operation : {"ListTasks", "DescribeTasks", "GetTaskProtection"}) {
    begin_anew();
    script(operation, {refusal("AccessDeniedException", "no")});
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
    ASSERT_EQ(found.warnings.size(), 1U) << operation;
    const auto& warning = found.warnings[0];
    EXPECT_NE(warning.what.find("missing permission: ecs:" + operation), std::string::npos)
        << warning.what;
    EXPECT_NE(warning.why, "");
    EXPECT_NE(warning.paste.find("ecs:" + operation), std::string::npos);
    EXPECT_EQ(sentences(preflight().warnings), Names{}) << "a person has given it";
  }
  const auto asked = operations();
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  const auto again = operations();
  EXPECT_EQ(std::ranges::count(again, "ListTasks"), std::ranges::count(asked, "ListTasks"))
      << "it is known";
  options.protects_busy_tasks = false;
  begin_anew();
  script("ListTasks", {refusal("AccessDeniedException", "no")});
  EXPECT_EQ(sentences(preflight().warnings), Names{}) << "nobody needs it";
}

TEST_F(EcsDriver, WhatStandsAgainstAScaleInAloneIsNoFailureOfThePreflight) {
  begin_with_tasks({"a", "b"});
  for (const std::string operation : {"ListTasks", "DescribeTasks", "GetTaskProtection"}) {
    begin_anew();
    script(operation, {refusal("InvalidParameterException", "not of this service")});
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
    ASSERT_EQ(found.warnings.size(), 1U) << operation;
    EXPECT_NE(found.warnings[0].what.find("no scale-in can be carried out: " + operation),
              std::string::npos)
        << found.warnings[0].what;
    EXPECT_EQ(found.warnings[0].paste.find("Allow"), std::string::npos) << "no right is missing";
    begin_anew();
    script(operation, {{503, "", ""}});
    const auto later = preflight();
    EXPECT_EQ(sentences(later.wrong), Names{}) << operation;
    EXPECT_EQ(sentences(later.warnings), Names{}) << "the next look may see it";
  }
}

TEST_F(EcsDriver, WhereAnotherOneControlsDeploymentsNoProtectionIsReadOf) {
  begin_with_tasks({"a", "b"});
  aws.with([](State& state) { state.service["deploymentController"] = {{"type", "CODE_DEPLOY"}}; });
  script("GetTaskProtection", {refusal("InvalidParameterException", "not of this service")});
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].what.find("CODE_DEPLOY"), std::string::npos)
      << found.warnings[0].what;
}

}  // namespace
}  // namespace selfscale::drivers::ecs
