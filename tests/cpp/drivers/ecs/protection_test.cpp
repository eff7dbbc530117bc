// Whom the driver `ecs` protects in a scale-in, and lets go after it.
#include <gtest/gtest.h>

#include <algorithm>

#include "drivers/ecs/driver_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

TEST_F(EcsDriver, AScaleInProtectsTheTasksThatAreNotToGo) {
  begin_with_tasks({"a", "b", "c", "d"});
  ASSERT_TRUE(scale(3, {"c", "a", "b", "d"}));
  EXPECT_EQ(protected_tasks(), (Names{"a", "b", "d"}));
  EXPECT_EQ(tasks(), (Names{"a", "b", "d"}));
  EXPECT_EQ(aws.count(), 3);
}

TEST_F(EcsDriver, TheIdleTaskOfASecondScaleInGoesAtOnceThoughTheFirstProtectedIt) {
  begin_with_tasks({"a", "b", "c", "d"});
  ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  EXPECT_EQ(tasks(), (Names{"a", "b"}));
  pass(std::chrono::minutes{30});
  EXPECT_EQ(observe()->current, 2);
  EXPECT_EQ(tasks(), (Names{"a", "b"})) << "none is left to go when the protections end";
}

TEST_F(EcsDriver, AProtectionThatWouldEndBeforeANewOneIsExtended) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::seconds{20});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{5});
}

TEST_F(EcsDriver, AProtectionThatLastsLongerIsLeftAlone) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::hours{2});
  ASSERT_TRUE(scale(2, {"b", "a", "c"}));
  EXPECT_EQ(protected_for("a"), std::chrono::hours{2});
  EXPECT_EQ(protections_asked(), Json({{task_arn("c")}}));
}

TEST_F(EcsDriver, AnIdleTaskThatProtectsItselfStaysAndTheNextOneGoes) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::hours{2});
  ASSERT_TRUE(scale(2, {"a", "b", "c"}));
  EXPECT_EQ(tasks(), (Names{"a", "c"}));
  EXPECT_EQ(protected_for("a"), std::chrono::hours{2});
}

TEST_F(EcsDriver, WhoeverStaysIsProtectedBeforeAnyoneElsesProtectionIsTakenAway) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("b", std::chrono::minutes{4});
  ASSERT_TRUE(scale(2, {"b", "a", "c"}));
  EXPECT_EQ(protections_asked(), Json({{task_arn("a"), task_arn("c")}, {task_arn("b")}}));
  EXPECT_EQ(aws.with([](State& state) { return state.operations.back(); }), "UpdateService");
}

TEST_F(EcsDriver, WhicheverCallOfASecondScaleInFailsNoBusyTaskGoesAndTheNextTryEndsTheIdleOne) {
  for (const std::string operation :
       {"DescribeServices", "ListTasks", "DescribeTasks", "GetTaskProtection",
        "UpdateTaskProtection", "UpdateService"}) {
    for (const bool is_done : {false, true}) {
      SCOPED_TRACE(operation + (is_done ? ", done" : ""));
      begin_with_tasks({"a", "b", "c", "d"});
      ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
      script(operation, {{500, "", "", is_done}});
      EXPECT_FALSE(scale(2, {"c", "a", "b"}));
      ASSERT_TRUE(scale(2, {"c", "a", "b"}));
      EXPECT_EQ(tasks(), (Names{"a", "b"}));
    }
  }
}

TEST_F(EcsDriver, AScaleInWhoseTasksToGoStayProtectedIsNotCarriedOut) {
  begin_with_tasks({"a", "b"});
  set_protected("a", std::chrono::minutes{4});
  set_protected("b", std::chrono::hours{2});
  script("UpdateTaskProtection",
         {{200,
           Json{{"protectedTasks", Json::array()},
                {"failures", {{{"arn", task_arn("a")}, {"reason", "TASK_NOT_VALID"}}}}}
               .dump(),
           ""}});
  const auto written = scale(1, {"a", "b"});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("TASK_NOT_VALID"), std::string::npos);
  EXPECT_EQ(aws.count(), 2);
}

Names many(int count) {
  Names ids;
  for (int i = 0; i < count; ++i) ids.push_back("t" + std::to_string(i));
  return ids;
}

