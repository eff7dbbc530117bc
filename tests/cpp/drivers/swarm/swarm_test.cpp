// The driver against a server that plays a Swarm's manager: what it sees, writes and says.
#include "drivers/swarm.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drivers/swarm/api.hpp"
#include "drivers/swarm/swarm_server.hpp"
#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::swarm {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using State = SwarmServer::Swarm;

class SwarmDriver : public testing::Test {
 protected:
  SwarmDriver() { restart(); }
  ~SwarmDriver() override {
    EXPECT_EQ(api.wrong(), std::vector<std::string>{}) << "against the published document";
  }
  SwarmDriver(const SwarmDriver&) = delete;

  void restart(Json platform = Json::object()) {
    platform["host"] = api.host();
    driver = swarm_driver(Setting{io, "web", platform.dump(), {}, {}}).value();
  }
  Result<Observation> observe() { return run(io, driver->observe()); }
  Result<void> scale(int desired, std::string version = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.version = std::move(version);
    request.longest_work = recorded;
    return run(io, driver->scale(std::move(request)));
  }
  /// Refused, and why.
  std::string why_not(int desired) {
    const auto before = api.replicas();
    const auto refused = scale(desired);
    EXPECT_EQ(api.replicas(), before);
    if (refused) return "it was done";
    EXPECT_EQ(refused.error().code, Errc::failed);
    return refused.error().message;
  }
  /// What the agent and the doctor say before anything is enabled.
  std::optional<Finding> warning() {
    EXPECT_TRUE(preflight().wrong.empty());
    return driver->against_fewer(recorded);
  }
  Preflight preflight() { return run(io, driver->preflight()).value(); }
  int writes() {
    const auto all = api.asked();
    return static_cast<int>(std::count_if(
        all.begin(), all.end(), [](const auto& each) { return each.starts_with("POST"); }));
  }

  asio::io_context io;
  SwarmServer api;
  std::unique_ptr<Driver> driver;
  std::optional<LongestWork> recorded;
};

constexpr const char* consent =
    R"(or consent to that work may be cut off: "mayInterruptWork": true, in the policy's platform)";

// --- observing

TEST_F(SwarmDriver, SeesCountsAndTasks) {
  api.change([](State& swarm) {
    swarm.tasks[1].state = "starting";
    swarm.index = 41;
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.ready, 1);
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.version, "41");
  ASSERT_EQ(seen.replicas.size(), 2U);
  EXPECT_EQ(seen.replicas[0].instance, "web.1.t1");
  EXPECT_TRUE(seen.replicas[0].ready);
  EXPECT_EQ(seen.replicas[0].started_seconds_ago, 60.0) << "by the engine's clock";
  EXPECT_FALSE(seen.replicas[1].ready);
  EXPECT_FALSE(seen.replicas[1].started_seconds_ago);
}

TEST_F(SwarmDriver, CountsNoTaskThatHasEndedOrIsToEnd) {
  api.change([](State& swarm) {
    swarm.tasks.push_back({1, "old", "shutdown", "shutdown", ""});
    swarm.tasks.push_back({3, "going", "running", "remove", ""});
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.ready, 2);
  ASSERT_EQ(seen.replicas.size(), 3U);
  EXPECT_TRUE(seen.replicas[2].deleting);
}

TEST_F(SwarmDriver, SaysWhyATaskDoesNotRun) {
  api.change([](State& swarm) {
    swarm.tasks[0].state = "pending";
    swarm.tasks[0].error = "no suitable node (insufficient resources on 1 node)";
  });
  EXPECT_EQ(observe()->failure,
            "task web.1.t1: no suitable node (insufficient resources on 1 node)");
}

TEST_F(SwarmDriver, SaysWhyTheNewestOfACrashLoopEndedWhileThereAreTooFew) {
  api.change([](State& swarm) {
    swarm.tasks[1].state = "starting";
    swarm.tasks.push_back({2, "a", "failed", "shutdown", "exit (1)", "2026-11-27T02:01:00Z"});
    swarm.tasks.push_back({2, "b", "rejected", "shutdown", "exit (2)", "2026-11-27T02:01:05.5Z"});
    swarm.tasks.push_back({2, "c", "failed", "shutdown", "exit (3)", "2026-11-27T02:01:05.25Z"});
  });
  EXPECT_EQ(observe()->failure, "task web.2.b: exit (2)");
  api.change([](State& swarm) { swarm.tasks[1].state = "running"; });
  EXPECT_EQ(observe()->failure, "");
}

TEST_F(SwarmDriver, SeesAnUpdateAndSaysWhatBecomesOfIt) {
  struct Row {
    std::string state;
    bool updating;
    std::string failure;
    std::string note;
  };
  const std::string words = ": two tasks failed";
  for (const auto& row :
       {Row{"updating", true, "", ""}, Row{"completed", false, "", ""},
        Row{"paused", false, "the update is paused" + words, ""},
        Row{"rollback_started", true, "the update is rollback_started" + words, ""},
        Row{"rollback_paused", false, "the update is rollback_paused" + words, ""},
        Row{"rollback_completed", false, "", "the update is rollback_completed" + words}}) {
    api.change([&row](State& swarm) {
      // The published document knows three of the states.
      swarm.update_status = {{"State", row.state}, {"Message", "two tasks failed"}};
    });
    const auto seen = observe().value();
    EXPECT_EQ(seen.updating, row.updating) << row.state;
    EXPECT_EQ(seen.failure, row.failure);
    EXPECT_EQ(seen.note, row.note);
  }
}

TEST_F(SwarmDriver, CountsByTheServiceWhereItMayNotListTasks) {
  api.answer_with("/tasks", 403, "Forbidden");
  const auto seen = observe().value();
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.ready, 2);
  EXPECT_TRUE(seen.replicas.empty());
  EXPECT_PRED2(starts_with, seen.note, "its tasks are not known: GET http://127.0.0.1");
}

