// What an examination finds, and that it leaves nothing behind.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <selfscale/doctor.hpp>

#include "agent/agent_fixture.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "drivers/swarm/swarm_server.hpp"
#include "fleet/redis_server.hpp"

namespace selfscale::agent {
namespace {

using Sentences = std::vector<std::string>;

class Doctor : public AgentTest {
 protected:
  Doctor() {
    // Nothing that this machine sets counts.
    for (const auto* name : {"KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4",
                             "K_SERVICE", "CLOUD_RUN_WORKER_POOL", "RENDER_SERVICE_ID",
                             "RAILWAY_ENVIRONMENT_ID", "RAILWAY_REPLICA_ID", "VERCEL"}) {
      around_[name] = "";
    }
  }
  AgentOptions given(const json& platform, const std::string& fleet = "auto") {
    auto policy = depth_policy();
    if (!platform.is_null()) policy["platform"] = platform;
    auto made = options(policy);
    made.environment.insert(around_.begin(), around_.end());
    made.environment["SELFSCALE_FLEET"] = fleet;
    return made;
  }
  static Check check(const Examination& found, const std::string& name) {
    const auto one = std::ranges::find(found.checks, name, &Check::name);
    return one == found.checks.end() ? Check{} : *one;
  }
  static Sentences what(const std::vector<Finding>& findings) {
    Sentences all;
    for (const auto& each : findings) all.push_back(each.what);
    return all;
  }