TEST_F(EcsDriver, OfManyTasksAsManyAreReadAndProtectedByACallAsAwsTakes) {
  begin_with_tasks(many(250));
  ASSERT_TRUE(scale(249, many(250)));  // the fake complains of more
  EXPECT_EQ(protected_tasks().size(), 249U);
  EXPECT_EQ(std::ranges::count(operations(), "GetTaskProtection"), 3);
  EXPECT_EQ(protections_asked().size(), 25U);
}

TEST_F(EcsDriver, AScaleInOfManyTasksGoesOnWhereItsLastAttemptEnded) {
  begin_with_tasks(many(25));
  script("UpdateTaskProtection", {{500, "", "", true}});
  ASSERT_FALSE(scale(24, many(25)));
  pass(std::chrono::seconds{30});
  ASSERT_TRUE(scale(24, many(25)));
  std::vector<std::size_t> sizes;
  for (const auto& each : protections_asked()) sizes.push_back(each.size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 4}));
  EXPECT_EQ(protected_tasks().size(), 24U);
}

TEST_F(EcsDriver, AScaleInThatCannotProtectIsNotCarriedOut) {
  aws.set_count(3);
  add_tasks({"a", "b", "c"});
  script("UpdateTaskProtection", {refusal("AccessDeniedException", "no")});
  const auto written = scale(2, {"b", "a", "c"});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "ecs:UpdateTaskProtection");
  EXPECT_NE(written.error().message.find("protectBusyTasks"), std::string::npos);
  EXPECT_EQ(aws.count(), 3);
}

TEST_F(EcsDriver, NeitherAGrowthNorAScaleInWithoutVictimsProtectsAnything) {
  add_tasks({"a", "b"});
  ASSERT_TRUE(scale(4, {"a", "b"}));
  ASSERT_TRUE(scale(3));
  options.protects_busy_tasks = false;
  const auto plain = ecs_driver(io, options, aws.surroundings());
  ScaleRequest request;
  request.desired = 1;
  request.victims = {"a", "b"};
  ASSERT_TRUE(run(io, plain->scale(std::move(request))));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsDriver, OfThoseThatAreNotReadyNoneIsProtected) {
  begin_with_tasks({"a", "b", "c", "d"});
  aws.with([](State& state) {
    state.tasks[2]["lastStatus"] = "PENDING";
    state.tasks[3]["lastStatus"] = "PROVISIONING";
  });
  ASSERT_TRUE(scale(3, {"c", "d", "a", "b"}));
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
}

TEST_F(EcsDriver, WhomAScaleInKeptIsLetGoOnceItIsDone) {
  begin_with_tasks({"a", "b", "c", "d"});
  set_protected("a", std::chrono::minutes{30});
  ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
  ASSERT_EQ(protected_tasks(), (Names{"a", "b", "c"}));
  set_protected("b", std::chrono::minutes{30});  // it has begun to work since
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
  const auto asked = operations();
  ASSERT_TRUE(go_on());
  EXPECT_EQ(operations(), asked) << "that was all";
}

TEST_F(EcsDriver, WhomAScaleInKeepsIsNotLetGoBeforeItIsDone) {
  begin_with_tasks({"a", "b", "c"});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  aws.with([](State& state) {
    state.tasks.push_back(task_json("c"));  // it takes its time to end
    state.protected_until[task_arn("c")] = state.time + std::chrono::hours{2};
    state.service["runningCount"] = 3;
  });
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b", "c"}));
  aws.with([](State& state) { state.protected_until.erase(task_arn("c")); });
  ASSERT_TRUE(go_on());
  EXPECT_EQ(tasks(), (Names{"a", "b"}));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsDriver, AnAnswerFromBeforeAScaleInDoesNotEndIt) {
  begin_with_tasks({"a", "b", "c"});
  const auto before = aws.with([](State& state) { return state.service; });
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  script("DescribeServices",
         {{200, Json{{"services", {before}}, {"failures", Json::array()}}.dump(), ""}});
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
  pass(std::chrono::minutes{5});
  const auto asked = operations();
  ASSERT_TRUE(go_on());
  EXPECT_EQ(operations(), asked) << "they have run out";
}

}  // namespace
}  // namespace selfscale::drivers::ecs
