// The driver `digitalocean` against App Platform on loopback; what all drivers share is in
// conformance.
#include <gtest/gtest.h>

#include "drivers/conformance.hpp"
#include "drivers/digitalocean.hpp"
#include "drivers/digitalocean/fake_digitalocean.hpp"
#include "drivers/preflight_fixture.hpp"

namespace selfscale::drivers::digitalocean {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

class DigitalOceanDriver : public testing::Test {
 protected:
  ~DigitalOceanDriver() override {
    EXPECT_EQ(ocean.platform.complaints(), Names{});
    EXPECT_EQ(ocean.wrong_specs, Names{}) << "more was changed than the count";
  }

  Driver& driver() {
    if (!made_) made_ = made(ocean.options()).value();
    return *made_;
  }
  Result<std::unique_ptr<Driver>> made(const std::string& options) {
    Setting setting{io, "web", options, {}, {}};
    setting.is_alone = is_alone;
    return digitalocean_driver(std::move(setting), around.get());
  }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired, std::optional<int> from = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.from = from;
    return run(io, driver().scale(std::move(request)));
  }
  void consent_to_takeover() {
    auto options = Json::parse(ocean.options());
    options["takeOver"] = true;
    made_ = made(options.dump()).value();
    ocean.add_autoscaler({{"min_instance_count", 2}, {"max_instance_count", 6}});
  }
  void release() {
    const auto given_back = run(io, driver().release());
    EXPECT_TRUE(given_back) << given_back.error().message;
  }
  Preflight preflight() { return found_by(io, driver()); }
  template <class Change>
  void change(Change make) {
    ocean.platform.locked([&] { make(ocean); });
  }

  FakeDigitalOcean ocean;
  hosted::FakeSurroundings around{.variables = {{"DIGITALOCEAN_TOKEN", "hunter2"}}};
  bool is_alone = false;
  asio::io_context io;

 private:
  std::unique_ptr<Driver> made_;
};

// ---- looking

TEST_F(DigitalOceanDriver, SeesWhatIsReadyOfItsOwnComponent) {
  change([](auto& now) { now.ready = 1; });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.ready, 1);
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.least, 1);
  EXPECT_EQ(seen.most, 250);
}

TEST_F(DigitalOceanDriver, IsUpdatingUntilTheDeploymentOfItsWriteHasEnded) {
  change([](auto& now) { now.phase_after_a_write = "PENDING_BUILD"; });
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(observe().value().updating);
  change([](auto& now) { now.phase = "DEPLOYING"; });
  EXPECT_TRUE(observe().value().updating);
  change([](auto& now) { now.phase = "ACTIVE"; });
  const auto seen = observe().value();
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.failure, "");
}

TEST_F(DigitalOceanDriver, TakesNoCountWhileADeploymentIsUnderWay) {
  const std::string why = "the deployment dep-1 is under way, and a change would supersede it";
  for (const auto* phase : {"PENDING_BUILD", "DEPLOYING"}) {
    change([phase](auto& now) { now.phase = phase; });
    EXPECT_EQ(observe().value().hold, why);
    const auto refused = scale(4);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_EQ(refused.error().message, "scale: " + why);
  }
  change([](auto& now) { now.phase = "ACTIVE"; });
  EXPECT_EQ(observe().value().hold, "");
  EXPECT_TRUE(scale(4));
}

TEST_F(DigitalOceanDriver, AFailedDeploymentIsTheFailureOfTheChange) {
  change([](auto& now) {
    now.phase_after_a_write = "ERROR";
    now.reason = "health checks failed";
  });
  ASSERT_TRUE(scale(4));
  for (int look = 0; look < 2; ++look) {
    EXPECT_EQ(observe().value().failure, "the deployment failed: health checks failed");
  }
  change([](auto& now) { now.phase_after_a_write = "ACTIVE"; });
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(observe().value().failure, "");
}

// ---- taking over

TEST_F(DigitalOceanDriver, WhatRunsIsWhatIsWantedWhileDigitalOceanScales) {
  consent_to_takeover();
  change([](auto& now) { now.running = 4; });
  EXPECT_EQ(observe().value().desired, 4);
  EXPECT_NE(observe().value().note, "");
}

TEST_F(DigitalOceanDriver, ATakeoverIsDecidedFromWhatRuns) {
  consent_to_takeover();
  change([](auto& now) { now.running = 4; });
  EXPECT_EQ(scale(5, 2).error().code, Errc::conflict) << "of before it scaled";
  EXPECT_TRUE(ocean.web().contains("autoscaling"));
  EXPECT_TRUE(scale(5, 4));
}

