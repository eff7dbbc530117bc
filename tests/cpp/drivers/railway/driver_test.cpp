// The driver `railway` against a Railway on loopback; what all drivers share is in conformance.
#include <gtest/gtest.h>

#include <fstream>
#include <utility>

#include "drivers/conformance.hpp"
#include "drivers/preflight_fixture.hpp"
#include "drivers/railway.hpp"
#include "drivers/railway/fake_railway.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::railway {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

std::string error(const std::string& words, const std::string& code = "INTERNAL_SERVER_ERROR") {
  const Json each{{"message", words}, {"extensions", {{"code", code}}}};
  return Json{{"errors", Json::array({each})}, {"data", nullptr}}.dump();
}

class RailwayDriver : public testing::Test {
 protected:
  ~RailwayDriver() override { EXPECT_EQ(railway.platform.complaints(), Names{}); }

  Driver& driver() {
    if (!made_) made_ = made(railway.options()).value();
    return *made_;
  }
  Result<std::unique_ptr<Driver>> made(const std::string& options) {
    return railway_driver(Setting{io, "backend", options, {}, {}}, around.get());
  }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired) {
    ScaleRequest request;
    request.desired = desired;
    return run(io, driver().scale(std::move(request)));
  }
  Preflight preflight() { return found_by(io, driver()); }
  Preflight preflight_of(const std::string& key, const Json& value) {
    auto options = Json::parse(railway.options());
    options[key] = value;
    return found_by(io, *made(options.dump()).value());
  }
  void change(const std::function<void()>& how) { railway.platform.locked(how); }

  FakeRailway railway;
  hosted::FakeSurroundings around{.variables = FakeRailway::variables()};
  asio::io_context io;

 private:
  std::unique_ptr<Driver> made_;
};

// ---- looking

TEST_F(RailwayDriver, SeesWhatRunsBesideWhatIsWanted) {
  railway.set_regions({{"us-west2", {{"numReplicas", 3}}}, {"eu", {{"numReplicas", 1}}}});
  change([this] {
    railway.running = 2;
    railway.others = {"INITIALIZING", "CRASHED", "REMOVING", "EXITED"};
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 4);
  EXPECT_EQ(seen.current, 3) << "what starts counts, what ends does not";
  EXPECT_EQ(seen.ready, 2);
  EXPECT_EQ(seen.least, 2) << "each of the two regions keeps one";
  EXPECT_EQ(seen.most, 50);
  EXPECT_EQ(railway.platform.times("POST /Service"), 1) << "a look is one call";
}

TEST_F(RailwayDriver, IsUpdatingWhileADeploymentIsUnderWay) {
  EXPECT_FALSE(observe().value().updating);
  for (const std::string status : {"BUILDING", "DEPLOYING", "QUEUED", "WAITING"}) {
    change([&] { railway.instance["latestDeployment"]["status"] = status; });
    EXPECT_TRUE(observe().value().updating) << status;
  }
  change([this] { railway.instance["latestDeployment"]["status"] = "NEEDS_APPROVAL"; });
  EXPECT_NE(observe().value().note.find("approval"), std::string::npos);
  change([this] { railway.instance["latestDeployment"]["status"] = "FAILED"; });
  EXPECT_EQ(observe().value().failure, "the latest deployment, d-1, is FAILED");
  change([this] { railway.instance["latestDeployment"]["status"] = "SKIPPED"; });
  EXPECT_FALSE(observe().value().updating);
  EXPECT_EQ(observe().value().failure, "") << "as many run as are wanted, of the one before it";
  EXPECT_EQ(observe().value().note,
            "the latest deployment, d-1, is SKIPPED: what runs is the one before it");
  change([this] { railway.running = 1; });
  EXPECT_EQ(observe().value().failure, "the latest deployment, d-1, is SKIPPED");
  EXPECT_EQ(observe().value().note, "");
  change([this] { railway.running = 2; });
  change([this] { railway.instance["latestDeployment"]["status"] = "SLEEPING"; });
  EXPECT_NE(observe().value().note.find("sleeps"), std::string::npos);
  change([this] { railway.instance["latestDeployment"] = nullptr; });
  EXPECT_FALSE(observe().value().updating);
}

TEST_F(RailwayDriver, TakesTheRegionsOfTheLastDeploymentWhereTheConfigurationHasNone) {
  change([this] {
    railway.settings()["deploy"].erase("multiRegionConfig");
    railway.instance["region"] = "us-west2";
    railway.instance["numReplicas"] = 4;
  });
  EXPECT_EQ(observe().value().desired, 4);
  change([this] { railway.instance["numReplicas"] = nullptr; });
  EXPECT_EQ(observe().value().desired, 1) << "none said is one";
  change([this] {
    railway.instance["latestDeployment"]["meta"] = Json::parse(
        R"({"serviceManifest": {"deploy": {"multiRegionConfig": {"eu": {"numReplicas": 3}}}}})");
  });
  EXPECT_EQ(observe().value().desired, 3);
  ASSERT_TRUE(scale(5));
  EXPECT_EQ(railway.regions(), Json({{"eu", {{"numReplicas", 5}}}}));
}

// ---- writing

TEST_F(RailwayDriver, WritesTheRegionsOfOneServiceAndNothingElse) {
  railway.set_regions({{"us-west2", {{"numReplicas", 6}}}, {"eu", {{"numReplicas", 2}}}});
  const auto before = railway.config;
  ASSERT_TRUE(scale(12));
  auto expected = before;
  expected["services"]["s-1"]["deploy"]["multiRegionConfig"] = {{"us-west2", {{"numReplicas", 9}}},
                                                                {"eu", {{"numReplicas", 3}}}};
  EXPECT_EQ(railway.config, expected);
  EXPECT_EQ(railway.patch["services"].size(), 1U);
  EXPECT_EQ(railway.patch["services"]["s-1"].size(), 1U);
}

TEST_F(RailwayDriver, ProportionsThatSomebodySetOutliveItsOwnRounding) {
  railway.set_regions({{"us-west2", {{"numReplicas", 6}}}, {"eu", {{"numReplicas", 2}}}});
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(railway.regions()["us-west2"]["numReplicas"], 1);
  ASSERT_TRUE(scale(8));
  EXPECT_EQ(railway.regions()["us-west2"]["numReplicas"], 6);
  railway.set_regions({{"us-west2", {{"numReplicas", 1}}}, {"eu", {{"numReplicas", 1}}}});
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(railway.regions()["us-west2"]["numReplicas"], 2)
      << "somebody else's word is the new one";
}

TEST_F(RailwayDriver, ClosesNoRegion) {
  railway.set_regions({{"us-west2", {{"numReplicas", 2}}}, {"eu", {{"numReplicas", 1}}}});
  const auto written = scale(1);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::invalid_argument);
  EXPECT_EQ(written.error().message,
            "scale: 1 replicas; the service runs in 2 regions, and each keeps one");
  EXPECT_EQ(railway.platform.times("POST /Commit"), 0);
}

