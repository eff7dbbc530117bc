// The driver `cloud_run` against Cloud Run on loopback; what all drivers share is in conformance.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "drivers/cloud_run.hpp"
#include "drivers/cloud_run/fake_cloud_run.hpp"
#include "drivers/conformance.hpp"
#include "drivers/preflight_fixture.hpp"

namespace selfscale::drivers::cloud_run {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

class CloudRunDriver : public testing::Test {
 protected:
  ~CloudRunDriver() override { EXPECT_EQ(google.platform.complaints(), Names{}); }

  Driver& driver() {
    if (!made_) made_ = made(google.options(kind)).value();
    return *made_;
  }
  Result<std::unique_ptr<Driver>> made(const std::string& options) {
    return cloud_run_driver(Setting{io, "web", options, {}, {}}, around.get());
  }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired, std::string version = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.version = std::move(version);
    return run(io, driver().scale(std::move(request)));
  }
  Preflight preflight() { return found_by(io, driver()); }
  template <class Change>
  void change(Change make) {
    google.platform.locked([&] { make(google); });
  }
  /// Cloud Run scales it, and a person consents to a takeover.
  void scales_itself() {
    auto options = Json::parse(google.options(kind));
    options["takeOver"] = true;
    made_ = made(options.dump()).value();
    change([](auto& now) {
      now.is_automatic = true;
      now.bounds = {{"minInstanceCount", 1}, {"maxInstanceCount", 10}};
      now.annotations = {{"team", "shop"}};
    });
  }
  void release() {
    const auto given_back = run(io, driver().release());
    EXPECT_TRUE(given_back) << given_back.error().message;
  }
  int tokens_given() {
    return google.tokens.locked([this] { return google.tokens.given; });
  }
  int writes() { return google.platform.times("PATCH /web"); }

  FakeCloudRun google;
  hosted::FakeSurroundings around{.variables = google.variables()};
  asio::io_context io;
  std::string kind = "service";

 private:
  std::unique_ptr<Driver> made_;
};

// ---- looking

TEST_F(CloudRunDriver, CountsWhatWasAskedForOnceItIsDone) {
  ASSERT_EQ(observe().value().current, 2);
  change([](auto& now) { now.is_reconciling = true; });
  google.set_count(5);
  auto seen = observe().value();
  EXPECT_TRUE(seen.updating);
  EXPECT_EQ(seen.desired, 5);
  EXPECT_EQ(seen.current, 2) << "the API does not say how many run";
  EXPECT_FALSE(seen.ready);
  change([](auto& now) { now.is_reconciling = false; });
  seen = observe().value();
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.current, 5);
}

TEST_F(CloudRunDriver, IsUpdatingUntilTheOperationOfItsWriteHasEnded) {
  change([](auto& now) { now.is_slow = true; });
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(observe().value().updating);
  change([](auto& now) { now.is_slow = false; });
  EXPECT_FALSE(observe().value().updating);
}

TEST_F(CloudRunDriver, AFailedOperationIsTheFailureOfTheChange) {
  change([](auto& now) { now.is_slow = true; });
  ASSERT_TRUE(scale(4));
  change([](auto& now) {
    now.is_slow = false;
    now.operation_error = {{"code", 8}, {"message", "Quota exceeded for instances"}};
  });
  for (int look = 0; look < 2; ++look) {
    EXPECT_EQ(observe().value().failure, "Quota exceeded for instances");
  }
}

TEST_F(CloudRunDriver, AFailedConditionIsAFailureInGooglesWords) {
  change([](auto& now) {
    now.condition = {{"type", "Ready"},
                     {"state", "CONDITION_FAILED"},
                     {"reason", "CONTAINER_MISSING"},
                     {"message", "Image not found"}};
  });
  EXPECT_EQ(observe().value().failure, "CONTAINER_MISSING: Image not found");
}

// ---- taking over

TEST_F(CloudRunDriver, AsManyAsThereMayBeCountAsThereWhileCloudRunScales) {
  scales_itself();
  auto seen = observe().value();
  EXPECT_EQ(seen.desired, 10);
  EXPECT_EQ(seen.current, 10);
  EXPECT_NE(seen.note.find("at most"), std::string::npos) << seen.note;
  change([](auto& now) {
    now.bounds = Json::object();
    now.most_of_a_revision = 7;
  });
  EXPECT_EQ(observe().value().desired, 7);
  change([](auto& now) { now.most_of_a_revision = nullptr; });
  EXPECT_EQ(observe().value().desired, 100) << "Google's default";
}

