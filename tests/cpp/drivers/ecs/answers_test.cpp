#include "drivers/ecs/answers.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drivers/ecs/shapes_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

const Place prod{"prod", "web"};

/// The text of an answer that has the published shape.
std::string answer(Api api, const std::string& operation, const Json& body) {
  EXPECT_EQ(mismatch_of_answer(api, operation, body), "") << operation;
  return body.dump();
}

std::string ecs(const std::string& operation, const Json& body) {
  return answer(Api::ecs, operation, body);
}

std::string scaling(const std::string& operation, const Json& body) {
  return answer(Api::scaling, operation, body);
}

Json service_json(int desired, int running, int pending) {
  return {{"serviceArn", "arn:aws:ecs:eu-west-1:1:service/prod/web"},
          {"serviceName", "web"},
          {"clusterArn", "arn:aws:ecs:eu-west-1:1:cluster/prod"},
          {"status", "ACTIVE"},
          {"desiredCount", desired},
          {"runningCount", running},
          {"pendingCount", pending},
          {"schedulingStrategy", "REPLICA"},
          {"deploymentController", {{"type", "ECS"}}},
          {"capacityProviderStrategy",
           {{{"capacityProvider", "FARGATE_SPOT"}, {"weight", 4}, {"base", 0}}}},
          {"deployments",
           {{{"id", "ecs-svc/1"},
             {"status", "PRIMARY"},
             {"desiredCount", desired},
             {"rolloutState", "COMPLETED"},
             {"rolloutStateReason", "ECS deployment ecs-svc/1 completed."}}}},
          {"events",
           {{{"id", "e2"},
             {"createdAt", 1795346386.8},
             {"message", "(service web) has reached a steady state."}},
            {{"id", "e1"}, {"createdAt", 1795346000.1}, {"message", "(service web) started"}}}}};
}

Service service_of(const Json& service) {
  auto read = parse_described(
      ecs("DescribeServices", {{"services", {service}}, {"failures", Json::array()}}), prod);
  EXPECT_TRUE(read) << read.error().message;
  return read.value();
}

Task task(const std::string& id, const std::string& status, const std::string& health = "UNKNOWN",
          std::optional<double> started_at = std::nullopt) {
  return {"arn:aws:ecs:eu-west-1:1:task/prod/" + id, status, health, started_at};
}

// ---- the service

TEST(ServiceAnswer, HasItsCounts) {
  const auto service = service_of(service_json(3, 2, 1));
  EXPECT_EQ(service.desired, 3);
  EXPECT_EQ(service.running, 2);
  EXPECT_EQ(service.pending, 1);
  EXPECT_EQ(service.scheduling_strategy, "REPLICA");
  EXPECT_EQ(service.controller, "ECS");
  ASSERT_EQ(service.deployments.size(), 1U);
  EXPECT_EQ(service.deployments[0].rollout_state, "COMPLETED");
  ASSERT_EQ(service.events.size(), 2U);
  EXPECT_EQ(service.events[0], "(service web) has reached a steady state.");
}

TEST(ServiceAnswer, OfAnUpdateIsTheSame) {
  const auto read = parse_updated(ecs("UpdateService", {{"service", service_json(5, 2, 0)}}));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->desired, 5);
}

TEST(ServiceAnswer, AServiceThatIsNotThereIsNoErrorToAws) {
  const auto read = parse_described(
      ecs("DescribeServices",
          {{"services", Json::array()},
           {"failures",
            {{{"arn", "arn:aws:ecs:eu-west-1:1:service/web"}, {"reason", "MISSING"}}}}}),
      prod);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Errc::not_found);
  EXPECT_EQ(read.error().message,
            "the service \"web\" of the cluster \"prod\" is not there (MISSING)");
}

TEST(ServiceAnswer, AServiceThatIsBeingDeletedIsNotThereEither) {
  for (const char* status : {"DRAINING", "INACTIVE"}) {
    auto service = service_json(0, 0, 0);
    service["status"] = status;
    const auto read = parse_described(Json{{"services", {service}}}.dump(), prod);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Errc::not_found);
    EXPECT_NE(read.error().message.find(status), std::string::npos);
  }
}

