// The driver `ecs` on a machine whose clock is not that of AWS.
#include <gtest/gtest.h>

#include "drivers/ecs/driver_fixture.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

class EcsDriverByAnotherClock : public EcsDriver {
 protected:
  EcsDriverByAnotherClock() {
    auto surroundings = aws.surroundings();
    surroundings.now = [this, now = surroundings.now] { return now() + off; };
    driver = ecs_driver(io, options, std::move(surroundings));
    add_tasks({"a"});
  }
  /// As AWS refuses another time than its own, which the date has, and the fake's signatures.
  void refuse_next() {
    script("DescribeServices", {refusal("InvalidSignatureException", "Signature expired: …",
                                        "Date: Fri, 27 Nov 2026 02:00:00 GMT\r\n")});
  }
  Result<Observation> observe() { return run(io, driver->observe()); }
  std::vector<Finding> warnings() { return found_by(io, *driver).warnings; }
  /// A container's endpoint has them.
  void have_keys_for_an_hour() {
    aws.with([](State& state) {
      state.session_token = "t";
      const auto until = (state.time + std::chrono::hours{1}).time_since_epoch().count();
      state.files["/keys"] = Json{{"AccessKeyId", state.access_key_id},
                                  {"SecretAccessKey", state.secret_access_key},
                                  {"Token", state.session_token},
                                  {"Expiration", to_rfc3339(static_cast<double>(until))}}
                                 .dump();
    });
  }
  void go_to_the_container() {
    auto surroundings = aws.surroundings();
    surroundings.environment = [url = aws.url()](const std::string& name) {
      return name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" ? std::optional{url + "/keys"}
             : name == "AWS_REGION"                       ? std::optional<std::string>{"eu-west-1"}
                                                          : std::nullopt;
    };
    surroundings.now = [this, now = surroundings.now] { return now() + off; };
    driver = ecs_driver(io, options, std::move(surroundings));
  }
  std::size_t times_asked_for_keys() {
    return aws.with([](State& state) { return state.others.size(); });
  }

  std::chrono::seconds off{-1'200};
  std::unique_ptr<Driver> driver;
};

TEST_F(EcsDriverByAnotherClock, GoesByThatOfAwsAndSaysSo) {
  for (const auto& [wrong, words] :
       {std::pair{-1'200, "this machine's clock is 1200 s behind AWS'"},
        std::pair{3'600, "this machine's clock is 3600 s ahead of AWS'"}}) {
    off = std::chrono::seconds{wrong};
    refuse_next();
    const auto seen = observe();
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->note, "") << "once is enough";
    ASSERT_EQ(seen->replicas.size(), 1U);
    EXPECT_EQ(seen->replicas[0].started_seconds_ago, 60.0);
    const auto found = warnings();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].what, words + std::string{": calls are made by AWS' time until it is set"});
    EXPECT_NE(found[0].paste.find("timedatectl set-ntp true"), std::string::npos);
  }
}

TEST_F(EcsDriverByAnotherClock, SaysNothingMoreOnceItIsSet) {
  refuse_next();
  ASSERT_TRUE(observe());
  off = {};
  refuse_next();
  EXPECT_EQ(warnings().size(), 0U);
}

TEST_F(EcsDriverByAnotherClock, SaysNothingOfAFewSeconds) {
  refuse_next();
  off = std::chrono::seconds{-30};
  EXPECT_EQ(warnings().size(), 0U);
}

TEST_F(EcsDriverByAnotherClock, SaysItWhereTheRefusalStays) {
  refuse_next();
  refuse_next();
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::denied);
  EXPECT_NE(seen.error().message.find("this machine's clock is 1200 s behind AWS'"),
            std::string::npos)
      << seen.error().message;
  EXPECT_NE(driver->explain(seen.error()).paste.find("timedatectl set-ntp true"),
            std::string::npos);
}

TEST_F(EcsDriverByAnotherClock, IsBlamedForNoOtherRefusal) {
  refuse_next();
  refuse_next();
  ASSERT_FALSE(observe());
  script("DescribeServices",
         {refusal("MissingAuthenticationToken", "this machine's clock is of no interest")});
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_EQ(driver->explain(seen.error()).why, "AWS does not know who asks");
}

TEST_F(EcsDriverByAnotherClock, KeepsKeysThatHaveExpiredByItAlone) {
  off = std::chrono::hours{1};
  go_to_the_container();
  have_keys_for_an_hour();
  refuse_next();
  for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(observe());
  EXPECT_EQ(times_asked_for_keys(), 1U);
}

TEST_F(EcsDriverByAnotherClock, RenewsKeysInTimeByThatOfAws) {
  go_to_the_container();
  have_keys_for_an_hour();
  refuse_next();
  ASSERT_TRUE(observe());
  ASSERT_EQ(times_asked_for_keys(), 1U);
  pass(std::chrono::minutes{56});
  have_keys_for_an_hour();
  ASSERT_TRUE(observe());
  EXPECT_EQ(times_asked_for_keys(), 2U);
}

}  // namespace
}  // namespace selfscale::drivers::ecs