TEST_F(CloudRunDriver, TakesOverByOneWriteThatKeepsTheScalingOfBefore) {
  scales_itself();
  ASSERT_TRUE(scale(5, observe().value().version));
  EXPECT_EQ(writes(), 1);
  EXPECT_EQ(google.last_mask, "annotations,scaling.scalingMode,scaling.manualInstanceCount");
  EXPECT_EQ(google.count(), 5);
  EXPECT_EQ(google.annotations["team"], "shop");
  EXPECT_EQ(Json::parse(google.annotations["selfscale/taken-over"].get<std::string>()),
            (Json{{"minInstanceCount", 1}, {"maxInstanceCount", 10}}));
}

TEST_F(CloudRunDriver, ATakeoverLosesToWhoeverWasFaster) {
  scales_itself();
  const auto version = observe().value().version;
  google.set_count(3);
  EXPECT_EQ(scale(5, version).error().code, Errc::conflict);
  EXPECT_TRUE(google.is_automatic);
}

TEST_F(CloudRunDriver, WhatAPersonHasSetSinceATakeoverIsWhatTheyGetBack) {
  scales_itself();
  ASSERT_TRUE(scale(5));
  change([](auto& now) { now.bounds = {{"maxInstanceCount", 20}}; });
  release();
  EXPECT_TRUE(google.is_automatic);
  EXPECT_EQ(google.bounds, (Json{{"minInstanceCount", 1}, {"maxInstanceCount", 20}}))
      << "a bound that is gone comes back";
  EXPECT_EQ(google.annotations, (Json{{"team", "shop"}}));
}

TEST_F(CloudRunDriver, WhatAPersonHasTurnedOnAgainIsLeftAsItIs) {
  scales_itself();
  ASSERT_TRUE(scale(5));
  change([](auto& now) { now.is_automatic = true; });
  release();
  EXPECT_EQ(google.last_mask, "annotations");
  EXPECT_TRUE(google.is_automatic);
}

TEST_F(CloudRunDriver, ASettingThatIsNotSeenGivenBackIsGivenBackLater) {
  scales_itself();
  ASSERT_TRUE(scale(5));
  change([](auto& now) { now.ignores_writes = true; });
  const auto given_back = run(io, driver().release());
  ASSERT_FALSE(given_back);
  EXPECT_EQ(given_back.error().code, Errc::timed_out);
  EXPECT_NE(given_back.error().message.find(R"("maxInstanceCount":10)"), std::string::npos)
      << given_back.error().message;
  change([](auto& now) { now.ignores_writes = false; });
  release();
  EXPECT_TRUE(google.is_automatic);
}

TEST_F(CloudRunDriver, WarnsOfATakeoverThatNobodyGivesBack) {
  change([](auto& now) { now.annotations = {{"selfscale/taken-over", "{}"}}; });
  const auto warnings = preflight().warnings;
  EXPECT_TRUE(std::ranges::any_of(warnings, [](const Finding& each) {
    return each.what.find("selfscale/taken-over") != std::string::npos &&
           each.paste.find("takeOver") != std::string::npos;
  }));
}

TEST_F(CloudRunDriver, OfAWorkerPoolThereIsNothingToTakeOver) {
  kind = "workerPool";
  auto options = Json::parse(google.options(kind));
  options["takeOver"] = true;
  auto driver = made(options.dump()).value();
  ScaleRequest request;
  request.desired = 4;
  ASSERT_TRUE(run(io, driver->scale(request)));
  EXPECT_EQ(google.last_mask, "scaling.manualInstanceCount");
  ASSERT_TRUE(run(io, driver->release()));
  EXPECT_EQ(google.platform.times("PATCH /jobs"), 1);
}

// ---- writing

TEST_F(CloudRunDriver, SetsTheCountAndNothingElse) {
  ASSERT_TRUE(scale(5));
  EXPECT_EQ(google.last_mask, "scaling.manualInstanceCount");
  EXPECT_EQ(google.count(), 5);
}

TEST_F(CloudRunDriver, LosesToWhoeverWasFasterBetweenItsReadAndItsWrite) {
  google.platform.script("PATCH /web", {{{409, refusal, {}}}});
  EXPECT_EQ(scale(5).error().code, Errc::conflict);
  google.platform.script(
      "PATCH /web", {{{400, R"({"error": {"message": "etag mismatch", "status": "X"}})", {}}}});
  EXPECT_EQ(scale(5).error().code, Errc::conflict) << "whatever status it comes with";
}