TEST_F(SwarmDriver, TakesAServiceWithoutANumberForOneReplica) {
  api.change([](State& swarm) { swarm.spec["Mode"] = {{"Replicated", Json::object()}}; });
  EXPECT_EQ(observe()->desired, 1);
}

TEST_F(SwarmDriver, SaysThatThereIsNoSuchService) {
  restart({{"service", "wbe"}});
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::not_found);
  EXPECT_EQ(seen.error().message, "there is no service wbe in this swarm");
  EXPECT_EQ(scale(3).error().code, Errc::not_found);
  EXPECT_EQ(sentences(preflight().wrong),
            std::vector<std::string>{"there is no service wbe in this swarm"});
}

// --- scaling

TEST(SwarmSpec, GoesBackAsItCameButForTheCount) {
  const std::string spec =
      R"({"Zebra":[],"Name":"web","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"a@sha256:b",)"
      R"("Args":null,"Env":["Ä=\"1\"\n"],"Unheard-of":{"of":[{},[],null,false]}},"Big":18446744073709551615,)"
      R"("Past":9007199254740993,"Small":-9007199254740993,"Half":0.5},"Mode":{"Replicated":{"Replicas":2,"Later":1}},)"
      R"("EndpointSpec":{"Ports":[{"TargetPort":80}]},"A":1})";
  const std::string body =
      R"({"ID":"s1","Version":{"Index":18446744073709551615},"Spec":)" + spec + "}";
  const auto call = set_replicas("web", body, 7);
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->target, "/services/web/update?version=18446744073709551615");
  auto expected = spec;
  expected.replace(expected.find("\"Replicas\":2"), 12, "\"Replicas\":7");
  EXPECT_EQ(call->body, expected);
}

TEST_F(SwarmDriver, WritesTheWholeSpecOnce) {
  const auto before = api.look([](const State& swarm) { return swarm.spec; });
  ASSERT_TRUE(scale(5));
  EXPECT_EQ(writes(), 1);
  auto expected = before;
  expected["Mode"]["Replicated"]["Replicas"] = 5;
  EXPECT_EQ(api.look([](const State& swarm) { return swarm.written.at(0); }), expected.dump());
}

TEST_F(SwarmDriver, SpeaksTheNewestVersionThatTheEngineHasAndTheDriverKnows) {
  ASSERT_TRUE(observe());
  EXPECT_EQ(api.spoken_version(), "1.41");
  restart();
  api.set_api_version("1.100");
  ASSERT_TRUE(observe());
  EXPECT_EQ(api.spoken_version(), "1.56");
}

TEST_F(SwarmDriver, LearnsTheVersionAnewWhereAnOlderEngineHasCome) {
  api.set_api_version("1.56");
  ASSERT_TRUE(observe());
  api.set_api_version("1.41");
  EXPECT_FALSE(observe());
  EXPECT_TRUE(observe());
  EXPECT_EQ(api.spoken_version(), "1.41");
}

