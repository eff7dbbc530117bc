#include "drivers/ecs/refusal.hpp"

#include <gtest/gtest.h>

namespace selfscale::drivers::ecs {
namespace {

const Operation read = describe_service({"prod", "web"});
const Operation write = set_desired_count({"prod", "web"}, 5);
const WallTime now{std::chrono::seconds{1'795'744'800}};  // 2026-11-27 02:00:00

TEST(Refusal, HasItsCodeRemedyAndWords) {
  struct Row {
    int status;
    const char* body;
    Errc code;
    Remedy remedy;
    const char* words;
  };
  for (const auto& [status, body, code, remedy, words] : std::initializer_list<Row>{
           {400, R"({"__type": "ThrottlingException", "message": "Rate exceeded"})",
            Errc::throttled, Remedy::none,
            "DescribeServices: 400 ThrottlingException: Rate exceeded"},
           {400, R"({"__type": "com.amazonaws.x#TooManyRequestsException:http://a/"})",
            Errc::throttled, Remedy::none, "DescribeServices: 400 TooManyRequestsException"},
           {429, "", Errc::throttled, Remedy::none, "DescribeServices: 429"},
           {400, R"({"__type": "ConcurrentUpdateException", "Message": "again"})", Errc::conflict,
            Remedy::none, "DescribeServices: 400 ConcurrentUpdateException: again"},
           {400, R"({"__type": "ExpiredTokenException", "message": "The token is expired"})",
            Errc::denied, Remedy::renew_credentials,
            "DescribeServices: 400 ExpiredTokenException: The token is expired"},
           {400, R"({"__type": "UnrecognizedClientException"})", Errc::denied,
            Remedy::renew_credentials, "DescribeServices: 400 UnrecognizedClientException"},
           {400, R"({"__type": "InvalidSignatureException", "message": "no match"})", Errc::denied,
            Remedy::renew_credentials, "DescribeServices: 400 InvalidSignatureException: no match"},
           {400, R"({"__type": "InvalidParameterException", "message": "daemon"})", Errc::failed,
            Remedy::none, "DescribeServices: 400 InvalidParameterException: daemon"},
           {400, R"({"__type": "LimitExceededException"})", Errc::failed, Remedy::none,
            "DescribeServices: 400 LimitExceededException"},
           {400, R"({"__type": "ClusterNotFoundException", "message": "Cluster not found."})",
            Errc::not_found, Remedy::none,
            "DescribeServices: 400 ClusterNotFoundException: Cluster not found."},
           {400, R"({"__type": "ServiceNotActiveException"})", Errc::not_found, Remedy::none,
            "DescribeServices: 400 ServiceNotActiveException"},
           {500, R"({"__type": "ServerException", "message": "Service Unavailable"})",
            Errc::unreachable, Remedy::none,
            "DescribeServices: 500 ServerException: Service Unavailable"},
           {400, R"({"__type": "ServerException"})", Errc::unreachable, Remedy::none,
            "DescribeServices: 400 ServerException"},
           {503, "<html>busy</html>", Errc::unreachable, Remedy::none, "DescribeServices: 503"},
           {400, "[]", Errc::failed, Remedy::none, "DescribeServices: 400"},
           {302, "", Errc::failed, Remedy::none, "DescribeServices: 302"},
       }) {
    const auto refusal = refusal_of(read, {status, body, {}, {}}, now);
    EXPECT_EQ(refusal.failure.code, code) << body;
    EXPECT_EQ(refusal.remedy, remedy) << body;
    EXPECT_EQ(refusal.failure.message, words);
    EXPECT_EQ(refusal.failure.permission, "");
  }
}

TEST(Refusal, TheTypeMayStandInTheHeader) {
  const auto refusal = refusal_of(read, {400, "", "ThrottlingException:http://internal/", {}}, now);
  EXPECT_EQ(refusal.failure.code, Errc::throttled);
}

TEST(Refusal, AWriteThatFailedInsideThePlatformMayHaveBeenCarriedOut) {
  const auto refusal = refusal_of(write, {500, R"({"__type": "ServerException"})", {}, {}}, now);
  EXPECT_EQ(refusal.failure.code, Errc::timed_out);
}

TEST(Refusal, AMissingRightIsNamed) {
  const auto named = refusal_of(
      write,
      {400,
       R"({"__type": "AccessDeniedException", "message": "User: arn:aws:sts::1:x is not )"
       R"(authorized to perform: ecs:UpdateService on resource: arn:aws:ecs:x"})",
       {},
       {}},
      now);
  EXPECT_EQ(named.failure.code, Errc::denied);
  EXPECT_EQ(named.failure.permission, "ecs:UpdateService");
  const auto silent = refusal_of(describe_scalable_target({"prod", "web"}),
                                 {400, R"({"__type": "AccessDeniedException"})", {}, {}}, now);
  EXPECT_EQ(silent.failure.permission, "application-autoscaling:DescribeScalableTargets");
}

TEST(Refusal, AClockThatIsWrongIsSaid) {
  const auto behind =
      refusal_of(read,
                 {403,
                  R"j({"__type": "InvalidSignatureException", "message": "Signature expired: )j"
                  R"j(20261127T020000Z is now earlier than 20261127T021500Z (… - 5 min.)"})j",
                  {},
                  "Fri, 27 Nov 2026 02:20:00 GMT"},
                 now);
  EXPECT_EQ(behind.remedy, Remedy::set_clock);
  EXPECT_TRUE(behind.failure.message.ends_with("this machine's clock is 1200 s behind AWS'"))
      << behind.failure.message;
  const auto ahead = refusal_of(
      read, {400, R"({"__type": "RequestTimeTooSkewed"})", {}, "Fri, 27 Nov 2026 01:00:00 GMT"},
      now);
  EXPECT_EQ(ahead.remedy, Remedy::set_clock);
  EXPECT_TRUE(ahead.failure.message.ends_with("this machine's clock is 3600 s ahead of AWS'"))
      << ahead.failure.message;
}

TEST(Refusal, TheClockIsNotBlamedForAnotherMistake) {
  const auto refusal = refusal_of(
      read,
      {403, R"({"__type": "UnrecognizedClientException"})", {}, "Fri, 27 Nov 2026 02:20:00 GMT"},
      now);
  EXPECT_EQ(refusal.failure.message.find("clock"), std::string::npos) << refusal.failure.message;
}

TEST(Refusal, AVeryLongMessageIsCutWhereACharacterEnds) {
  std::string message = "x";
  for (int i = 0; i < 2'000; ++i) message += "ü";
  const auto body = R"({"__type": "ClientException", "message": ")" + message + "\"}";
  const auto refusal = refusal_of(read, {400, body, {}, {}}, now);
  EXPECT_LT(refusal.failure.message.size(), 1'100U);
  EXPECT_TRUE(refusal.failure.message.ends_with("ü…"));
}

}  // namespace
}  // namespace selfscale::drivers::ecs