TEST_F(CloudRunDriver, NoticesAWriteThatWasAcceptedAndIgnored) {
  change([](auto& now) { now.ignores_writes = true; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
  EXPECT_EQ(written.error().message, "scale: PATCH was accepted, and the count is still 2");
}

TEST_F(CloudRunDriver, AnOperationThatFailsAtOnceIsAFailureOfTheWrite) {
  change([](auto& now) { now.operation_error = {{"code", 7}, {"message", "actAs is missing"}}; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::denied);
  EXPECT_EQ(written.error().message, "scale: actAs is missing");
}

TEST_F(CloudRunDriver, AnAnswerToAWriteThatIsNoneLeavesItUnsure) {
  for (const std::string body :
       {"<html>", "{}", R"({"name": "projects/p/locations/europe-west1/operations/../x"})"}) {
    google.set_count(2);
    google.platform.script("PATCH /web", {{{200, body, {}}, true}});
    const auto written = scale(5);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::timed_out);
    EXPECT_EQ(google.count(), 5);
  }
}

TEST_F(CloudRunDriver, AnOperationThatIsForgottenHasEnded) {
  change([](auto& now) { now.is_slow = true; });
  ASSERT_TRUE(scale(4));
  google.platform.script("GET /op-1", {{{404, refusal, {}}}});
  EXPECT_FALSE(observe().value().updating);
}

// ---- Cloud Run's own scaling

TEST_F(CloudRunDriver, DoesNotFightAutomaticScaling) {
  change([](auto& now) { now.is_automatic = true; });
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("AUTOMATIC"), std::string::npos);
  EXPECT_NE(wrong[0].find("gcloud run services update web --region europe-west1 --scaling=N"),
            std::string::npos)
      << wrong[0];
  EXPECT_EQ(scale(5).error().code, Errc::conflict);
  EXPECT_EQ(observe().error().code, Errc::conflict) << "the count is not known";
  EXPECT_EQ(writes(), 0);
}

// ---- worker pools

TEST_F(CloudRunDriver, AWorkerPoolGoesDownToNone) {
  kind = "workerPool";
  EXPECT_EQ(driver().capabilities().minimum, 0);
  ASSERT_TRUE(scale(0));
  EXPECT_EQ(google.count(), 0);
  EXPECT_EQ(observe().value().desired, 0) << "a zero is left out of the answer";
  ASSERT_TRUE(scale(3));
  EXPECT_EQ(observe().value().desired, 3);
  EXPECT_EQ(sentences(preflight().wrong), Names{});
}

TEST_F(CloudRunDriver, AServiceKeepsOneInstance) {
  EXPECT_EQ(scale(0).error().code, Errc::invalid_argument);
  EXPECT_EQ(google.platform.asked(), Names{});
}

// ---- preflight

TEST_F(CloudRunDriver, NamesTheMissingPermission) {
  google.platform.script("GET /web", {{{403, refusal, {}}}});
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("SAID_NO: Google says no"), std::string::npos) << wrong[0];
  EXPECT_NE(wrong[0].find("(missing permission: run.services.get)"), std::string::npos) << wrong[0];
  google.platform.script("PATCH /web", {{{403, refusal, {}}}});
  EXPECT_EQ(scale(5).error().permission,
            "run.services.update and, on its runtime account, iam.serviceAccounts.actAs");
}

TEST_F(CloudRunDriver, WarnsOfAnAgentInsideThatGetsNoCpu) {
  const auto warns = [this] {
    const auto found = run(io, made(google.options()).value()->preflight()).value();
    for (const auto& each : found.warnings) {
      if (each.what.find("--no-cpu-throttling") != std::string::npos) return true;
    }
    return false;
  };
  for (const Json& throttled : {Json{{"cpuIdle", true}}, Json{}}) {
    change([&](auto& now) { now.resources = throttled; });
    EXPECT_FALSE(warns()) << "it runs elsewhere";
    around.variables["K_SERVICE"] = "web";
    EXPECT_TRUE(warns()) << throttled;
    around.variables.erase("K_SERVICE");
  }
  around.variables["K_SERVICE"] = "web";
  change([](auto& now) { now.resources = Json::object(); });
  EXPECT_FALSE(warns()) << "false is left out";
}

TEST_F(CloudRunDriver, WarnsOfRevisionsThatShareTheInstances) {
  const auto before = preflight().warnings.size();
  change([](auto& now) {
    now.traffic = Json::array({{{"revision", "web-1"}, {"percent", 10}},
                               {{"revision", "web-2"}, {"percent", 90}},
                               {{"revision", "web-3"}, {"tag", "next"}}});
  });
  const auto warnings = sentences(preflight().warnings);
  ASSERT_EQ(warnings.size(), before + 1);
  EXPECT_TRUE(warnings[0].starts_with("2 revisions share")) << warnings[0];
}

// ---- tokens

