#include "http/status.hpp"

#include <gtest/gtest.h>

#include <string>

namespace selfscale::http {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

TEST(Status, SaysWhatItsReaderMayDo) {
  struct Row {
    int status;
    Verdict verdict;
    Errc of_a_read;
    Errc of_a_write;
  };
  for (const auto& row : {
           Row{401, Verdict::unauthorized, Errc::denied, Errc::denied},
           Row{403, Verdict::denied, Errc::denied, Errc::denied},
           Row{404, Verdict::not_found, Errc::not_found, Errc::not_found},
           Row{410, Verdict::not_found, Errc::not_found, Errc::not_found},
           Row{409, Verdict::conflict, Errc::conflict, Errc::conflict},
           Row{412, Verdict::conflict, Errc::conflict, Errc::conflict},
           Row{429, Verdict::throttled, Errc::throttled, Errc::throttled},
           Row{408, Verdict::transient, Errc::unreachable, Errc::timed_out},
           Row{500, Verdict::transient, Errc::unreachable, Errc::timed_out},
           Row{502, Verdict::transient, Errc::unreachable, Errc::timed_out},
           Row{503, Verdict::transient, Errc::unreachable, Errc::timed_out},
           Row{504, Verdict::transient, Errc::unreachable, Errc::timed_out},
           Row{400, Verdict::permanent, Errc::failed, Errc::failed},
           Row{405, Verdict::permanent, Errc::failed, Errc::failed},
           Row{415, Verdict::permanent, Errc::failed, Errc::failed},
           Row{422, Verdict::permanent, Errc::failed, Errc::failed},
           Row{501, Verdict::permanent, Errc::failed, Errc::failed},
           Row{302, Verdict::permanent, Errc::failed, Errc::failed},
       }) {
    SCOPED_TRACE(row.status);
    EXPECT_EQ(verdict_of(row.status), row.verdict);
    EXPECT_EQ(code_of(row.verdict, false), row.of_a_read);
    EXPECT_EQ(code_of(row.verdict, true), row.of_a_write);
  }
  for (const int status : {200, 201, 202, 204, 299}) {
    EXPECT_EQ(verdict_of(status), Verdict::done) << status;
  }
}

constexpr system_clock::time_point now =
    std::chrono::sys_days{std::chrono::year{2026} / 11 / 27} + std::chrono::hours{2};

TEST(RetryAfter, IsSeconds) {
  EXPECT_EQ(retry_after("120", now), seconds{120});
  EXPECT_EQ(retry_after(" 0 ", now), seconds{0});
}

TEST(RetryAfter, IsADateInAnyOfItsThreeForms) {
  EXPECT_EQ(retry_after("Fri, 27 Nov 2026 02:01:30 GMT", now), seconds{90});
  EXPECT_EQ(retry_after("Friday, 27-Nov-26 02:01:30 GMT", now), seconds{90});
  EXPECT_EQ(retry_after("Fri Nov 27 02:01:30 2026", now), seconds{90});
}

TEST(RetryAfter, IsRoundedUpToWholeSeconds) {
  const auto between = now + std::chrono::milliseconds{500};
  EXPECT_EQ(retry_after("Fri, 27 Nov 2026 02:00:02 GMT", between), seconds{2});
}

TEST(RetryAfter, OfADateThatHasPassedIsNoWait) {
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), seconds{0});
  EXPECT_EQ(retry_after("Sunday, 06-Nov-94 08:49:37 GMT", now), seconds{0});
  EXPECT_EQ(retry_after("Sun Nov  6 08:49:37 1994", now), seconds{0});
}

TEST(RetryAfter, IsAtMostADay) {
  EXPECT_EQ(retry_after("86401", now), seconds{86'400});
  EXPECT_EQ(retry_after("99999999999999999999999", now), seconds{86'400});
  EXPECT_EQ(retry_after("Fri, 27 Nov 2099 02:01:30 GMT", now), seconds{86'400});
  EXPECT_EQ(retry_after("Fri, 31 Dec 2600 23:59:59 GMT", now), seconds{86'400});
  EXPECT_EQ(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now), seconds{86'400});
}

TEST(RetryAfter, ThatCannotBeUnderstoodIsNone) {
  for (const auto* text : {"",
                           " ",
                           "-1",
                           "+5",
                           "1.5",
                           "5 s",
                           "soon",
                           "Fri",
                           "Fri, ",
                           "Fri, 27 Nov 2026",
                           "Fri, 27 Nov 2026 02:01:30",
                           "Fri, 27 Nov 2026 02:01:30 CET",
                           "Fri, 27 Nov 2026 02:01:30 GMT.",
                           "Fri, 31 Nov 2026 02:01:30 GMT",
                           "Fri, 27 Nov 2026 24:01:30 GMT",
                           "Fri, 27 Nom 2026 02:01:30 GMT",
                           "Fri, 7 Nov 2026 02:01:30 GMT",
                           "Friday, 27-Nov-2026 02:01:30 GMT",
                           "Fri Nov 27 02:01:30 26",
                           "2026-11-27T02:01:30Z"}) {
    EXPECT_EQ(retry_after(text, now), std::nullopt) << text;
  }
}

TEST(HttpDate, IsSecondsSinceTheEpoch) {
  EXPECT_EQ(seconds_since_epoch("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777.0);
  EXPECT_EQ(seconds_since_epoch("Sunday, 06-Nov-94 08:49:37 GMT"), 784'111'777.0);
  EXPECT_EQ(seconds_since_epoch("Sun Nov  6 08:49:37 1994"), 784'111'777.0);
  EXPECT_EQ(seconds_since_epoch("Fri, 31 Dec 9999 23:59:59 GMT"), 253'402'300'799.0);
  EXPECT_EQ(seconds_since_epoch("Mon, 01 Jan 0001 00:00:00 GMT"), -62'135'596'800.0);
  EXPECT_EQ(seconds_since_epoch("yesterday"), std::nullopt);
}

}  // namespace
}  // namespace selfscale::http
