#include "drivers/ecs/operations.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "drivers/ecs/shapes_fixture.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

const Place prod{"prod", "web"};

struct Row {
  Operation operation;
  std::string target;
  std::string permission;
  Json body;
  bool writes;
};

std::vector<Row> rows() {
  const std::vector<std::string> tasks{"arn:aws:ecs:eu-west-1:1:task/prod/a"};
  const auto ecs = [](const char* name) {
    return std::string{"AmazonEC2ContainerServiceV20141113."} + name;
  };
  const auto scaling = [](const char* name) {
    return std::string{"AnyScaleFrontendService."} + name;
  };
  const std::string arn{"arn:aws:ecs:eu-west-1:1:service/prod/web"};
  const Json target{{"ServiceNamespace", "ecs"},
                    {"ResourceId", "service/prod/web"},
                    {"ScalableDimension", "ecs:service:DesiredCount"}};
  auto suspended = target;
  suspended["SuspendedState"] = {{"DynamicScalingInSuspended", true},
                                 {"DynamicScalingOutSuspended", false},
                                 {"ScheduledScalingSuspended", true}};
  return {
      {describe_service(prod), ecs("DescribeServices"), "ecs:DescribeServices",
       Json{{"cluster", "prod"}, {"services", {"web"}}, {"include", {"TAGS"}}}, false},
      {describe_service({"", "web"}), ecs("DescribeServices"), "ecs:DescribeServices",
       Json{{"services", {"web"}}, {"include", {"TAGS"}}}, false},
      {set_desired_count(prod, 5), ecs("UpdateService"), "ecs:UpdateService",
       Json{{"cluster", "prod"}, {"service", "web"}, {"desiredCount", 5}}, true},
      {list_tasks(prod, ""), ecs("ListTasks"), "ecs:ListTasks",
       Json{{"cluster", "prod"}, {"serviceName", "web"}}, false},
      {list_tasks({"prod", "arn:aws:ecs:eu-west-1:1:service/prod/web"}, "next"), ecs("ListTasks"),
       "ecs:ListTasks", Json{{"cluster", "prod"}, {"serviceName", "web"}, {"nextToken", "next"}},
       false},
      {describe_tasks(prod, tasks), ecs("DescribeTasks"), "ecs:DescribeTasks",
       Json{{"cluster", "prod"}, {"tasks", tasks}}, false},
      {get_protection({"", "web"}, tasks), ecs("GetTaskProtection"), "ecs:GetTaskProtection",
       Json{{"cluster", "default"}, {"tasks", tasks}}, false},
      {protect(prod, tasks, 5), ecs("UpdateTaskProtection"), "ecs:UpdateTaskProtection",
       Json{{"cluster", "prod"},
            {"tasks", tasks},
            {"protectionEnabled", true},
            {"expiresInMinutes", 5}},
       true},
      {unprotect(prod, tasks), ecs("UpdateTaskProtection"), "ecs:UpdateTaskProtection",
       Json{{"cluster", "prod"}, {"tasks", tasks}, {"protectionEnabled", false}}, true},
      {describe_scalable_target(prod), scaling("DescribeScalableTargets"),
       "application-autoscaling:DescribeScalableTargets",
       Json{{"ServiceNamespace", "ecs"},
            {"ResourceIds", {"service/prod/web"}},
            {"ScalableDimension", "ecs:service:DesiredCount"}},
       false},
      {describe_scaling_policies(prod), scaling("DescribeScalingPolicies"),
       "application-autoscaling:DescribeScalingPolicies", target, false},
      {describe_scheduled_actions(prod), scaling("DescribeScheduledActions"),
       "application-autoscaling:DescribeScheduledActions", target, false},
      {suspend_scaling(prod, {true, false, true}), scaling("RegisterScalableTarget"),
       "application-autoscaling:RegisterScalableTarget", suspended, true},
      {tag_taken_over(arn, {true, false, true}), ecs("TagResource"), "ecs:TagResource",
       Json{{"resourceArn", arn},
            {"tags",
             {{{"key", "selfscale:taken-over"},
               {"value",
                "DynamicScalingInSuspended=true DynamicScalingOutSuspended=false "
                "ScheduledScalingSuspended=true"}}}}},
       true},
      {untag_taken_over(arn), ecs("UntagResource"), "ecs:UntagResource",
       Json{{"resourceArn", arn}, {"tagKeys", {"selfscale:taken-over"}}}, true},
  };
}

TEST(Operation, AsksForExactlyThisAndHasThePublishedShape) {
  for (const auto& row : rows()) {
    SCOPED_TRACE(row.operation.name);
    const auto body = Json::parse(row.operation.body);
    EXPECT_EQ(body, row.body);
    EXPECT_EQ(mismatch_of_request(row.operation.api, row.operation.name, body), "");
    EXPECT_EQ(target_of(row.operation), row.target);
    EXPECT_EQ(permission_of(row.operation), row.permission);
    EXPECT_EQ(row.operation.writes, row.writes);
  }
}

TEST(Operation, AChangeOfTheCountTouchesNothingElse) {
  const auto body = Json::parse(set_desired_count(prod, 0).body);
  EXPECT_EQ(body.size(), 3U) << "whatever else is sent replaces what the service has: " << body;
}

TEST(Operation, NamesTheServiceToTheAutoscaler) {
  EXPECT_EQ(resource_id({"", "web"}), "service/default/web");
  EXPECT_EQ(resource_id({"arn:aws:ecs:eu-west-1:1:cluster/prod",
                         "arn:aws:ecs:eu-west-1:1:service/prod/web"}),
            "service/prod/web");
}

TEST(Suspended, IsReadFromATagAsItWasWritten) {
  for (const unsigned bits : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
    const Suspended each{(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0};
    EXPECT_EQ(suspended_in(to_text(each)), each) << to_text(each);
    EXPECT_EQ(
        to_text(each).find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ= "),
        std::string::npos)
        << "a tag takes letters, digits, spaces and _.:/=+-@ alone";
    EXPECT_LE(to_text(each).size(), 256U);
  }
  EXPECT_EQ(suspended_in(""), std::nullopt);
  EXPECT_EQ(suspended_in("by hand"), std::nullopt) << "what a person made of it says nothing";
}

TEST(Shapes, TellWhatDoesNotFit) {
  EXPECT_EQ(mismatch_of_request(Api::ecs, "UpdateService", Json{{"cluster", "c"}}),
            "/service: is needed");
  EXPECT_EQ(mismatch_of_request(Api::ecs, "UpdateService", Json{{"service", "s"}, {"count", 1}}),
            "/count: no such member");
  EXPECT_EQ(mismatch_of_answer(Api::ecs, "DescribeServices",
                               Json{{"services", {{{"desiredCount", "3"}}}}}),
            "/services/0/desiredCount: must be a integer");
}

}  // namespace
}  // namespace selfscale::drivers::ecs