TEST_F(DigitalOceanDriver, TakesOverByOneWriteThatKeepsTheSettingInAVariable) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  EXPECT_EQ(ocean.web()["instance_count"], 5);
  EXPECT_FALSE(ocean.web().contains("autoscaling"));
  const auto kept = ocean.web()["envs"].back();
  EXPECT_EQ(kept["key"], "SELFSCALE_TAKEN_OVER");
  EXPECT_EQ(kept["value"], R"({"min_instance_count":2,"max_instance_count":6})");
  EXPECT_EQ(ocean.platform.times(std::string{"PUT /"} + app_id), 1);
}

TEST_F(DigitalOceanDriver, TheWholeSpecIsAsBeforeWhenATakeoverIsGivenBack) {
  consent_to_takeover();
  for (const bool has_variables : {true, false}) {
    if (!has_variables) change([](auto& now) { now.web().erase("envs"); });
    const auto before = ocean.spec;
    ASSERT_TRUE(scale(5));
    ASSERT_TRUE(scale(4));
    release();
    EXPECT_EQ(Json(ocean.spec), Json(before));
  }
}

TEST_F(DigitalOceanDriver, WhatAPersonHasSetSinceATakeoverIsWhatTheyGetBack) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  ocean.add_autoscaler({{"min_instance_count", 1}, {"max_instance_count", 9}});
  release();
  EXPECT_EQ(ocean.web()["autoscaling"]["max_instance_count"], 9);
  EXPECT_EQ(ocean.web()["envs"].size(), 2U) << "nothing is kept any more";
}

TEST_F(DigitalOceanDriver, GivesBackInSpiteOfADeploymentOfItsOwn) {
  consent_to_takeover();
  change([](auto& now) { now.phase_after_a_write = "PENDING_BUILD"; });
  ASSERT_TRUE(scale(5));
  release();
  EXPECT_TRUE(ocean.web().contains("autoscaling"));
}

TEST_F(DigitalOceanDriver, ASettingThatIsNotSeenGivenBackIsGivenBackLater) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  change([](auto& now) { now.ignores_writes = true; });
  EXPECT_EQ(run(io, driver().release()).error().code, Errc::timed_out);
  change([](auto& now) { now.ignores_writes = false; });
  release();
  EXPECT_TRUE(ocean.web().contains("autoscaling"));
}

TEST_F(DigitalOceanDriver, WarnsOfATakeoverThatNobodyGivesBack) {
  change([](auto& now) {
    now.web()["envs"].push_back({{"key", "SELFSCALE_TAKEN_OVER"}, {"value", "{}"}});
  });
  const auto warnings = sentences(preflight().warnings);
  EXPECT_TRUE(std::ranges::any_of(warnings, [](const std::string& each) {
    return each.find("SELFSCALE_TAKEN_OVER") != std::string::npos;
  }));
}

// ---- writing

TEST_F(DigitalOceanDriver, ChangesTheOneNumberOfTheSpec) {
  const auto before = ocean.spec;
  ASSERT_TRUE(scale(5));
  auto after = ocean.spec;
  EXPECT_EQ(ocean.web()["instance_count"], 5);
  after["services"][0]["instance_count"] = 2;
  EXPECT_EQ(after.dump(), before.dump());
}