TEST_F(SwarmDriver, IsInConflictWithWhoeverWritesBetweenReadingAndWriting) {
  const auto version = observe()->version;
  api.set_intercept([this](http::Peer&, const http::Received& request) {
    if (request.method() == "POST") api.set_replicas(5);
    return false;
  });
  const auto refused = scale(3, version);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_PRED2(contains, refused.error().message, "update out of sequence");
  EXPECT_EQ(api.replicas(), 5);
}

TEST_F(SwarmDriver, WritesNothingOverAVersionThatWasNotSeen) {
  const auto version = observe()->version;
  api.set_replicas(5);
  EXPECT_EQ(scale(3, version).error().code, Errc::conflict);
  EXPECT_EQ(writes(), 0);
}

// --- an update that is under way

struct UnderWay {
  std::string state;
  std::string hold;
};
const std::vector<UnderWay> states_without_count{
    {"updating",
     "an update is under way, and with a new count Swarm would forget the version that it can "
     "roll back to"},
    {"rollback_started",
     "an update is being rolled back, and with a new count Swarm would begin another one"},
    {"paused", "the update is paused, and with a new count Swarm would go on with it"},
    {"rollback_paused",
     "the rollback of an update is paused, and with a new count Swarm would go on with it"}};

TEST_F(SwarmDriver, HoldsEachCountWhileAnUpdateIsUnderWay) {
  for (const auto& [state, hold] : states_without_count) {
    api.change([&state = state](State& swarm) { swarm.update_status = {{"State", state}}; });
    EXPECT_EQ(observe()->hold, hold);
    const auto refused = scale(3);
    ASSERT_FALSE(refused) << state;
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_EQ(refused.error().message,
              "the service web takes no count now: " + hold +
                  "; where it is to: \"scaleDuringUpdate\": true, in the policy's platform");
    EXPECT_TRUE(scale(2)) << "as many as were asked for";
  }
  EXPECT_EQ(writes(), 0);
  for (const auto* state : {"completed", "rollback_completed"}) {
    api.change([state](State& swarm) { swarm.update_status = {{"State", state}}; });
    EXPECT_EQ(observe()->hold, "");
  }
  EXPECT_TRUE(scale(3));
}

TEST_F(SwarmDriver, ScalesDuringAnUpdateWhereAPersonWantsThat) {
  restart({{"scaleDuringUpdate", true}});
  int count = 3;
  for (const auto& each : states_without_count) {
    api.change([&each](State& swarm) { swarm.update_status = {{"State", each.state}}; });
    EXPECT_EQ(observe()->hold, "");
    EXPECT_TRUE(scale(count++)) << each.state;
  }
}

// --- how long work takes, and how long Swarm lets it

TEST_F(SwarmDriver, RefusesAScaleDownWhileNobodyKnowsHowLongWorkTakes) {
  api.set_replicas(4);
  EXPECT_EQ(why_not(2),
            "scale-downs are refused: how long a piece of work takes is not known: nothing is "
            "recorded here in response_time or job_time, and platform.longestWorkSeconds is not "
            "set; and Swarm, which chooses the task that goes, kills it 30 s (the service's "
            "stop_grace_period) after it has told it to end: \"longestWorkSeconds\": 30   # in the "
            "policy's platform, where no work takes longer; " +
                std::string{consent});
  EXPECT_TRUE(scale(6)) << "up is never refused";
}

TEST_F(SwarmDriver, ScalesDownWithoutAnyOptionWhereRecordedWorkIsShort) {
  api.set_replicas(4);
  recorded = {"response_time", 0.25};
  EXPECT_TRUE(scale(3));
  recorded = {"response_time", 30.0};
  EXPECT_TRUE(scale(2)) << "as long as the grace period, and no longer";
  EXPECT_FALSE(warning());
}

TEST_F(SwarmDriver, RefusesAScaleDownWhereRecordedWorkIsLongerThanTheGracePeriod) {
  api.set_replicas(4);
  recorded = {"job_time", 41.3217};
  EXPECT_EQ(why_not(2),
            "scale-downs are refused: a piece of work takes up to 41.33 s (recorded in job_time); "
            "and Swarm, which chooses the task that goes, kills it 30 s (the service's "
            "stop_grace_period) after it has told it to end: docker service update "
            "--stop-grace-period 42s web   # " +
                std::string{consent});
}

