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

}  // namespace
}  // namespace selfscale::http