TEST(ServiceAnswer, WhatIsNotUnderstoodIsMalformed) {
  const auto with = [](const char* key, const Json& value) {
    auto service = service_json(3, 2, 1);
    service[key] = value;
    return Json{{"services", {service}}}.dump();
  };
  for (const auto& text :
       {std::string{}, std::string{"<html>"}, std::string{"[]"}, std::string{"{}"},
        std::string{R"({"services": 7})"}, std::string{R"({"services": [7]})"},
        std::string{R"({"services": []})"}, with("desiredCount", -1), with("desiredCount", "3"),
        with("runningCount", 2'000'000'000), with("pendingCount", 1.5), with("status", nullptr),
        with("deployments", "none")}) {
    const auto read = parse_described(text, prod);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, Errc::malformed) << text;
    EXPECT_NE(read.error().message.find("DescribeServices"), std::string::npos);
  }
}

// ---- tasks

TEST(TaskAnswer, PagesAreFollowedByTheirToken) {
  const auto page = parse_task_page(ecs(
      "ListTasks", {{"taskArns", {"arn:aws:ecs:eu-west-1:1:task/prod/a"}}, {"nextToken", "more"}}));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->arns, std::vector<std::string>{"arn:aws:ecs:eu-west-1:1:task/prod/a"});
  EXPECT_EQ(page->next_token, "more");
  EXPECT_EQ(parse_task_page(R"({"taskArns": []})")->next_token, "");
  EXPECT_EQ(parse_task_page("{}").error().code, Errc::malformed);
  EXPECT_EQ(parse_task_page(R"({"taskArns": [7]})").error().code, Errc::malformed);
}

TEST(TaskAnswer, HasStateHealthAndStart) {
  const auto tasks =
      parse_tasks(ecs("DescribeTasks", {{"tasks",
                                         {{{"taskArn", "arn:aws:ecs:eu-west-1:1:task/prod/a"},
                                           {"lastStatus", "RUNNING"},
                                           {"desiredStatus", "RUNNING"},
                                           {"healthStatus", "HEALTHY"},
                                           {"startedAt", 1795346386.8}},
                                          {{"taskArn", "arn:aws:ecs:eu-west-1:1:task/prod/b"},
                                           {"lastStatus", "PENDING"},
                                           {"desiredStatus", "RUNNING"}},
                                          {{"taskArn", "arn:aws:ecs:eu-west-1:1:task/prod/c"},
                                           {"lastStatus", "RUNNING"},
                                           {"desiredStatus", "STOPPED"}}}},
                                        {"failures", {{{"arn", "d"}, {"reason", "MISSING"}}}}}));
  ASSERT_TRUE(tasks) << tasks.error().message;
  ASSERT_EQ(tasks->size(), 2U) << "one was asked to stop: it is no replica any more";
  EXPECT_EQ((*tasks)[0].health, "HEALTHY");
  EXPECT_EQ((*tasks)[0].started_at, 1795346386.8);
  EXPECT_EQ((*tasks)[1].started_at, std::nullopt);
  EXPECT_EQ(parse_tasks(R"({"tasks": [{"lastStatus": "RUNNING"}]})").error().code, Errc::malformed);
}

// ---- what the agent sees

TEST(EcsObservation, CountsWhatRunsAndWhatIsAboutTo) {
  const auto seen = observation_of(service_of(service_json(3, 2, 1)), {}, 0.0);
  EXPECT_EQ(seen.desired, 3);
  EXPECT_EQ(seen.current, 3);
  EXPECT_EQ(seen.ready, 2);
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.failure, "");
  EXPECT_EQ(seen.note, "");
  EXPECT_EQ(seen.version, "");
}

