#include "drivers/ecs/own_protection.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

Result<OwnProtection> parsed(std::string_view answer, int status = 200) {
  return parse_own_protection(get_own_protection(), status, answer);
}

TEST(EcsOwnProtection, IsAskedForAsAwsDocumentsIt) {
  const auto asked = get_own_protection();
  EXPECT_EQ(asked.method + " " + asked.target, "GET /task-protection/v1/state");
  const auto on = protect_own_task(60);
  EXPECT_EQ(on.method + " " + on.target, "PUT /task-protection/v1/state");
  EXPECT_EQ(on.headers, (decltype(on.headers){{"Content-Type", "application/json"}}));
  EXPECT_EQ(Json::parse(on.body), (Json{{"ProtectionEnabled", true}, {"ExpiresInMinutes", 60}}));
  EXPECT_EQ(Json::parse(unprotect_own_task().body), (Json{{"ProtectionEnabled", false}}));
}

TEST(EcsOwnProtection, IsReadAsAwsDocumentsIt) {
  const auto on = parsed(R"({"protection": {"ExpirationDate": "2022-10-06T02:29:16Z",
      "ProtectionEnabled": true, "TaskArn": "arn:aws:ecs:us-west-2:111122223333:task/1234567890abcdef0"}})");
  ASSERT_TRUE(on) << on.error().message;
  EXPECT_TRUE(on->is_on);
  EXPECT_EQ(on->until, from_rfc3339("2022-10-06T02:29:16Z"));
  const auto off = parsed(
      R"({"protection": {"ExpirationDate": null, "ProtectionEnabled": false, "TaskArn": "arn"}})");
  ASSERT_TRUE(off) << off.error().message;
  EXPECT_FALSE(off->is_on);
}

TEST(EcsOwnProtection, AFailureIsInItsWords) {
  const auto refused = parsed(R"({"failure": {"Arn": "arn", "Detail": "no service",
      "Reason": "TASK_NOT_VALID"}})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::failed);
  EXPECT_EQ(refused.error().message, "GetTaskProtection: TASK_NOT_VALID: no service");
  const auto blocked = parse_own_protection(
      protect_own_task(30), 200,
      R"({"failure": {"Arn": "arn", "Detail": null, "Reason": "DEPLOYMENT_BLOCKED"}})");
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().message, "UpdateTaskProtection: DEPLOYMENT_BLOCKED");
}

TEST(EcsOwnProtection, AnErrorIsWhatItsCodeSays) {
  const auto denied = parse_own_protection(protect_own_task(30), 400,
                                           R"({"requestID": "12345", "error": {"Arn": "arn",
      "Code": "AccessDeniedException", "Message": "User: arn:aws:sts::444455556666:assumed-role/r/1 is not authorized to perform: ecs:UpdateTaskProtection on resource: arn because no policy allows it"}})");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Errc::denied);
  EXPECT_EQ(denied.error().permission, "ecs:UpdateTaskProtection");

  const auto without_role = parsed(R"({"error": {"Arn": "arn", "Code": "AccessDeniedException",
      "Message": "Invalid Request: no task IAM role credentials available for task"}})",
                                   403);
  ASSERT_FALSE(without_role);
  EXPECT_EQ(without_role.error().permission, "ecs:GetTaskProtection");
  EXPECT_NE(without_role.error().message.find("no task IAM role"), std::string::npos);

  const auto code_of = [](const char* code, int status) {
    const Json body{{"error", {{"Arn", "arn"}, {"Code", code}, {"Message", "no"}}}};
    return parsed(body.dump(), status).error().code;
  };
  EXPECT_EQ(code_of("ThrottlingException", 400), Errc::throttled);
  EXPECT_EQ(code_of("RequestCanceled", 504), Errc::unreachable);
  EXPECT_EQ(code_of("ServerException", 500), Errc::unreachable);
  EXPECT_EQ(code_of("InvalidParameterException", 400), Errc::failed);
}

TEST(EcsOwnProtection, AnythingElseIsMalformedOrRefusedByItsStatus) {
  for (const auto* answer : {"", "<html>", "[]", "{}", R"({"protection": null})",
                             R"({"protection": {"ProtectionEnabled": "true"}})"}) {
    const auto read = parsed(answer);
    ASSERT_FALSE(read) << answer;
    EXPECT_EQ(read.error().code, Errc::malformed) << answer;
  }
  EXPECT_EQ(parsed("not found", 404).error().code, Errc::not_found);
}

TEST(EcsOwnProtection, OneOfSomebodyElseIsLeftAlone) {
  constexpr double now = 1e9;
  constexpr double minute = 60.0;
  struct Row {
    bool is_wanted;
    double lasts;  ///< 0: it is not on
    double ours_lasts;
    OwnStep expected;
  };
  for (const auto& row : {
           Row{true, 0, 0, OwnStep::protect},
           Row{true, 4 * minute, 0, OwnStep::protect},  // a scale-in's
           Row{true, 12 * minute, 0, OwnStep::none},    // the app's
           Row{true, 60 * minute, 15 * minute, OwnStep::none},
           Row{true, 25 * minute, 25 * minute, OwnStep::none},
           Row{true, 15 * minute, 15 * minute, OwnStep::protect},
           Row{true, 15 * minute, 15.5 * minute, OwnStep::protect},  // clocks differ
           Row{true, 0, 15 * minute, OwnStep::protect},
           Row{false, 0, 0, OwnStep::none},
           Row{false, 25 * minute, 25 * minute, OwnStep::release},
           Row{false, 60 * minute, 25 * minute, OwnStep::none},
           Row{false, 25 * minute, 0, OwnStep::none},
       }) {
    const OwnProtection seen{row.lasts > 0.0, row.lasts > 0.0 ? now + row.lasts : 0.0};
    const double ours = row.ours_lasts > 0.0 ? now + row.ours_lasts : 0.0;
    EXPECT_EQ(own_step(row.is_wanted, seen, ours, now), row.expected)
        << row.is_wanted << ' ' << row.lasts << ' ' << row.ours_lasts;
  }
}

}  // namespace
}  // namespace selfscale::drivers::ecs
