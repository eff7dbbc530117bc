// The driver `render` against a Render on loopback; what all drivers share is in conformance.
#include <gtest/gtest.h>

#include <fstream>

#include "drivers/conformance.hpp"
#include "drivers/preflight_fixture.hpp"
#include "drivers/render.hpp"
#include "drivers/render/fake_render.hpp"

namespace selfscale::drivers::render {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

class RenderDriver : public testing::Test {
 protected:
  ~RenderDriver() override { EXPECT_EQ(render.platform.complaints(), Names{}); }

  Driver& driver() {
    if (!made_) made_ = made(render.options()).value();
    return *made_;
  }
  Result<std::unique_ptr<Driver>> made(const std::string& options) {
    return render_driver(Setting{io, "backend", options, {}, {}}, around.get());
  }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired, std::optional<int> from = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.from = from;
    return run(io, driver().scale(std::move(request)));
  }
  void consent_to_takeover() {
    auto options = Json::parse(render.options());
    options["takeOver"] = true;
    made_ = made(options.dump()).value();
    render.add_autoscaler(true);
  }
  void release() {
    const auto given_back = run(io, driver().release());
    EXPECT_TRUE(given_back) << given_back.error().message;
  }
  Json& autoscaling() { return render.service["serviceDetails"]["autoscaling"]; }
  Preflight preflight() { return found_by(io, driver()); }

  FakeRender render;
  hosted::FakeSurroundings around{.variables = {{"RENDER_API_KEY", "hunter2"}}};
  asio::io_context io;

 private:
  std::unique_ptr<Driver> made_;
};

// ---- looking

TEST_F(RenderDriver, SeesWhatRunsBesideWhatIsWanted) {
  render.platform.locked([this] { render.running = 1; });
  around.now = std::chrono::sys_days{std::chrono::year{2026} / 11 / 27} + std::chrono::hours{2};
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 1);
  EXPECT_FALSE(seen.ready) << "Render does not say";
  EXPECT_EQ(seen.least, 1);
  EXPECT_EQ(seen.most, 100);
  ASSERT_EQ(seen.replicas.size(), 1U);
  EXPECT_EQ(seen.replicas[0].instance, "srv-1-0");
  EXPECT_EQ(seen.replicas[0].started_seconds_ago, 60.0);
}

TEST_F(RenderDriver, IsUpdatingWhileADeployIsUnderWay) {
  EXPECT_FALSE(observe().value().updating);
  render.platform.locked([this] { render.deploy = "update_in_progress"; });
  EXPECT_TRUE(observe().value().updating);
}

// ---- writing

TEST_F(RenderDriver, NoticesAWriteThatWasAcceptedAndIgnored) {
  render.platform.locked([this] { render.ignores_writes = true; });
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::timed_out) << "it is looked at again before it is repeated";
  EXPECT_EQ(written.error().message,
            "scale: Render accepted the change (202), and the service still has 2 instances");
}

TEST_F(RenderDriver, AsksForNothingWhileRendersOwnAutoscalerIsOn) {
  render.add_autoscaler(true);
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::conflict);
  EXPECT_EQ(render.platform.times("POST /scale"), 0);
  EXPECT_NE(observe().value().note, "");
}

TEST_F(RenderDriver, AsksForNothingBeyondRendersRange) {
  for (const int count : {-1, 0, 101}) {
    const auto written = scale(count);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Errc::invalid_argument);
  }
  EXPECT_EQ(render.platform.asked(), Names{});
}

TEST_F(RenderDriver, WaitsAsLongAsRenderAsks) {
  render.platform.script("POST /scale", {{{429, refusal, "Ratelimit-Reset: 40\r\n"}}});
  auto written = scale(5);
  EXPECT_EQ(written.error().code, Errc::throttled);
  EXPECT_NE(written.error().message.find("40 s"), std::string::npos) << written.error().message;
  EXPECT_EQ(written.error().retry_after, std::chrono::seconds{40});
  around.pass(std::chrono::seconds{39});
  written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::throttled);
  EXPECT_EQ(written.error().retry_after, std::chrono::seconds{1});
  EXPECT_EQ(render.platform.times("POST /scale"), 1) << "the limit of writes is low: 10";
  EXPECT_TRUE(observe()) << "reads have another limit";
  around.pass(std::chrono::seconds{1});
  EXPECT_TRUE(scale(5));
}