TEST(EcsObservation, NamesEachTask) {
  const auto seen =
      observation_of(service_of(service_json(2, 1, 1)),
                     {task("a", "RUNNING", "UNKNOWN", 940.0), task("b", "PENDING")}, 1000.0);
  ASSERT_EQ(seen.replicas.size(), 2U);
  EXPECT_EQ(seen.replicas[0].instance, "a");
  EXPECT_TRUE(seen.replicas[0].ready);
  EXPECT_EQ(seen.replicas[0].started_seconds_ago, 60.0);
  EXPECT_FALSE(seen.replicas[1].ready);
  EXPECT_EQ(seen.replicas[1].started_seconds_ago, std::nullopt);
  EXPECT_EQ(seen.ready, 1);
}

TEST(EcsObservation, ATaskIsReadyWhenItRunsAndIsNotUnhealthy) {
  struct Case {
    const char* name;
    std::vector<std::string> health;
    int ready;
  };
  for (const auto& [name, health, ready] :
       std::initializer_list<Case>{{"no health check", {"UNKNOWN", "UNKNOWN", "UNKNOWN"}, 3},
                                   {"all healthy", {"HEALTHY", "HEALTHY", "HEALTHY"}, 3},
                                   {"one is sick", {"HEALTHY", "UNHEALTHY", "HEALTHY"}, 2},
                                   {"one is not judged yet", {"HEALTHY", "HEALTHY", "UNKNOWN"}, 2},
                                   {"all sick", {"UNHEALTHY", "UNHEALTHY", "UNHEALTHY"}, 0}}) {
    std::vector<Task> tasks;
    for (const auto& each : health) tasks.push_back(task("t", "RUNNING", each));
    EXPECT_EQ(observation_of(service_of(service_json(3, 3, 0)), tasks, 0.0).ready, ready) << name;
  }
}

TEST(EcsObservation, ADeploymentThatReplacesAnotherIsAnUpdate) {
  auto service = service_json(3, 3, 0);
  service["deployments"].push_back({{"id", "ecs-svc/0"}, {"status", "ACTIVE"}});
  EXPECT_TRUE(observation_of(service_of(service), {}, 0.0).updating);
}

TEST(EcsObservation, AFailedDeploymentIsTheFailureInThePlatformsWords) {
  auto service = service_json(3, 0, 0);
  service["deployments"][0]["rolloutState"] = "FAILED";
  service["deployments"][0]["rolloutStateReason"] =
      "ECS deployment circuit breaker: tasks failed to start.";
  EXPECT_EQ(observation_of(service_of(service), {}, 0.0).failure,
            "deployment ecs-svc/1 failed: ECS deployment circuit breaker: tasks failed to start.");
}

TEST(EcsObservation, OneThatIsRolledBackIsOnlyNoted) {
  auto service = service_json(3, 3, 0);
  service["deployments"].push_back(
      {{"id", "ecs-svc/2"},
       {"status", "ACTIVE"},
       {"rolloutState", "FAILED"},
       {"rolloutStateReason", "ECS deployment circuit breaker: tasks failed to start."}});
  const auto seen = observation_of(service_of(service), {}, 0.0);
  EXPECT_EQ(seen.failure, "");
  EXPECT_EQ(seen.note,
            "deployment ecs-svc/2 failed: ECS deployment circuit breaker: tasks failed to start.");
}

TEST(EcsObservation, ATaskThatCannotBePlacedIsTheFailureWhileOneIsWanted) {
  const std::string words =
      "(service web) was unable to place a task because no container instance met all of its "
      "requirements.";
  auto service = service_json(3, 2, 0);
  service["events"].insert(service["events"].begin(), Json{{"id", "e3"}, {"message", words}});
  EXPECT_EQ(observation_of(service_of(service), {}, 0.0).failure, words);
  service["runningCount"] = 3;
  EXPECT_EQ(observation_of(service_of(service), {}, 0.0).failure, "");
}

// ---- protection

using Arns = std::vector<std::string>;

TEST(Protection, IsForTheKnownTasks) {
  const std::vector<Task> tasks{task("a", "RUNNING"), task("b", "RUNNING"), task("c", "RUNNING")};
  const auto arn = [](const char* id) {
    return std::string{"arn:aws:ecs:eu-west-1:1:task/prod/"} + id;
  };
  EXPECT_EQ(in_order(tasks, {"c", "a"}), (Arns{arn("c"), arn("a")}));
  EXPECT_EQ(in_order(tasks, {"x", "b"}), Arns{arn("b")}) << "x is no task: passed over";
  EXPECT_EQ(in_order(tasks, {}), Arns{});
}

