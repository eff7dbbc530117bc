// What every driver does alike that takes over the platform's own autoscaler by a person's consent.
#include "drivers/takeover.hpp"

#include "drivers/conformance.hpp"
#include "drivers/preflight_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

std::vector<HarnessRow> rows_that_take_over() {
  auto rows = every_harness();
  std::erase_if(rows, [](const HarnessRow& row) {
    return !row.over_http || row.over_http()->autoscaler().empty();
  });
  return rows;
}

class Takeover : public testing::TestWithParam<HarnessRow> {
 protected:
  std::unique_ptr<Driver> with_consent() { return platform->make_busy(io, ample); }
  std::unique_ptr<Driver> without_consent() { return dynamic_cast<Harness&>(*platform).make(io); }
  Result<void> scale(Driver& driver, int desired, std::optional<int> from = {},
                     std::string version = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.from = from;
    request.version = std::move(version);
    request.deadline = ample;
    return run(io, driver.scale(std::move(request)));
  }
  void release(Driver& driver) {
    const auto given_back = run(io, driver.release());
    EXPECT_TRUE(given_back) << given_back.error().message;
  }

  asio::io_context io;
  std::unique_ptr<OverHttp> platform = GetParam().over_http();
  std::string setting = (platform->restore(), platform->autoscaler());
};

TEST_P(Takeover, WithoutConsentTheAutoscalerStandsInTheWayAndIsLeftAlone) {
  const auto driver = without_consent();
  const auto found = run(io, driver->preflight()).value();
  ASSERT_FALSE(found.wrong.empty());
  const auto words = found.wrong[0].what + found.wrong[0].why + found.wrong[0].paste;
  EXPECT_NE(words.find("takeOver"), std::string::npos) << words;
  static_cast<void>(scale(*driver, 3));  // refused, or in vain
  release(*driver);
  EXPECT_EQ(platform->autoscaler(), setting);
}

TEST_P(Takeover, WithConsentNothingIsDoneBeforeTheFirstChangeOfTheCount) {
  const auto driver = with_consent();
  const auto found = run(io, driver->preflight()).value();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_FALSE(found.warnings.empty());
  EXPECT_PRED2(contains, found.warnings[0].what,
               "; by platform.takeOver it is suspended when this agent first scales the service, "
               "and stays suspended while agents may act; `selfscale disable SERVICE` gives it "
               "back");
  ASSERT_TRUE(run(io, driver->observe()));
  release(*driver);
  EXPECT_EQ(platform->autoscaler(), setting);
}

TEST_P(Takeover, ItIsSuspendedWhileTheAgentActsAndGetsItsSettingBack) {
  const auto driver = with_consent();
  for (const int count : {3, 2}) {
    const auto written = scale(*driver, count);
    ASSERT_TRUE(written) << written.error().message;
    EXPECT_EQ(platform->truth(), count);
    EXPECT_NE(platform->autoscaler(), setting);
    EXPECT_EQ(run(io, driver->observe()).value().desired, count);
  }
  for (int twice = 0; twice < 2; ++twice) {
    release(*driver);
    EXPECT_EQ(platform->autoscaler(), setting);
  }
}

TEST_P(Takeover, NothingIsTakenOverWhereSomebodyElseSetAnotherCountAfterTheLook) {
  const auto driver = with_consent();
  const auto seen = run(io, driver->observe()).value();
  const auto refused = scale(*driver, seen.desired + 2, seen.desired + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(platform->truth(), 2);
  EXPECT_EQ(platform->autoscaler(), setting);
  EXPECT_TRUE(scale(*driver, seen.desired + 2, seen.desired, seen.version));
  EXPECT_EQ(platform->truth(), seen.desired + 2);
}

TEST_P(Takeover, NothingIsTakenOverAtAVersionThatStandsNoMore) {
  const auto driver = with_consent();
  if (!driver->capabilities().conditional_write) return;
  const auto seen = run(io, driver->observe()).value();
  dynamic_cast<Harness&>(*platform).set_truth(5);
  const auto refused = scale(*driver, seen.desired + 2, {}, seen.version);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(platform->truth(), 5);
  EXPECT_EQ(platform->autoscaler(), setting);
}

TEST_P(Takeover, WhatAKilledAgentTookIsGivenBackByTheNext) {
  ASSERT_TRUE(scale(*with_consent(), 3));
  release(*without_consent());
  EXPECT_NE(platform->autoscaler(), setting) << "without consent nothing is done";
  const auto next = with_consent();
  ASSERT_TRUE(scale(*next, 4));
  EXPECT_EQ(platform->truth(), 4);
  release(*next);
  EXPECT_EQ(platform->autoscaler(), setting);
}

TEST_P(Takeover, WhoeverComesWithoutConsentSaysThatItWasLeftSuspended) {
  const auto says_so = [this](Driver& driver) {
    std::string all;
    const auto found = found_by(io, driver);
    for (const auto* findings : {&found.wrong, &found.warnings}) {
      for (const auto& each : *findings) all += each.what;
    }
    return contains(all, may_go_on(""));
  };
  EXPECT_FALSE(says_so(*without_consent()));
  ASSERT_TRUE(scale(*with_consent(), 3));
  EXPECT_TRUE(says_so(*without_consent()));
  const auto next = with_consent();
  EXPECT_FALSE(says_so(*next));
  release(*next);
  EXPECT_FALSE(says_so(*without_consent()));
}

INSTANTIATE_TEST_SUITE_P(Every, Takeover, testing::ValuesIn(rows_that_take_over()),
                         [](const auto& info) { return info.param.name; });

TEST(TakeoverWords, SayHowLongItIsSuspendedAndWhatGivesItBack) {
  EXPECT_EQ(refusal_to_fight("it scales itself").why,
            "with takeOver it is suspended while agents may act; `selfscale disable SERVICE` gives "
            "it back");
  EXPECT_EQ(left_suspended("the tag x").what,
            "the platform's own autoscaler is suspended by an earlier agent's takeover (the tag "
            "x): with platform.takeOver an agent goes on from there, and it stays suspended while "
            "agents may act; `selfscale disable SERVICE` gives it back");
}

TEST(TakeoverRows, AreTheDriversThatHaveTheOption) {
  std::vector<std::string> all;
  for (const auto& row : rows_that_take_over()) all.push_back(row.name);
  EXPECT_EQ(all,
            (std::vector<std::string>{"cloud_run", "digitalocean", "ecs", "kubernetes", "render"}));
}

}  // namespace
}  // namespace selfscale::drivers