TEST_F(RailwayDriver, NoticesAWriteThatWasAcceptedAndIgnored) {
  change([this] { railway.ignores_writes = true; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::timed_out) << "it is looked at again before it is repeated";
  EXPECT_EQ(written.error().message,
            "scale: Railway accepted the change, and the service still has 2 replicas");
}

TEST_F(RailwayDriver, SaysWhyAnAcceptedWriteWasNotApplied) {
  change([this] { railway.apply_error = "your plan allows 6 replicas"; });
  const auto written = scale(7);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
  EXPECT_EQ(written.error().message,
            "scale: Railway did not apply the change: your plan allows 6 replicas");
  railway.platform.script("POST /Patch", {{{200, error("EnvironmentPatch not found"), {}}}});
  EXPECT_EQ(scale(7).error().code, Errc::timed_out) << "the id may be none of a patch";
}

TEST_F(RailwayDriver, AsksForNothingBeyondRailwaysRange) {
  for (const int count : {-1, 0, 51}) {
    const auto written = scale(count);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(railway.platform.asked(), Names{});
}

TEST_F(RailwayDriver, ARefusalWithStatus200HasItsCode) {
  struct Row {
    std::string words, code;
    Errc when_reading, when_writing;
  };
  const std::vector<Row> rows{
      {"Not Authorized", "INTERNAL_SERVER_ERROR", Errc::denied, Errc::denied},
      {"no", "UNAUTHENTICATED", Errc::denied, Errc::denied},
      {"no", "FORBIDDEN", Errc::denied, Errc::denied},
      {"Environment not found", "INTERNAL_SERVER_ERROR", Errc::not_found, Errc::not_found},
      {"no", "NOT_FOUND", Errc::not_found, Errc::not_found},
      {"Rate limit exceeded", "X", Errc::throttled, Errc::throttled},
      {"Problem processing request", "INTERNAL_SERVER_ERROR", Errc::unreachable, Errc::timed_out},
      {"your plan allows 6 replicas", "BAD_USER_INPUT", Errc::failed, Errc::failed},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.words + row.code);
    railway.platform.script("POST /Service", {{{200, error(row.words, row.code), {}}}});
    const auto seen = observe();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, row.when_reading);
    EXPECT_EQ(seen.error().message, "POST /graphql/v2 (Service): " + row.words);
    EXPECT_EQ(seen.error().permission.empty(), row.when_reading != Errc::denied);
    railway.platform.script("POST /Commit", {{{200, error(row.words, row.code), {}}}});
    const auto written = scale(5);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, row.when_writing);
    EXPECT_EQ(written.error().message, "POST /graphql/v2 (Commit): " + row.words);
  }
}