TEST_F(CloudRunDriver, AsksForAnotherTokenFiveMinutesBeforeTheEndOfTheLast) {
  ASSERT_TRUE(observe());
  around.pass(std::chrono::seconds{3'298});
  ASSERT_TRUE(observe());
  EXPECT_EQ(tokens_given(), 1);
  around.pass(std::chrono::seconds{1});
  ASSERT_TRUE(observe());
  EXPECT_EQ(tokens_given(), 2);
}

TEST_F(CloudRunDriver, ATokenThatIsGivenAgainIsUsedUntilItsEndAndNotAskedForAtEachCall) {
  google.tokens.locked([this] { google.tokens.lasts = 200; });  // the last of an hour
  ASSERT_TRUE(observe());
  around.pass(std::chrono::seconds{29});
  ASSERT_TRUE(observe());
  EXPECT_EQ(tokens_given(), 1);
  around.pass(std::chrono::seconds{1});
  google.tokens.locked([this] { google.tokens.lasts = 170; });
  ASSERT_TRUE(observe());
  EXPECT_EQ(tokens_given(), 2) << "another may be there by now";
}

TEST_F(CloudRunDriver, ATokenThatCannotBeRenewedIsUsedUntilItsEnd) {
  ASSERT_TRUE(observe());
  google.tokens.locked([this] { google.tokens.is_google = false; });
  around.pass(std::chrono::seconds{3'300});
  for (int look = 0; look < 2; ++look) {
    const auto seen = observe();
    EXPECT_TRUE(seen) << seen.error().message;
  }
  EXPECT_EQ(tokens_given(), 2) << "it is not asked for at each call";
  around.pass(std::chrono::seconds{298});
  ASSERT_TRUE(observe());
  EXPECT_EQ(tokens_given(), 3);
  around.pass(std::chrono::seconds{1});
  EXPECT_FALSE(observe()) << "it has ended";
}

TEST_F(CloudRunDriver, ATokenThatGoogleRefusesIsNotUsedWhateverBecomesOfItsRenewal) {
  ASSERT_TRUE(observe());
  google.tokens.locked([this] { google.tokens.is_google = false; });
  google.platform.rotate_token("hunter3");
  EXPECT_FALSE(observe());
  EXPECT_FALSE(observe());
  google.tokens.locked([this] {
    google.tokens.is_google = true;
    google.tokens.token = "hunter3";
  });
  EXPECT_TRUE(observe());
}

TEST_F(CloudRunDriver, TakesNoTokenFromAServerThatIsNotGoogles) {
  google.tokens.locked([this] { google.tokens.is_google = false; });
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::malformed);
  EXPECT_EQ(google.platform.asked(), Names{});
}

TEST_F(CloudRunDriver, SignsForAServiceAccountThatAKeyFileHolds) {
  const AccountKey key;
  const AccountKey other;
  google.tokens.locked([&] { google.tokens.key = &key; });
  const auto path = testing::TempDir() + "selfscale-google-key.json";
  std::ofstream{path} << google.tokens.key_file(key);
  around.variables = {{"GOOGLE_APPLICATION_CREDENTIALS", path}};
  EXPECT_TRUE(observe());
  EXPECT_EQ(google.tokens.claims["iss"], "scaler@p.iam.gserviceaccount.com");
  std::ofstream{path} << google.tokens.key_file(other);
  auto options = Json::parse(google.options());
  options["keyFile"] = path;
  const auto refused = run(io, made(options.dump()).value()->observe());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied);
  EXPECT_NE(refused.error().message.find("invalid_grant: Invalid JWT Signature."),
            std::string::npos)
      << refused.error().message;
  std::remove(path.c_str());
  EXPECT_EQ(run(io, made(options.dump()).value()->observe()).error().code, Errc::storage);
}

TEST_F(CloudRunDriver, WithoutCredentialsItSaysWhereTheyBelong) {
  around.variables = {{"GCE_METADATA_HOST", "127.0.0.1:1"}};
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("GOOGLE_APPLICATION_CREDENTIALS"), std::string::npos) << wrong[0];
}

// ---- options

TEST_F(CloudRunDriver, TakesNoOptionThatItDoesNotKnow) {
  const auto mistake = [this](const std::string& options) {
    const auto driver = made(options);
    return driver ? "none" : driver.error().message;
  };
  EXPECT_EQ(mistake(R"({"project": "p", "location": "l"})"), "none");
  EXPECT_EQ(mistake(R"({"project": "example.com:p", "location": "l", "workerPool": "w"})"), "none");
  EXPECT_NE(mistake(R"({"location": "l"})").find("platform.project is missing"), std::string::npos);
  EXPECT_NE(mistake(R"({"project": "p"})").find("platform.location is missing"), std::string::npos);
  EXPECT_NE(mistake(R"({"project": "p/../q", "location": "l"})").find("platform.project"),
            std::string::npos);
  EXPECT_NE(mistake(R"({"project": "p", "location": "l", "service": "s", "workerPool": "w"})")
                .find("one of them"),
            std::string::npos);
  EXPECT_NE(mistake(R"({"project": "p", "location": "l", "servce": "s"})").find("not known"),
            std::string::npos);
}

}  // namespace
}  // namespace selfscale::drivers::cloud_run
