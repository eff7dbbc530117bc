// What schedules are read as, and what is said of those that are probably not meant.
#include "policy/schedules.hpp"

#include <gtest/gtest.h>

#include "policy/policy_fixture.hpp"

namespace selfscale {
namespace {

/// A policy of 2 to 10 replicas with these schedules, in UTC.
PolicyDocument document_with(std::string_view schedules,
                             std::string_view keys = R"({"timezone": "UTC"})") {
  Json policy = policy_with(keys);
  policy["minReplicas"] = 2;
  policy["schedules"] = Json::parse(schedules);
  return load_policies(policy.dump());
}

TEST(PolicySchedules, WithoutANameTheyAreNumbered) {
  const auto document = document_with(R"([{"cron": "@daily", "minReplicas": 3},
      {"name": "schedule 3", "cron": "@weekly", "minReplicas": 3},
      {"cron": "@hourly", "minReplicas": 3}])");
  std::vector<std::string> names;
  for (const Schedule& schedule : document.policies[0].compiled().schedules) {
    names.push_back(schedule.name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"schedule 1", "schedule 3", "schedule 4"}));
  EXPECT_TRUE(document.hints.empty());
}

TEST(PolicySchedules, OneZoneOfItsOwnComesBeforeThePolicys) {
  const auto document = document_with(
      R"([{"cron": "@daily", "minReplicas": 3},
          {"cron": "@daily", "minReplicas": 3, "timezone": "Asia/Kathmandu"}])",
      R"({"timezone": "Africa/Lagos"})");
  const auto& schedules = document.policies[0].compiled().schedules;
  EXPECT_EQ(schedules[0].zone.name(), "Africa/Lagos");
  EXPECT_EQ(schedules[1].zone.name(), "Asia/Kathmandu");
}

TEST(PolicySchedules, WithoutAZoneTheyAreReadAsUtcWithAHint) {
  const auto document = document_with(R"([{"cron": "@daily", "minReplicas": 3}])", "{}");
  EXPECT_EQ(document.policies[0].compiled().schedules[0].zone.name(), "UTC");
  EXPECT_TRUE(has_hint(document, "/schedules", "UTC"));
  const std::string_view own =
      R"([{"cron": "@daily", "minReplicas": 3, "timezone": "Asia/Kathmandu"}])";
  EXPECT_TRUE(document_with(own, "{}").hints.empty());
}

TEST(PolicySchedules, ABoundBeyondThePolicysOtherBoundIsHintedAt) {
  EXPECT_TRUE(has_hint(document_with(R"([{"cron": "@daily", "minReplicas": 11}])"),
                       "/schedules/0/minReplicas", "maxReplicas of 10"));
  EXPECT_TRUE(has_hint(document_with(R"([{"cron": "@daily", "maxReplicas": 1}])"),
                       "/schedules/0/maxReplicas", "minReplicas of 2"));
  EXPECT_TRUE(
      document_with(R"([{"cron": "@daily", "minReplicas": 0, "maxReplicas": 0}])").hints.empty());
}

TEST(PolicySchedules, NoReplicasNeedWhatCouldWakeThem) {
  const std::string_view none = R"([{"cron": "@daily", "minReplicas": 0}])";
  EXPECT_TRUE(has_hint(document_with(none), "/schedules", "wake"));
  EXPECT_TRUE(document_with(none, R"({"timezone": "UTC",
      "rules": [{"type": "target", "metric": "queue_length", "targetPerReplica": 10}]})")
                  .hints.empty());
}

}  // namespace
}  // namespace selfscale