TEST(Protection, IsForThoseThatAreNotToGo) {
  const auto plan = plan_protection({"c", "a", "b"}, {}, 1, 1'000.0);
  EXPECT_EQ(plan.kept, (Arns{"a", "b"}));
  EXPECT_EQ(plan.released, Arns{});
  EXPECT_EQ(plan_protection({"c", "a", "b"}, {}, 3, 1'000.0).kept, Arns{});
}

TEST(Protection, OfAnEarlierScaleInIsTakenFromThoseThatGoAndMadeLongerForTheOthers) {
  const auto plan = plan_protection({"c", "a", "b"},
                                    {{"a", 1'001.0}, {"b", 1'300.0}, {"c", 1'300.0}}, 1, 1'000.0);
  EXPECT_EQ(plan.released, Arns{"c"});
  EXPECT_EQ(plan.kept, Arns{"a"}) << "b's lasts as long as a new one";
  EXPECT_EQ(plan_protection({"c"}, {{"c", 0.0}}, 1, 1'000.0).released, Arns{"c"})
      << "when it ends is not told";
}

TEST(Protection, ThatATaskHasAskedForItselfStaysAndTheNextOneGoes) {
  const auto plan = plan_protection({"c", "a", "b"}, {{"c", 8'200.0}}, 1, 1'000.0);
  EXPECT_EQ(plan.released, Arns{});
  EXPECT_EQ(plan.kept, Arns{"b"});
}

TEST(Protection, OfAnEarlierScaleInIsKnownByAClockThatIsALittleSlow) {
  EXPECT_EQ(plan_protection({"c", "a"}, {{"c", 1'340.0}}, 1, 1'000.0).released, Arns{"c"});
}

TEST(Protection, ThatOutlastsAllAttemptsOfAScaleInIsLeftAsItIs) {
  EXPECT_EQ(plan_protection({"c", "a"}, {{"a", 1'190.0}}, 1, 1'000.0).kept, Arns{});
  EXPECT_EQ(plan_protection({"c", "a"}, {{"a", 1'170.0}}, 1, 1'000.0).kept, Arns{"a"});
}

TEST(Protection, IsReadBack) {
  const auto read = parse_protection(
      "UpdateTaskProtection",
      ecs("UpdateTaskProtection",
          {{"protectedTasks",
            {{{"taskArn", "a"}, {"protectionEnabled", true}, {"expirationDate", 1795346386.8}},
             {{"taskArn", "b"}, {"protectionEnabled", false}}}},
           {"failures", {{{"arn", "c"}, {"reason", "MISSING"}}}}}));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->tasks.size(), 1U);
  EXPECT_EQ(read->tasks[0].arn, "a");
  EXPECT_EQ(read->tasks[0].until, 1795346386.8);
  EXPECT_EQ(read->failure, "") << "a task that is gone needs no protection";
  const auto failed = parse_protection(
      "GetTaskProtection",
      ecs("GetTaskProtection",
          {{"protectedTasks", Json::array()},
           {"failures",
            {{{"arn", "c"}, {"reason", "TASK_NOT_VALID"}, {"detail", "not of a service"}}}}}));
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failure, "TASK_NOT_VALID: not of a service");
  EXPECT_EQ(parse_protection("GetTaskProtection", "{}").error().code, Errc::malformed);
}

// ---- the native autoscaler

std::string target_answer(bool in, bool out, bool scheduled) {
  return scaling("DescribeScalableTargets", {{"ScalableTargets",
                                              {{{"ServiceNamespace", "ecs"},
                                                {"ResourceId", "service/prod/web"},
                                                {"ScalableDimension", "ecs:service:DesiredCount"},
                                                {"MinCapacity", 2},
                                                {"MaxCapacity", 10},
                                                {"RoleARN", "arn:aws:iam::1:role/r"},
                                                {"CreationTime", 1795346386.8},
                                                {"SuspendedState",
                                                 {{"DynamicScalingInSuspended", in},
                                                  {"DynamicScalingOutSuspended", out},
                                                  {"ScheduledScalingSuspended", scheduled}}}}}}});
}

TEST(NativeAutoscaler, IsFoundWithItsBounds) {
  const auto target = parse_scalable_target(target_answer(false, true, false));
  ASSERT_TRUE(target && *target);
  EXPECT_EQ((*target)->least, 2);
  EXPECT_EQ((*target)->most, 10);
  EXPECT_EQ((*target)->suspended, (Suspended{false, true, false}));
  const auto none = parse_scalable_target(
      scaling("DescribeScalableTargets", {{"ScalableTargets", Json::array()}}));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->has_value(), false);
  EXPECT_EQ(parse_scalable_target("{}").error().code, Errc::malformed);
}

TEST(NativeAutoscaler, ItsPoliciesAndActionsAreNamed) {
  EXPECT_EQ(parse_policy_names(scaling("DescribeScalingPolicies",
                                       {{"ScalingPolicies",
                                         {{{"PolicyARN", "arn:p"},
                                           {"PolicyName", "cpu"},
                                           {"ServiceNamespace", "ecs"},
                                           {"ResourceId", "service/prod/web"},
                                           {"ScalableDimension", "ecs:service:DesiredCount"},
                                           {"PolicyType", "TargetTrackingScaling"},
                                           {"CreationTime", 1.0}}}}}))
                .value(),
            std::vector<std::string>{"cpu"});
  EXPECT_EQ(
      parse_action_names(scaling("DescribeScheduledActions", {{"ScheduledActions",
                                                               {{{"ScheduledActionName", "nightly"},
                                                                 {"ScheduledActionARN", "arn:a"},
                                                                 {"ServiceNamespace", "ecs"},
                                                                 {"Schedule", "cron(0 22 * * ? *)"},
                                                                 {"ResourceId", "service/prod/web"},
                                                                 {"CreationTime", 1.0}}}}}))
          .value(),
      std::vector<std::string>{"nightly"});
  EXPECT_EQ(parse_policy_names("{}").error().code, Errc::malformed);
  EXPECT_EQ(parse_action_names("{}").error().code, Errc::malformed);
}

TEST(NativeAutoscaler, IsAConflictWhenItActs) {
  const ScalableTarget acting{2, 10, {true, false, true}};
  EXPECT_EQ(conflict_of(acting, {"cpu", "memory"}, {"nightly"}),
            "Application Auto Scaling also scales this service, from 2 to 10, by the policies cpu, "
            "memory, by the scheduled actions nightly");
  EXPECT_EQ(conflict_of(acting, {}, {}), "") << "it has nothing to act by";
  EXPECT_EQ(conflict_of({2, 10, {true, true, true}}, {"cpu"}, {}), "") << "it is suspended";
}

TEST(Takeover, WhatStandsInTheServicesTagIsKnownOfTheService) {
  auto service = service_json(2, 2, 0);
  const auto read = [&service] {
    return parse_described(ecs("DescribeServices", {{"services", {service}}}), prod);
  };
  EXPECT_EQ(read()->arn, "arn:aws:ecs:eu-west-1:1:service/prod/web");
  EXPECT_EQ(read()->before_takeover, std::nullopt);
  service["tags"] = {{{"key", "team"}, {"value", "shop"}},
                     {{"key", taken_over_tag}, {"value", to_text({false, true, false})}}};
  EXPECT_EQ(read()->before_takeover, (Suspended{false, true, false}));
  service["tags"][1]["value"] = "mine";
  EXPECT_EQ(read()->before_takeover, std::nullopt);
}

TEST(Takeover, WhatAPersonHasResumedSinceStaysResumed) {
  const Suspended all{true, true, true};
  EXPECT_EQ(to_give_back(all, {false, false, true}), (Suspended{false, false, true}));
  EXPECT_EQ(to_give_back({true, false, false}, {false, true, true}), Suspended{});
}

}  // namespace
}  // namespace selfscale::drivers::ecs