TEST_F(RailwayDriver, AnAnswerThatIsNoneOfGraphQLsIsMalformedAndOfAWriteUnsure) {
  for (const std::string body : {"", "<html>", "[]", "{}", R"({"data": null})", "{\"data\": 3}"}) {
    SCOPED_TRACE(body);
    railway.platform.script("POST /Service", {{{200, body, {}}}});
    EXPECT_EQ(observe().error().code, Errc::malformed);
    railway.platform.script("POST /Commit", {{{200, body, {}}}});
    EXPECT_EQ(scale(5).error().code, Errc::timed_out);
  }
}

TEST_F(RailwayDriver, WaitsAsLongAsRailwayAsks) {
  // 40 s from now, in each form that the header may have.
  for (const std::string header :
       {"Retry-After: 40", "X-RateLimit-Reset: 40", "X-RateLimit-Reset: 1795744840",
        "X-RateLimit-Reset: 1795744840000", "X-RateLimit-Reset: 2026-11-27T02:00:40Z"}) {
    SCOPED_TRACE(header);
    around.now = std::chrono::system_clock::time_point{std::chrono::seconds{1'795'744'800}};
    railway.set_count(2);
    const int before = railway.platform.times("POST /Commit");
    railway.platform.script("POST /Commit", {{{429, refusal, header + "\r\n"}}});
    auto written = scale(5);
    EXPECT_EQ(written.error().code, Errc::throttled);
    EXPECT_NE(written.error().message.find("40 s"), std::string::npos) << written.error().message;
    around.pass(std::chrono::seconds{39});
    EXPECT_EQ(observe().error().code, Errc::throttled) << "one limit is for all calls";
    EXPECT_EQ(railway.platform.times("POST /Commit"), before + 1);
    around.pass(std::chrono::seconds{1});
    EXPECT_TRUE(scale(5));
  }
}

TEST_F(RailwayDriver, WaitsNeitherLongerNorShorterWhereTheClockIsSetMeanwhile) {
  for (const std::chrono::hours set_by : {std::chrono::hours{-1}, std::chrono::hours{1}}) {
    railway.set_count(2);
    railway.platform.script("POST /Commit", {{{429, refusal, "Retry-After: 40\r\n"}}});
    EXPECT_EQ(scale(5).error().code, Errc::throttled);
    around.now += set_by;
    const auto held = scale(5);
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().retry_after, std::chrono::seconds{40});
    around.pass(std::chrono::seconds{40});
    EXPECT_TRUE(scale(5));
  }
}

// ---- the token

TEST_F(RailwayDriver, AProjectTokenHasAHeaderOfItsOwnAndComesFirst) {
  around.variables["RAILWAY_API_TOKEN"] = "other";
  EXPECT_TRUE(observe());
  around.variables.erase("RAILWAY_TOKEN");
  railway.platform.set_token("Authorization", "Bearer other");
  EXPECT_TRUE(observe()) << "a changed one is taken up by the next call";
}

TEST_F(RailwayDriver, AFileHoldsAProjectTokenUnlessItIsSaidToHoldAnother) {
  around.variables.clear();
  const auto path = testing::TempDir() + "selfscale-railway-token";
  std::ofstream{path} << "hunter2\n";
  auto options = Json::parse(railway.options());
  options["tokenFile"] = path;
  EXPECT_TRUE(run(io, made(options.dump()).value()->observe()));
  options["tokenKind"] = "account";
  railway.platform.set_token("Authorization", "Bearer hunter2");
  const auto of_account = made(options.dump()).value();
  EXPECT_TRUE(run(io, of_account->observe()));
  std::remove(path.c_str());
  EXPECT_EQ(run(io, of_account->observe()).error().code, Errc::storage);
}

TEST_F(RailwayDriver, WithoutATokenItSaysWhereOneBelongs) {
  around.variables.clear();
  EXPECT_EQ(sentences(preflight().wrong),
            Names{"there is no token: set RAILWAY_TOKEN or RAILWAY_API_TOKEN, or "
                  "name a file in platform.tokenFile"});
  EXPECT_EQ(railway.platform.asked(), Names{});
}

TEST_F(RailwayDriver, NoMessageShowsTheToken) {
  around.variables["RAILWAY_TOKEN"] = "hunter2 with a blank";
  EXPECT_EQ(observe().error().message.find("hunter2"), std::string::npos);
  around.variables["RAILWAY_TOKEN"] = "hunter4";
  EXPECT_EQ(observe().error().code, Errc::denied);
  EXPECT_EQ(observe().error().message.find("hunter4"), std::string::npos);
}

// ---- preflight

TEST_F(RailwayDriver, NamesWhatIsWrongOfProjectEnvironmentAndService) {
  const auto only = [](const Preflight& found) {
    return found.wrong.size() == 1 ? found.wrong[0].what : "not one";
  };
  EXPECT_EQ(only(preflight_of("project", "p-2")),
            "the project token is of the project p-1, and the policy names p-2");
  EXPECT_EQ(only(preflight_of("environment", "e-2")),
            "the project token is of the environment e-1, and the policy names e-2");
  EXPECT_EQ(only(preflight_of("service", "s-3")),
            "the service s-3 in the environment e-1 is not to be seen: POST /graphql/v2 (Service): "
            "ServiceInstance not found");
  around.variables = {{"RAILWAY_API_TOKEN", "hunter2"}};
  railway.platform.set_token("Authorization", "Bearer hunter2");
  EXPECT_EQ(only(preflight_of("project", "p-2")),
            "the project p-2 is not to be seen: POST /graphql/v2 (Project): Project not found");
  EXPECT_EQ(only(preflight_of("environment", "e-2")),
            "the environment e-2 is not to be seen: POST /graphql/v2 (Service): Environment not "
            "found");
}

TEST_F(RailwayDriver, SaysThatTheTokenIsNotAcceptedAndWhichOneWouldBe) {
  railway.platform.script("POST /ProjectToken", {{{200, error("Not Authorized"), {}}}});
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("Not Authorized"), std::string::npos) << wrong[0];
  EXPECT_NE(wrong[0].find("missing permission: a project token of this environment"),
            std::string::npos)
      << wrong[0];
}

