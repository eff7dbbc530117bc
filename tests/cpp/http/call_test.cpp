#include "http/call.hpp"

#include <gtest/gtest.h>

#include <string>

namespace selfscale::http {
namespace {

TEST(HttpCall, CutsLongWordsBetweenLetters) {
  EXPECT_EQ(shortened(std::string(999, 'a') + "é and more"), std::string(999, 'a') + "…");
  EXPECT_EQ(shortened(std::string(1000, 'a')), std::string(1000, 'a'));
  EXPECT_EQ(shortened("short"), "short");
}

TEST(HttpCall, AFailureSaysWhatWasCalledWithoutItsQuery) {
  const auto address = parse_address("https://api.example.com/v1").value();
  Call call;
  call.method = "PUT";
  call.target = "/services/web?token=abc";
  const auto failure = failure_of(address, call, Answer{409, {}, {}}, std::string(2000, 'a'));
  EXPECT_EQ(failure.code, Errc::conflict);
  EXPECT_EQ(failure.message,
            "PUT https://api.example.com/v1/services/web: 409: " + std::string(1000, 'a') + "…");
}

TEST(HttpCall, AFailureCarriesTheWaitThatTheServerAsksFor) {
  using namespace std::chrono_literals;
  const auto address = parse_address("https://api.example.com").value();
  const auto wait = [&](int status, std::vector<std::pair<std::string, std::string>> headers) {
    return failure_of(address, Call{}, Answer{status, std::move(headers), {}}, {}).retry_after;
  };
  EXPECT_EQ(wait(429, {{"Retry-After", "7"}}), 7s);
  EXPECT_EQ(wait(503, {{"retry-after", "7"}}), 7s);
  EXPECT_EQ(wait(429, {}), std::nullopt);
  EXPECT_EQ(wait(429, {{"Retry-After", "soon"}}), std::nullopt);
  EXPECT_EQ(wait(403, {{"Retry-After", "7"}}), std::nullopt) << "it fails again";
  const std::string date = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(wait(429, {{"Date", date}, {"Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT"}}), 10s);
  EXPECT_EQ(wait(429, {{"Retry-After", date}}), std::nullopt) << "whose clock is it?";
}

}  // namespace
}  // namespace selfscale::http