// ---- taking over

TEST_F(RenderDriver, WhatRunsIsWhatIsWantedWhileRenderScales) {
  consent_to_takeover();
  render.platform.locked([this] { render.running = 4; });
  EXPECT_EQ(observe().value().desired, 4) << "numInstances is the count set by hand";
  EXPECT_NE(observe().value().note, "");
}

TEST_F(RenderDriver, ATakeoverIsDecidedFromWhatRuns) {
  consent_to_takeover();
  render.platform.locked([this] { render.running = 4; });
  EXPECT_EQ(scale(5, 2).error().code, Errc::conflict) << "set by hand, long ago";
  EXPECT_FALSE(render.kept);
  EXPECT_EQ(autoscaling()["enabled"], true);
  EXPECT_TRUE(scale(5, 4));
}

TEST_F(RenderDriver, KeepsTheSettingBeforeItSuspendsAndSuspendsBeforeItScales) {
  consent_to_takeover();
  const auto before = autoscaling();
  ASSERT_TRUE(scale(5));
  const std::string service = "/v1/services/srv-1";
  EXPECT_EQ(render.platform.asked(), (Names{"GET " + service, "GET " + service + "/instances",
                                            "PUT " + service + "/env-vars/SELFSCALE_TAKEN_OVER",
                                            "PUT " + service + "/autoscaling",
                                            "POST " + service + "/scale", "GET " + service}));
  EXPECT_EQ(Json::parse(*render.kept), before);
  EXPECT_EQ(autoscaling()["enabled"], false);
}

TEST_F(RenderDriver, ATakeoverThatBrokeOffBeforeTheSuspensionLeavesNothingBehind) {
  consent_to_takeover();
  const auto before = autoscaling();
  render.platform.script("PUT /autoscaling", {{{503, refusal, {}}}});
  EXPECT_EQ(scale(5).error().code, Errc::timed_out);
  EXPECT_EQ(render.platform.times("POST /scale"), 0);
  release();
  EXPECT_EQ(autoscaling(), before);
  EXPECT_FALSE(render.kept);
}

TEST_F(RenderDriver, WhatAPersonHasSetSinceATakeoverIsWhatTheyGetBack) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  render.platform.locked([this] { autoscaling()["max"] = 9; });
  release();
  EXPECT_EQ(autoscaling()["enabled"], true);
  EXPECT_EQ(autoscaling()["max"], 9);
  EXPECT_FALSE(render.kept);
}

TEST_F(RenderDriver, ASettingThatIsGoneComesBackWhole) {
  consent_to_takeover();
  const auto before = autoscaling();
  ASSERT_TRUE(scale(5));
  render.platform.locked([this] { render.service["serviceDetails"].erase("autoscaling"); });
  release();
  EXPECT_EQ(autoscaling(), before);
}

TEST_F(RenderDriver, WhatAPersonHasTurnedOnAgainIsLeftAsItIs) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  render.add_autoscaler(true, false, true);
  release();
  EXPECT_EQ(render.platform.times("PUT /autoscaling"), 1);
  EXPECT_FALSE(render.kept);
}

TEST_F(RenderDriver, WhatIsKeptStaysUntilTheSettingIsSeenGivenBack) {
  consent_to_takeover();
  ASSERT_TRUE(scale(5));
  render.platform.locked([this] { render.ignores_writes = true; });
  EXPECT_FALSE(run(io, driver().release()));
  EXPECT_TRUE(render.kept);
  render.platform.locked([this] { render.ignores_writes = false; });
  release();
  EXPECT_FALSE(render.kept);
}

// ---- the key

TEST_F(RenderDriver, TheKeyMayStandInAFile) {
  around.variables.clear();
  const auto path = testing::TempDir() + "selfscale-render-key";
  std::ofstream{path} << "hunter2\n";
  auto options = Json::parse(render.options());
  options["tokenFile"] = path;
  auto driver = made(options.dump()).value();
  EXPECT_TRUE(run(io, driver->observe()));
  std::remove(path.c_str());
  const auto seen = run(io, driver->observe());
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::storage);
}