  std::map<std::string, std::string> around_;
};

TEST_F(Doctor, FindsNothingWrongWhereNothingIs) {
  auto options = given({{"driver", "memory"}});
  options.enable = true;
  options.enabled_by = "test";
  const auto found = examine(options);
  EXPECT_EQ(found.service, "backend");
  EXPECT_EQ(found.driver, "memory");
  for (const auto& each : found.checks) EXPECT_EQ(what(each.wrong), Sentences{}) << each.name;
  EXPECT_EQ(check(found, "driver").seen, "1 replica wanted, 1 there, 1 ready");
  EXPECT_EQ(check(found, "switches").seen, "it is enabled: it may act");
}

TEST_F(Doctor, SaysWhichSettingsHaveNoEffectAndElseNothingOfThem) {
  auto options = given({{"driver", "memory"}});
  EXPECT_EQ(check(examine(options), "settings").name, "");
  options.environment["SELFSCALE_LEAD"] = "none";
  const auto found = check(examine(options), "settings");
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(ends_with, found.warnings[0].what, "did you mean SELFSCALE_LEADS?");
  EXPECT_EQ(found.warnings[0].paste, "unset SELFSCALE_LEAD");
  EXPECT_EQ(what(found.wrong), Sentences{});
}

TEST_F(Doctor, WritesNothing) {
  examine(given({{"driver", "memory"}}));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/run"));
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/state"));
}

TEST_F(Doctor, NamesWhatADriverThatCannotBeMadeLacks) {
  const auto found = check(
      examine(given({{"driver", "compose"}, {"project", "shop"}, {"host", "nowhere"}})), "driver");
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_PRED2(contains, found.wrong[0].what, "nowhere");
}

TEST_F(Doctor, IsNotSureOfOneWriterWhileTheDriverCannotBeMade) {
  const auto found = examine(given({{"driver", "render"}}));
  EXPECT_PRED2(contains, check(found, "driver").wrong.at(0).what, "RENDER_SERVICE_ID");
  const auto fleet = check(found, "fleet");
  EXPECT_EQ(fleet.seen, "") << "nothing that could be read as fine";
  EXPECT_PRED2(contains, fleet.warnings.at(0).what, "how far the driver reaches");
}

TEST_F(Doctor, SaysThatReplicasOfAPlatformHaveNoPlaceToAgree) {
  drivers::kubernetes::ApiServer api;
  const auto platform = json::parse(api.platform());
  auto found = examine(given(platform));
  EXPECT_EQ(what(check(found, "driver").wrong), Sentences{});
  const auto alone = check(found, "fleet");
  ASSERT_EQ(alone.wrong.size(), 1U);
  EXPECT_PRED2(contains, alone.wrong[0].what, "no place to agree on one of them");
  EXPECT_PRED2(starts_with, alone.wrong[0].paste, "SELFSCALE_FLEET=kubernetes");
  found = examine(given(platform, "single"));
  EXPECT_EQ(what(check(found, "fleet").wrong), Sentences{});
  api.look([](const auto& cluster) { EXPECT_EQ(cluster.writes, 0); });
}

TEST_F(Doctor, SaysThatScaleDownsWouldBeRefused) {
  drivers::swarm::SwarmServer api;
  const json platform = {{"driver", "swarm"}, {"service", "web"}, {"host", api.host()}};
  const auto found = check(examine(given(platform, "single")), "driver");
  EXPECT_EQ(what(found.wrong), Sentences{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(starts_with, found.warnings[0].what,
               "scale-downs are refused: how long a piece of work takes is not known");
  EXPECT_PRED2(contains, found.warnings[0].paste, "\"mayInterruptWork\": true");
}

TEST_F(Doctor, SaysThatNoCountIsSetNow) {
  auto options = given(nullptr);
  options.driver = platform.driver();
  options.driver.observe = [] {
    ReplicaCounts seen{2, 2, 2};
    seen.hold = "a deployment is under way";
    return seen;
  };
  const auto found = check(examine(options), "driver");
  EXPECT_EQ(what(found.wrong), Sentences{});
  EXPECT_EQ(what(found.warnings), Sentences{"no count is set now: a deployment is under way"});
}

TEST_F(Doctor, SaysWhoLeadsAndWhenThePlaceWhereAgentsMeetDoesNotAnswer) {
  fleet::RedisServer redis;
  drivers::kubernetes::ApiServer api;
  const auto platform = json::parse(api.platform());
  const auto there = check(examine(given(platform, redis.url())), "fleet");
  EXPECT_EQ(what(there.wrong), Sentences{});
  EXPECT_PRED2(ends_with, there.seen, "nobody leads now");
  const auto elsewhere = examine(given(platform, redis.url())).elsewhere;
  ASSERT_TRUE(elsewhere);
  EXPECT_PRED2(starts_with, elsewhere->paste, "kubectl exec POD -- selfscale doctor");
  EXPECT_FALSE(examine(given({{"driver", "memory"}})).elsewhere) << "all are on this host";
  redis.kill();
  const auto found = examine(given(platform, redis.url()));
  const auto gone = check(found, "fleet");
  ASSERT_EQ(gone.wrong.size(), 1U);
  EXPECT_PRED2(starts_with, gone.wrong[0].what, "the place where agents meet cannot be asked: ");
  EXPECT_EQ(to_json(found).find("secret"), std::string::npos);
}

TEST_F(Doctor, SaysThatEachHostHasALeaderAndWherePeopleAreHeard) {
  fleet::RedisServer redis;
  const auto found = check(examine(given({{"driver", "memory"}}, redis.url())), "fleet");
  EXPECT_EQ(what(found.wrong), Sentences{});
  EXPECT_PRED2(starts_with, found.seen, "agents meet at this host, and hear people at redis://");
}

TEST_F(Doctor, HearsWhatPeopleHaveSaid) {
  auto options = enabled();
  Agent agent{options};
  agent.start();
  agent.disable("backend", "somebody");
  agent.stop();
  auto mine = given({{"driver", "memory"}});
  const auto switches = check(examine(mine), "switches");
  ASSERT_EQ(switches.warnings.size(), 2U);
  EXPECT_PRED2(starts_with, switches.warnings[1].what,
               "policy_not_enabled, as set by somebody at ");
  EXPECT_PRED2(starts_with, switches.warnings[1].paste, "selfscale enable SERVICE   # ");
}

TEST_F(Doctor, SaysWhichDirectoryOthersMayWriteTo) {
  auto options = given({{"driver", "memory"}});
  const auto run = directory.path() + "/run";
  ASSERT_TRUE(std::filesystem::create_directory(run));
  ASSERT_EQ(::chmod(run.c_str(), 0777), 0);
  const auto found = check(examine(options), "directories");
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(found.wrong[0].paste, "chmod 700 " + run);
  for (const auto mode : {01777, 02775}) {  // as of /tmp, as of /usr/local
    ASSERT_EQ(::chmod(run.c_str(), static_cast<mode_t>(mode)), 0);
    EXPECT_EQ(check(examine(options), "directories").wrong[0].paste,
              "SELFSCALE_RUN_DIR=" + run + "/selfscale")
        << "many use it on purpose";
  }
}

TEST_F(Doctor, TakesAFileInThePlaceOfADirectoryForOne) {
  auto options = given({{"driver", "memory"}});
  std::ofstream{directory.path() + "/file"} << "x";
  options.environment["SELFSCALE_STATE_DIR"] = directory.path() + "/file/state";
  const auto found = check(examine(options), "directories");
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_PRED2(contains, found.wrong[0].what, "/file is not writable");
}

TEST_F(Doctor, KnowsThatTheKernelsOwnFoldersKeepNothingEvenOfRoot) {
  auto options = given({{"driver", "memory"}});
  options.environment["SELFSCALE_STATE_DIR"] = "/proc/x";
  const auto found = check(examine(options), "directories");
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_PRED2(contains, found.wrong[0].what, "/proc is not writable");
}

TEST_F(Doctor, SaysWhatThisLooksLikeWhereNoPlatformIsNamed) {
  around_["RENDER_SERVICE_ID"] = "srv-1";
  const auto none = check(examine(given(nullptr)), "platform");
  ASSERT_EQ(none.warnings.size(), 1U);
  EXPECT_PRED2(starts_with, none.warnings[0].paste,
               R"("platform": {"driver": "render", "service": "srv-1"})");
  const auto other = check(examine(given({{"driver", "memory"}})), "platform");
  EXPECT_EQ(what(other.warnings), Sentences{}) << "a policy's word is what counts";
  EXPECT_PRED2(ends_with, other.seen, "what acts is the driver memory");
}

TEST_F(Doctor, TheLineForALimitOfTheCpuIsOneOfThePlatformThatThePolicyNames) {
  around_["RENDER_SERVICE_ID"] = "srv-1";
  const auto limits = check(examine(given({{"driver", "kubernetes"}})), "limits");
  if (limits.warnings.empty()) GTEST_SKIP() << "this machine has a limit";
  EXPECT_PRED2(starts_with, limits.warnings[0].paste, "resources: ");
  const auto of_processes = check(examine(given({{"driver", "memory"}})), "limits");
  EXPECT_PRED2(starts_with, of_processes.warnings.at(0).paste, "SELFSCALE_CPU_REQUEST=")
      << "what sets processes runs in the container that this looks like";
}

/// What is wrong, why it matters, the line to paste.
TEST_F(Doctor, EveryFindingOfEveryCheckIsWhole) {
  const json memory = {{"driver", "memory"}};
  const auto with = [this](const json& platform, const std::string& name, const std::string& value,
                           const std::string& fleet = "auto") {
    auto made = given(platform, fleet);
    made.environment[name] = value;
    return made;
  };
  const auto own = [this](Capabilities::Scope scope, const ReplicaCounts& seen) {
    auto made = given(nullptr, "auto");
    made.driver = platform.driver();
    made.driver.capabilities.scope = scope;
    made.driver.observe = [seen] { return seen; };
    return made;
  };
  ReplicaCounts troubled{2, 2, 2};
  troubled.failure = "the deployment failed";
  troubled.note = "another autoscaler is on";
  troubled.hold = "a deployment is under way";
  troubled.most = 3;
  troubled.least = 2;
  const auto at_nobody = "redis://127.0.0.1:1/0";
  struct Row {
    std::string words;
    AgentOptions options;
  };
  const std::vector<Row> rows{
      {"the policy names no platform", given(nullptr)},
      {"kill", with(memory, "SELFSCALE_KILL", "1")},
      {"not_enabled", given(memory)},
      {"policy_not_enabled", with(memory, "AUTOSCALING_ENABLED", "true")},
      {"dry_run", with(memory, "AUTOSCALING_DRY_RUN", "true")},
      {"SELFSCALE_LEADS=none", with(memory, "SELFSCALE_LEADS", "none")},
      {"did you mean SELFSCALE_LEADS?", with(memory, "SELFSCALE_LEAD", "none")},
      {"no cluster", given(memory, "kubernetes")},
      {"cannot be asked", given(memory, at_nobody)},
      {"reads what the replicas of its own host",
       [&] {
         auto made = own(Capabilities::Scope::platform, {2, 2, 2});
         made.environment["SELFSCALE_FLEET"] = at_nobody;
         return made;
       }()},
      {"needs a function", given({{"driver", "callback"}})},
      {"whether that is enough depends on", given({{"driver", "render"}})},
      {"nowhere", given({{"driver", "compose"}, {"project", "shop"}, {"host", "nowhere"}})},
      {"no driver is called", given({{"driver", "racks"}})},
      {"no place to agree", own(Capabilities::Scope::platform, {2, 2, 2})},
      {"nobody acts",
       [&] {
         auto made = own(Capabilities::Scope::platform, {2, 2, 2});
         made.environment["SELFSCALE_FLEET"] = "none";
         return made;
       }()},
      {"the deployment failed", own(Capabilities::Scope::host, troubled)},
      {"another autoscaler is on", own(Capabilities::Scope::host, troubled)},
      {"no count is set now", own(Capabilities::Scope::host, troubled)},
      {"takes 3 replicas at most", own(Capabilities::Scope::host, troubled)},
      {"keeps 2 replicas at least", own(Capabilities::Scope::host, troubled)},
      {"is not writable", with(memory, "SELFSCALE_STATE_DIR", "/proc/x")},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.words);
    std::string all;
    for (const auto& each : examine(row.options).checks) {
      for (const auto* findings : {&each.wrong, &each.warnings}) {
        for (const auto& one : *findings) {
          all += one.what + " " + one.why + "\n";
          EXPECT_NE(one.why, "") << one.what;
          EXPECT_NE(one.paste, "") << one.what;
          EXPECT_EQ(one.paste.find("start with"), std::string::npos) << "a line, not a sentence";
        }
      }
    }
    EXPECT_PRED2(contains, all, row.words);
  }
}

TEST_F(Doctor, TheLineForASwitchIsOneThatTurnsIt) {
  const auto lines = [](const Examination& found) {
    std::vector<std::string> all;
    for (const auto& each : check(found, "switches").warnings) {
      all.push_back(each.paste.substr(0, each.paste.find("   #")));
    }
    return all;
  };
  auto options = given({{"driver", "memory"}});
  EXPECT_EQ(lines(examine(options)), (Sentences{"AUTOSCALING_ENABLED=true", R"("enabled": true)"}));
  options.environment["SELFSCALE_KILL"] = "1";
  options.environment["AUTOSCALING_DRY_RUN"] = "true";
  EXPECT_EQ(lines(examine(options)),
            (Sentences{"unset SELFSCALE_KILL", "AUTOSCALING_ENABLED=true", R"("enabled": true)",
                       "unset AUTOSCALING_DRY_RUN"}));
}

TEST_F(Doctor, ThrowsForAFileThatIsWrong) {
  auto options = given(nullptr);
  options.policies_text = R"({"policies": [{"service": "backend", "maxReplicas": 0}]})";
  EXPECT_THROW(examine(options), PolicyError);
}

/// Nothing is named: nothing is done, and log and status say what it looks like.
TEST_F(Doctor, AnAgentOnAGuessRecommendsOnly) {
  around_["RENDER_SERVICE_ID"] = "srv-1";
  Lines lines;
  auto options = given(nullptr);
  options.log = lines.sink();
  options.enable = true;
  options.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  Agent agent{options};
  agent.start();
  EXPECT_TRUE(eventually([&] { return lines.with("this looks like Render") == 1; }));
  const auto said = status(agent);
  EXPECT_TRUE(said["driver"].is_null());
  EXPECT_EQ(said["looksLike"]["platform"], "Render");
  EXPECT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_EQ(status(agent)["because"], "no_driver");
}

TEST(Capabilities, AreThoseOfTheDriverThatThePolicyMakes) {
  const auto can = [](const char* driver, const char* platform) {
    return json::parse(capabilities_json(driver, platform));
  };
  EXPECT_EQ(can("kubernetes", "{}")["choosesVictims"], true);
  EXPECT_EQ(can("kubernetes", R"({"statefulSet": "db"})")["choosesVictims"], false);
  EXPECT_EQ(can("local", "{}")["scope"], "host");
  EXPECT_THROW(capabilities_json("nonsense", "{}"), Error);
  EXPECT_THROW(capabilities_json("render", "{}"), Error);
  for (const auto& name : driver_names()) EXPECT_FALSE(name.empty());
}

}  // namespace
}  // namespace selfscale::agent