TEST_F(RailwayDriver, RefusesAVolumeAndAServiceWithoutARegion) {
  change([this] { railway.settings()["volumeMounts"]["v-1"] = {{"mountPath", "/data"}}; });
  auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("volume"), std::string::npos) << wrong[0];
  change([this] { railway.settings().erase("volumeMounts"); });
  railway.set_regions(Json::object());
  wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("no region"), std::string::npos) << wrong[0];
  const auto written = scale(2);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
}

TEST_F(RailwayDriver, WarnsOfSleepOfRegionsAndOfAWideToken) {
  const auto warns = [this](const std::string& words) {
    const auto all = sentences(preflight().warnings);
    return std::any_of(all.begin(), all.end(), [&words](const std::string& each) {
      return each.find(words) != std::string::npos;
    });
  };
  EXPECT_TRUE(warns("railway.json"));
  EXPECT_FALSE(warns("serverless"));
  EXPECT_FALSE(warns("2 regions"));
  EXPECT_FALSE(warns("account or workspace"));
  change([this] { railway.instance["sleepApplication"] = true; });
  EXPECT_TRUE(warns("serverless"));
  railway.set_regions({{"us-west2", {{"numReplicas", 2}}}, {"eu", {{"numReplicas", 1}}}});
  EXPECT_TRUE(warns("2 regions"));
  around.variables = {{"RAILWAY_API_TOKEN", "hunter2"}};
  railway.platform.set_token("Authorization", "Bearer hunter2");
  EXPECT_TRUE(warns("account or workspace"));
}

// ---- options

TEST_F(RailwayDriver, TakesNoOptionThatItDoesNotKnow) {
  const auto mistake = [this](const std::string& more) {
    const auto driver =
        made(R"({"project": "p-1", "environment": "e-1", "service": "s-1")" + more + "}");
    return driver ? "none" : driver.error().message;
  };
  EXPECT_EQ(mistake(R"(, "x-note": 1, "description": "d")"), "none");
  EXPECT_EQ(mistake(R"(, "regions": 1)"),
            "platform.regions is not known; there are project, environment, service, tokenFile, "
            "tokenKind, endpoint");
  EXPECT_NE(mistake(R"(, "endpoint": "http://example.com")").find("https"), std::string::npos);
  EXPECT_NE(mistake(R"(, "tokenKind": "account")").find("no tokenFile"), std::string::npos);
  EXPECT_NE(mistake(R"(, "tokenFile": "/t", "tokenKind": "team")").find("\"project\" or"),
            std::string::npos);
  EXPECT_EQ(made(R"({"project": "p-1", "service": "s-1"})").error().message,
            "platform.environment must be the id of the environment, as the address of its page in "
            "the dashboard or, within the service, RAILWAY_ENVIRONMENT_ID has it");
  const auto token = std::exchange(around.variables, {});
  EXPECT_PRED2(contains, made(R"({"project": "p-1"})").error().message, "the id of the service");
  EXPECT_PRED2(contains, made(R"({"project": "p-1"})").error().message,
               "; there is no token: set RAILWAY_TOKEN or RAILWAY_API_TOKEN");
  around.variables = token;
  around.variables["RAILWAY_ENVIRONMENT_ID"] = "e-1";
  EXPECT_TRUE(made(R"({"project": "p-1", "service": "s-1"})"));
}

}  // namespace
}  // namespace selfscale::drivers::railway
