// The driver `ecs` as it looks at its service and scales it; what all drivers share is in
// conformance.
#include <gtest/gtest.h>

#include "drivers/ecs/driver_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

// ---- writes

TEST_F(EcsDriver, AChangeLeavesTheCapacityProviderStrategyAlone) {
  const auto before = aws.with([](State& state) { return state.service; });
  ASSERT_TRUE(scale(5));
  auto after = aws.with([](State& state) { return state.service; });
  EXPECT_EQ(after["desiredCount"], 5);
  for (const char* key : {"desiredCount", "runningCount", "pendingCount"}) after[key] = before[key];
  EXPECT_EQ(after, before);
}

TEST_F(EcsDriver, SignsWithATokenWhereTheCredentialsAreTemporary) {
  aws.with([](State& state) { state.session_token = "AQoD//token=="; });
  EXPECT_TRUE(scale(5));  // the fake complains of anything else
}

TEST_F(EcsDriver, AWriteThatIsAcceptedAndIgnoredIsAFailure) {
  const auto service = aws.with([](State& state) { return state.service; });
  script("UpdateService", {{200, Json{{"service", service}}.dump(), ""}});
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
  EXPECT_EQ(written.error().message,
            "UpdateService was accepted, and the service still wants 2 tasks");
}

// ---- what is seen

TEST_F(EcsDriver, SeesAllTasksPageByPage) {
  Names ids;
  for (int i = 0; i < 230; ++i) ids.push_back("t" + std::to_string(i));
  begin_with_tasks(ids);
  const auto seen = observe();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->replicas.size(), 230U);
  EXPECT_EQ(seen->replicas[229].instance, "t229");
  EXPECT_EQ(seen->replicas[0].started_seconds_ago, 60.0);
  EXPECT_EQ(seen->poll_after_seconds, 15.0);
}

TEST_F(EcsDriver, WithoutTheRightToListTasksItCountsOnAndSaysSo) {
  script("ListTasks", {refusal("AccessDeniedException", "no")});
  const auto seen = observe();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->ready, 2);
  EXPECT_NE(seen->note.find("ecs:ListTasks"), std::string::npos) << seen->note;
}

TEST_F(EcsDriver, AServiceThatIsNotThereIsNotFound) {
  options.place.service = "wbe";
  EXPECT_EQ(observe().error().code, Errc::not_found);
  EXPECT_EQ(scale(4).error().code, Errc::not_found);
}

TEST_F(EcsDriver, AFailedDeploymentIsSeenInThePlatformsWords) {
  aws.with([](State& state) {
    state.service["deployments"][0]["rolloutState"] = "FAILED";
    state.service["deployments"][0]["rolloutStateReason"] = "tasks failed to start.";
  });
  EXPECT_EQ(observe()->failure, "deployment ecs-svc/1 failed: tasks failed to start.");
}

}  // namespace
}  // namespace selfscale::drivers::ecs