TEST_F(DigitalOceanDriver, WritesNothingWhileADeploymentIsUnderWay) {
  change([](auto& now) { now.phase = "BUILDING"; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::conflict);
  EXPECT_EQ(ocean.platform.times("PUT /v2/apps/" + std::string{app_id}), 0);
}

TEST_F(DigitalOceanDriver, NoticesAWriteThatWasAcceptedAndIgnored) {
  change([](auto& now) { now.ignores_writes = true; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
  EXPECT_EQ(written.error().message, "PUT was accepted, and the spec still has 2 instances");
}

TEST_F(DigitalOceanDriver, AsksForNothingBeyondTheRange) {
  for (const int count : {-1, 0, 251}) {
    const auto written = scale(count);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(ocean.platform.asked(), Names{});
}

TEST_F(DigitalOceanDriver, ADeploymentThatIsForgottenHasEnded) {
  ASSERT_TRUE(scale(4));
  ocean.platform.script("GET /deployments/dep-1", {{{404, refusal, {}}}});
  for (int look = 0; look < 2; ++look) EXPECT_EQ(observe().value().failure, "");
  EXPECT_EQ(ocean.platform.times("GET /deployments/dep-1"), 1);
}

TEST_F(DigitalOceanDriver, WaitsUntilTheTimeThatTheLimitNames) {
  const auto reset = std::chrono::duration_cast<std::chrono::seconds>(
                         around.now.time_since_epoch() + std::chrono::seconds{90})
                         .count();
  ocean.platform.script("GET /health",
                        {{{429, refusal, "ratelimit-reset: " + std::to_string(reset) + "\r\n"}}});
  const auto seen = observe();
  EXPECT_EQ(seen.error().code, Errc::throttled);
  EXPECT_NE(seen.error().message.find("90 s"), std::string::npos) << seen.error().message;
  const auto asked = ocean.platform.asked().size();
  around.pass(std::chrono::seconds{89});
  EXPECT_EQ(scale(5).error().code, Errc::throttled) << "one limit for all of a token's calls";
  EXPECT_EQ(ocean.platform.asked().size(), asked);
  around.pass(std::chrono::seconds{1});
  EXPECT_TRUE(scale(5));
}

// ---- preflight

TEST_F(DigitalOceanDriver, DoesNotFightTheComponentsOwnAutoscaler) {
  change([](auto& now) {
    now.web().erase("instance_count");
    now.web()["autoscaling"] = {{"min_instance_count", 1}, {"max_instance_count", 4}};
  });
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("between 1 and 4 instances"), std::string::npos) << wrong[0];
  EXPECT_EQ(scale(5).error().code, Errc::conflict);
  EXPECT_EQ(ocean.platform.times("PUT /v2/apps/" + std::string{app_id}), 0);
}

TEST_F(DigitalOceanDriver, NamesTheMissingScope) {
  ocean.platform.script("GET /v2/apps/" + std::string{app_id}, {{{403, refusal, {}}}});
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("not_now: DigitalOcean says no"), std::string::npos) << wrong[0];
  EXPECT_NE(wrong[0].find("app:read"), std::string::npos) << wrong[0];
  ocean.platform.script("PUT /v2/apps/" + std::string{app_id}, {{{403, refusal, {}}}});
  EXPECT_EQ(scale(5).error().permission, "the token's scope app:update");
}

TEST_F(DigitalOceanDriver, RefusesASpecThatCannotBeSentBack) {
  change([](auto& now) { now.web()["envs"][1]["value"] = "***"; });
  ASSERT_EQ(preflight().wrong.size(), 1U);
  EXPECT_EQ(scale(5).error().code, Errc::failed);
  EXPECT_EQ(ocean.platform.times("PUT /v2/apps/" + std::string{app_id}), 0);
}

/// Each of its writes starts it anew, and it gives back as it ends.
TEST_F(DigitalOceanDriver, TakesNothingOverFromWithinTheAppWhereItWouldGiveItBack) {
  consent_to_takeover();
  const auto wrong_at = [this](const std::string& host, bool alone) {
    around.variables["HOSTNAME"] = host;
    is_alone = alone;
    consent_to_takeover();
    return sentences(preflight().wrong);
  };
  EXPECT_EQ(wrong_at("jobs-1", false),
            Names{"this agent runs in the component jobs of the same app: each of its writes "
                  "starts it anew, and as it ends it gives `autoscaling` back"});
  EXPECT_EQ(wrong_at("laptop", true), Names{});
  EXPECT_EQ(wrong_at("web-76b8-1", false), Names{}) << "the next one goes on";
  EXPECT_EQ(wrong_at("web-76b8-1", true).size(), 1U) << "there is no next one";
}

TEST_F(DigitalOceanDriver, WithoutATakeoverItMayRunInTheApp) {
  around.variables["HOSTNAME"] = "jobs-1";
  EXPECT_EQ(sentences(preflight().wrong), Names{});
}

TEST_F(DigitalOceanDriver, TakesEitherVariableForItsToken) {
  around.variables = {{"DIGITALOCEAN_ACCESS_TOKEN", "hunter2"}};
  EXPECT_TRUE(observe());
  around.variables.clear();
  EXPECT_EQ(observe().error().code, Errc::denied);
}

// ---- options

TEST_F(DigitalOceanDriver, TakesNoOptionThatItDoesNotKnow) {
  const auto mistake = [this](Json options) {
    const auto driver = made(options.dump());
    return driver ? "none" : driver.error().message;
  };
  EXPECT_EQ(mistake({{"app", app_id}}), "none");
  EXPECT_NE(mistake({{"app", "shop"}}).find("UUID"), std::string::npos);
  EXPECT_NE(mistake(Json::object()).find("UUID"), std::string::npos);
  EXPECT_EQ(
      mistake({{"app", app_id}, {"componnt", "web"}}),
      "platform.componnt is not known; there are app, component, tokenFile, endpoint, takeOver");
}

}  // namespace
}  // namespace selfscale::drivers::digitalocean