TEST_F(RenderDriver, WithoutAKeyItSaysWhereOneBelongs) {
  around.variables.clear();
  EXPECT_EQ(sentences(preflight().wrong),
            Names{"there is no token: set RENDER_API_KEY, or name a file in platform.tokenFile"});
  EXPECT_EQ(render.platform.asked(), Names{});
}

TEST_F(RenderDriver, NoMessageShowsTheKey) {
  around.variables["RENDER_API_KEY"] = "hunter2 with a blank";
  EXPECT_EQ(observe().error().message.find("hunter2"), std::string::npos);
  around.variables["RENDER_API_KEY"] = "hunter4";
  EXPECT_EQ(observe().error().code, Errc::denied);
  EXPECT_EQ(observe().error().message.find("hunter4"), std::string::npos);
}

// ---- preflight

TEST_F(RenderDriver, RefusesWhatRenderDoesNotScale) {
  const auto wrong_with = [this](const std::string& pointer, const Json& value) {
    const auto before = render.service;
    render.platform.locked([&] { render.service[Json::json_pointer{pointer}] = value; });
    auto found = sentences(preflight().wrong);
    render.platform.locked([&] { render.service = before; });
    return found.size() == 1 ? found[0] : "not one";
  };
  EXPECT_NE(wrong_with("/suspended", "suspended").find("resume"), std::string::npos);
  EXPECT_NE(wrong_with("/serviceDetails/plan", "free").find("free plan"), std::string::npos);
  EXPECT_NE(wrong_with("/serviceDetails/disk",
                       {{"id", "d"}, {"name", "d"}, {"sizeGB", 1}, {"mountPath", "/d"}})
                .find("disk"),
            std::string::npos);
  EXPECT_EQ(sentences(preflight().wrong), Names{});
}

TEST_F(RenderDriver, DoesNotFightRendersOwnAutoscaler) {
  render.add_autoscaler(true, true, true);
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("between 1 and 3 instances by CPU at 60 % and memory at 70 %"),
            std::string::npos)
      << wrong[0];
  render.add_autoscaler(false);
  EXPECT_EQ(sentences(preflight().wrong), Names{});
  render.add_autoscaler(true, false, false);
  EXPECT_EQ(sentences(preflight().wrong), Names{}) << "by neither, it is off";
}

TEST_F(RenderDriver, AsksWhatIsKeptOnlyWhereAnAutoscalerIsSwitchedOff) {
  const auto looks = [this] {
    const auto before = render.platform.asked().size();
    preflight();
    return render.platform.asked().size() - before;
  };
  EXPECT_EQ(looks(), 1U) << "it has none";
  render.add_autoscaler(true);
  EXPECT_EQ(looks(), 1U);
  render.add_autoscaler(false);
  EXPECT_EQ(looks(), 2U);
}

TEST_F(RenderDriver, NamesTheMissingRight) {
  render.platform.script("GET /srv-1", {{{403, refusal, {}}}});
  const auto wrong = sentences(preflight().wrong);
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].find("Render says no"), std::string::npos) << wrong[0];
  EXPECT_NE(wrong[0].find("missing permission: an API key of a member"), std::string::npos);
}

// ---- options

TEST_F(RenderDriver, TakesNoOptionThatItDoesNotKnow) {
  const auto mistake = [this](const std::string& options) {
    const auto driver = made(options);
    return driver ? "none" : driver.error().message;
  };
  EXPECT_EQ(mistake(R"({"service": "srv-1", "x-note": 1, "description": "d"})"), "none");
  EXPECT_EQ(mistake(R"({"service": "srv-1", "servce": "srv-1"})"),
            "platform.servce is not known; there are service, tokenFile, endpoint, takeOver");
  EXPECT_NE(mistake(R"({"service": "srv-1/../srv-2"})").find("srv-…"), std::string::npos);
  EXPECT_NE(mistake("{}").find("srv-…"), std::string::npos);
  EXPECT_NE(mistake(R"({"service": "srv-1", "endpoint": "http://example.com"})").find("https"),
            std::string::npos);
  around.variables.clear();
  EXPECT_NE(mistake("{}").find("; there is no token: set RENDER_API_KEY"), std::string::npos);
  around.variables["RENDER_SERVICE_ID"] = "srv-1";
  EXPECT_EQ(mistake("{}"), "none");
}

}  // namespace
}  // namespace selfscale::drivers::render
