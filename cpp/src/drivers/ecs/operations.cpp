#include "drivers/ecs/operations.hpp"

#include <nlohmann/json.hpp>

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

constexpr auto scalable_dimension = "ecs:service:DesiredCount";

/// About the cluster; without a name in it, AWS takes the default one.
Json in_cluster(const Place& place) {
  Json body = Json::object();
  if (!place.cluster.empty()) body["cluster"] = place.cluster;
  return body;
}

/// Where the cluster's name must be there.
std::string cluster_name(const Place& place) {
  return place.cluster.empty() ? "default" : place.cluster;
}

Json of_target(const Place& place) {
  return {{"ServiceNamespace", "ecs"},
          {"ResourceId", resource_id(place)},
          {"ScalableDimension", scalable_dimension}};
}

Operation update_protection(const Place& place, const std::vector<std::string>& tasks,
                            const Json& change) {
  Json body{{"cluster", cluster_name(place)}, {"tasks", tasks}};
  body.update(change);
  return {Api::ecs, "UpdateTaskProtection", body.dump(), true};
}

}  // namespace

std::string_view signing_name(Api api) noexcept {
  return api == Api::ecs ? "ecs" : "application-autoscaling";
}

std::string target_of(const Operation& operation) {
  const bool is_ecs = operation.api == Api::ecs;
  return (is_ecs ? "AmazonEC2ContainerServiceV20141113." : "AnyScaleFrontendService.") +
         operation.name;
}

std::string permission_of(const Operation& operation) {
  return std::string{signing_name(operation.api)} + ":" + operation.name;
}

std::string_view short_name(std::string_view name_or_arn) noexcept {
  const auto slash = name_or_arn.rfind('/');
  return slash == std::string_view::npos ? name_or_arn : name_or_arn.substr(slash + 1);
}

std::string resource_id(const Place& place) {
  return "service/" + std::string{short_name(cluster_name(place))} + "/" +
         std::string{short_name(place.service)};
}

Operation describe_service(const Place& place) {
  auto body = in_cluster(place);
  body["services"] = {place.service};
  body["include"] = {"TAGS"};
  return {Api::ecs, "DescribeServices", body.dump(), false};
}

Operation set_desired_count(const Place& place, int desired) {
  auto body = in_cluster(place);
  body["service"] = place.service;
  body["desiredCount"] = desired;
  return {Api::ecs, "UpdateService", body.dump(), true};
}

Operation list_tasks(const Place& place, const std::string& next_token) {
  auto body = in_cluster(place);
  body["serviceName"] = short_name(place.service);
  if (!next_token.empty()) body["nextToken"] = next_token;
  return {Api::ecs, "ListTasks", body.dump(), false};
}

Operation describe_tasks(const Place& place, const std::vector<std::string>& tasks) {
  auto body = in_cluster(place);
  body["tasks"] = tasks;
  return {Api::ecs, "DescribeTasks", body.dump(), false};
}

Operation get_protection(const Place& place, const std::vector<std::string>& tasks) {
  const Json body{{"cluster", cluster_name(place)}, {"tasks", tasks}};
  return {Api::ecs, "GetTaskProtection", body.dump(), false};
}

Operation protect(const Place& place, const std::vector<std::string>& tasks, int minutes) {
  return update_protection(place, tasks,
                           {{"protectionEnabled", true}, {"expiresInMinutes", minutes}});
}

Operation unprotect(const Place& place, const std::vector<std::string>& tasks) {
  return update_protection(place, tasks, {{"protectionEnabled", false}});
}

Operation describe_scalable_target(const Place& place) {
  const Json body{{"ServiceNamespace", "ecs"},
                  {"ResourceIds", {resource_id(place)}},
                  {"ScalableDimension", scalable_dimension}};
  return {Api::scaling, "DescribeScalableTargets", body.dump(), false};
}

Operation describe_scaling_policies(const Place& place) {
  return {Api::scaling, "DescribeScalingPolicies", of_target(place).dump(), false};
}

Operation describe_scheduled_actions(const Place& place) {
  return {Api::scaling, "DescribeScheduledActions", of_target(place).dump(), false};
}

Operation suspend_scaling(const Place& place, const Suspended& suspended) {
  auto body = of_target(place);
  body["SuspendedState"] = {{"DynamicScalingInSuspended", suspended.in},
                            {"DynamicScalingOutSuspended", suspended.out},
                            {"ScheduledScalingSuspended", suspended.scheduled}};
  return {Api::scaling, "RegisterScalableTarget", body.dump(), true};
}

std::string to_text(const Suspended& suspended) {
  const auto word = [](bool is_so) { return std::string{is_so ? "true" : "false"}; };
  return "DynamicScalingInSuspended=" + word(suspended.in) +
         " DynamicScalingOutSuspended=" + word(suspended.out) +
         " ScheduledScalingSuspended=" + word(suspended.scheduled);
}

std::optional<Suspended> suspended_in(std::string_view text) {
  for (const bool in : {false, true}) {
    for (const bool out : {false, true}) {
      for (const bool scheduled : {false, true}) {
        const Suspended each{in, out, scheduled};
        if (to_text(each) == text) return each;
      }
    }
  }
  return std::nullopt;
}

Operation tag_taken_over(const std::string& service_arn, const Suspended& before) {
  const Json body{{"resourceArn", service_arn},
                  {"tags", {{{"key", taken_over_tag}, {"value", to_text(before)}}}}};
  return {Api::ecs, "TagResource", body.dump(), true};
}

Operation untag_taken_over(const std::string& service_arn) {
  const Json body{{"resourceArn", service_arn}, {"tagKeys", {taken_over_tag}}};
  return {Api::ecs, "UntagResource", body.dump(), true};
}

}  // namespace selfscale::drivers::ecs