TEST_F(SwarmDriver, GoesByTheLargerOfWhatIsRecordedAndWhatAPersonSays) {
  api.set_replicas(4);
  recorded = {"response_time", 2.0};
  restart({{"longestWorkSeconds", 90.5}});
  EXPECT_PRED2(contains, why_not(2), "up to 90.5 s (platform.longestWorkSeconds)");
  restart({{"longestWorkSeconds", 20}});
  EXPECT_TRUE(scale(3));
  recorded = {"response_time", 31.0};
  EXPECT_PRED2(contains, why_not(2), "up to 31 s (recorded in response_time)");
  recorded.reset();
  EXPECT_TRUE(scale(2)) << "a person's word alone";
}

TEST_F(SwarmDriver, TakesWorkBeyondAllBucketsForAsLongAsAPersonSays) {
  api.set_replicas(4);
  recorded = {"response_time", 4.2, /*is_open=*/true};
  const auto why = why_not(2);
  EXPECT_PRED2(contains, why, "a piece of work takes more than 4.2 s (recorded in response_time)");
  EXPECT_PRED2(contains, why, "\"longestWorkSeconds\": 30   # in the policy's platform");
  restart({{"longestWorkSeconds", 30}});
  EXPECT_TRUE(scale(3));
  restart({{"longestWorkSeconds", 3}});
  EXPECT_PRED2(contains, why_not(2), "more than 4.2 s") << "it is known to be wrong";
}

TEST_F(SwarmDriver, ScalesDownWhateverWorkTakesWhereAPersonConsents) {
  api.set_replicas(4);
  restart({{"mayInterruptWork", true}});
  EXPECT_TRUE(scale(3));
  recorded = {"response_time", 90.0};
  EXPECT_TRUE(scale(2));
  EXPECT_FALSE(warning());
  EXPECT_EQ(sentences(preflight().warnings), std::vector<std::string>{});
}

TEST_F(SwarmDriver, SaysWhatItWouldRefuseOnceItHasLooked) {
  EXPECT_FALSE(driver->against_fewer(recorded)) << "nobody has looked yet";
  const auto found = warning().value();
  EXPECT_EQ(found.what + ": " + found.paste, why_not(1));
  EXPECT_EQ(found.why, "capacity is added, and none is taken away");
  recorded = {"response_time", 41.2};
  EXPECT_PRED2(starts_with, warning().value().what,
               "scale-downs are refused: a piece of work takes up to 41.2 s");
  EXPECT_EQ(writes(), 0);
}

TEST_F(SwarmDriver, HasTheGracePeriodOfAStackRaisedInItsFile) {
  api.change([](State& swarm) { swarm.spec["Labels"] = {{"com.docker.stack.namespace", "shop"}}; });
  recorded = {"response_time", 41.2};
  EXPECT_PRED2(
      starts_with, warning().value().paste,
      "stop_grace_period: 42s   # of the service in the file of the stack shop; or consent");
}

TEST(SwarmGracePeriod, IsTenSecondsWhereNoneIsSaid) {
  const auto service =
      parse_service(R"({"Version":{"Index":1},"Spec":{"Name":"web","Mode":{"Replicated":{}}}})");
  ASSERT_TRUE(service);
  EXPECT_FALSE(against_fewer(*service, {}, LongestWork{"response_time", 10.0}));
  const auto against = against_fewer(*service, {}, LongestWork{"response_time", 10.1});
  ASSERT_TRUE(against);
  EXPECT_PRED2(contains, against->what,
               "kills it 10 s (its own, as the service has no stop_grace_period)");
}

TEST_F(SwarmDriver, LeavesAServiceAloneThatTakesNoCount) {
  for (const auto& [mode, words] :
       {std::pair{"Global", "global"}, std::pair{"ReplicatedJob", "replicated job"},
        std::pair{"GlobalJob", "global job"}}) {
    api.change([mode = mode](State& swarm) { swarm.spec["Mode"] = {{mode, Json::object()}}; });
    const auto sentence = "the service web is " + std::string{words} +
                          ": Swarm takes a count of replicated services only";
    EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{sentence});
    const auto refused = scale(0);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, sentence);
    EXPECT_TRUE(observe());
  }
  EXPECT_EQ(writes(), 0);
}

// --- answers of another shape

TEST_F(SwarmDriver, UnderstandsNoAnswerOfAnotherShape) {
  for (
      const auto* body :
      {"", "{}", "null", "[7", "<html>", R"([{"Spec":{"Name":"web"}}])",
       R"([{"Spec":{"Name":"web"},"Version":{"Index":-1}}])",
       R"([{"Spec":{"Name":"web"},"Version":{"Index":"3"}}])",
       R"([{"Spec":{"Name":"web","Mode":{"Replicated":{"Replicas":-1}}},"Version":{"Index":1}}])",
       R"([{"Spec":{"Name":"web","Mode":{"Replicated":{"Replicas":3000000000}}},"Version":{"Index":1}}])",
       R"([{"Spec":{"Name":"web","Mode":{"Replicated":{"Replicas":18446744073709551615}}},"Version":{"Index":1}}])",
       R"([{"Spec":{"Name":"web","Mode":{"Replicated":{"Replicas":"2"}}},"Version":{"Index":1}}])",
       R"([{"Spec":{"Name":"web"},"Version":{"Index":1},"ServiceStatus":{"RunningTasks":-1}}])"}) {
    SCOPED_TRACE(body);
    api.answer_with("/services?", 200, body);
    const auto seen = observe();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, Errc::malformed);
    EXPECT_PRED2(starts_with, seen.error().message, "GET /services: the Engine's answer is no ");
  }
  for (const auto* body : {"", "{}", "null", "[7]", "[{}]", "<html>"}) {
    SCOPED_TRACE(body);
    api.answer_with("/tasks", 200, body);
    EXPECT_EQ(observe().error().code, Errc::malformed);
    api.answer_with("/info", 200, body);
    EXPECT_EQ(run(io, driver->preflight()).error().code, Errc::malformed);
    api.answer_with("/services/web", 200, body, "GET");
    EXPECT_EQ(scale(3).error().code, Errc::malformed);
  }
  EXPECT_EQ(writes(), 0);
}

TEST_F(SwarmDriver, NoticesAServerThatIsNoEngine) {
  api.answer_with("/_ping", 200, "");
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::malformed);
  EXPECT_PRED2(contains, seen.error().message, "is no Docker Engine");
}

TEST(SwarmDriverAnywhere, IsMadeWhereThereIsNoEngineAndSaysSo) {
  asio::io_context io;
  const auto driver =
      swarm_driver(Setting{io, "web", R"({"host": "unix:///nowhere/docker.sock"})", {}, {}});
  ASSERT_TRUE(driver);
  const auto seen = run(io, (*driver)->observe());
  const auto found = run(io, (*driver)->preflight());
  const auto written = run(io, (*driver)->scale({}));
  ASSERT_FALSE(seen || found || written);
  for (const auto& failure : {seen.error(), found.error(), written.error()}) {
    EXPECT_EQ(failure.code, Errc::unreachable);
    EXPECT_PRED2(contains, failure.message, "unix:/nowhere/docker.sock");
  }
}

TEST(SwarmDriverAnywhere, IsDeniedASocketOfOthers) {
  asio::io_context io;
  std::string folder = "/tmp/selfscale-swarm-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const auto path = folder + "/docker.sock";
  const asio::local::stream_protocol::acceptor listening{
      io, asio::local::stream_protocol::endpoint{path}};
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const auto driver =
      swarm_driver(Setting{io, "web", R"({"host": "unix://)" + path + "\"}", {}, {}});
  const bool is_root = ::geteuid() == 0;  // whom permissions do not stop
  constexpr uid_t nobody = 65534;
  ASSERT_EQ(is_root ? ::seteuid(nobody) : 0, 0);
  const auto seen = run(io, (*driver)->observe());
  ASSERT_EQ(is_root ? ::seteuid(0) : 0, 0);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().code, Errc::denied);
  EXPECT_PRED2(contains, seen.error().message, "neither root nor in the socket's group");
  std::filesystem::remove_all(folder);
}

// --- preflight

TEST_F(SwarmDriver, RefusesToActThroughAnEngineThatIsNoManager) {
  api.change([](State& swarm) { swarm.is_manager = false; });
  ASSERT_EQ(preflight().wrong.size(), 1U);
  EXPECT_PRED2(starts_with, preflight().wrong[0].what, "this engine is a worker of its swarm");
  api.change([](State& swarm) { swarm.node_state = "inactive"; });
  ASSERT_EQ(preflight().wrong.size(), 1U);
  EXPECT_PRED2(starts_with, preflight().wrong[0].what, "this engine is in no swarm (inactive)");
  const auto seen = observe();
  ASSERT_FALSE(seen);
  EXPECT_PRED2(contains, seen.error().message, "This node is not a swarm manager");
}

TEST_F(SwarmDriver, WarnsThatAStackPutsItsNumberBack) {
  api.change([](State& swarm) { swarm.spec["Labels"] = {{"com.docker.stack.namespace", "shop"}}; });
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(starts_with, found.warnings[0].what, "the service is of the stack shop");
}

}  // namespace
}  // namespace selfscale::drivers::swarm
