#include "agent/settings.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "agent/directory_fixture.hpp"
#include "agent/env_file.hpp"
#include "http/loopback_server.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

class SettingsTest : public testing::Test {
 protected:
  Settings read() { return read_settings(options, process, 1000.0); }
  std::string refused() {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return {};
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = directory.path() + "/" + name;
    std::ofstream{path} << text;
    return path;
  }
  static std::string from(const Settings& settings, const std::string& name) {
    for (const auto& each : settings.found) {
      if (each.name == name) return each.from;
    }
    return "not found";
  }

  Directory directory;
  AgentOptions options;
  Environment process{{"HOME", "/home/someone"}};
};

TEST_F(SettingsTest, EnableNothingByDefault) {
  const auto settings = read();
  EXPECT_FALSE(settings.enabled);
  EXPECT_FALSE(settings.dry_run);
  EXPECT_FALSE(settings.killed);
  EXPECT_FALSE(settings.supervised);
  EXPECT_TRUE(settings.is_replica);
  EXPECT_EQ(settings.log_level, LogLevel::info);
  EXPECT_EQ(from(settings, "AUTOSCALING_ENABLED"), "default");
}

TEST_F(SettingsTest, AWordIsGivenWithTheOptionsOrAtTheStartOfTheRun) {
  process["SELFSCALE_RUN_SINCE"] = "998.25";
  EXPECT_FALSE(read().word) << "nobody gave one";
  options.enable = true;
  options.enabled_by = "test";
  EXPECT_EQ(read().word->wall_seconds, 998.25);
  process.clear();
  EXPECT_EQ(read().word->wall_seconds, 1000.0);
  EXPECT_EQ(read().word->by, "test");
  process["SELFSCALE_RUN_SINCE"] = "yesterday";
  EXPECT_NE(refused().find("SELFSCALE_RUN_SINCE=yesterday"), std::string::npos);
}

TEST_F(SettingsTest, OptionsWinOverTheEnvironment) {
  process["SELFSCALE_SERVICE"] = "one";
  process["SELFSCALE_RELEASE"] = "r1";
  options.environment["SELFSCALE_RELEASE"] = "r2";
  auto settings = read();
  EXPECT_EQ(settings.service, "one");
  EXPECT_EQ(settings.release, "r2");
  EXPECT_EQ(from(settings, "SELFSCALE_SERVICE"), "environment");
  EXPECT_EQ(from(settings, "SELFSCALE_RELEASE"), "option");
  options.service = "two";
  EXPECT_EQ(read().service, "two");
}

TEST_F(SettingsTest, ReadTheFileBesideThePolicies) {
  options.policies = write("policies.json", "{}");
  const auto file = write(".env.autoscaling", "AUTOSCALING_ENABLED=true\nSELFSCALE_KILL=1\n");
  process["SELFSCALE_KILL"] = "0";
  const auto settings = read();
  EXPECT_TRUE(settings.enabled);
  EXPECT_EQ(from(settings, "AUTOSCALING_ENABLED"), file);
  EXPECT_FALSE(settings.killed) << "the real environment wins";
}

TEST_F(SettingsTest, ReadTruthAsPeopleWriteIt) {
  for (const auto* yes : {"true", "TRUE", "1", "yes", "on"}) {
    process["AUTOSCALING_DRY_RUN"] = yes;
    EXPECT_TRUE(read().dry_run) << yes;
  }
  for (const auto* no : {"false", "0", "No", "off", ""}) {
    process["AUTOSCALING_DRY_RUN"] = no;
    EXPECT_FALSE(read().dry_run) << no;
  }
  process["AUTOSCALING_DRY_RUN"] = "maybe";
  EXPECT_EQ(refused(), "AUTOSCALING_DRY_RUN=maybe (environment): say true or false");
}

TEST_F(SettingsTest, RefuseWhatCannotBeMeant) {
  process["MAX_TOTAL_REPLICAS"] = "many";
  EXPECT_NE(refused().find("MAX_TOTAL_REPLICAS=many"), std::string::npos);
  process.erase("MAX_TOTAL_REPLICAS");
  process["AUTOSCALING_LOG_LEVEL"] = "loud";
  EXPECT_NE(refused().find("say debug, info"), std::string::npos);
  process.erase("AUTOSCALING_LOG_LEVEL");
  for (const auto* url : {"http://me:secret@here", "me:secret@here:6379", "redis:me:secret@here",
                          "postgres:me:secret@here/db"}) {
    process["SELFSCALE_FLEET"] = url;
    EXPECT_EQ(refused(),
              "SELFSCALE_FLEET=*** (environment): say auto, host, kubernetes, postgresql://…, "
              "redis://…, rediss://…, single or none");
  }
  process["SELFSCALE_FLEET"] = "kuberntes";
  EXPECT_NE(refused().find("SELFSCALE_FLEET=kuberntes"), std::string::npos);
  process.erase("SELFSCALE_FLEET");
  process["SELFSCALE_STORE"] = "redis://:secret@here";
  EXPECT_NE(refused().find("SELFSCALE_STORE"), std::string::npos);
  EXPECT_EQ(refused().find("secret"), std::string::npos);
}

TEST_F(SettingsTest, APasswordOfTheFleetsPlaceIsShownNowhere) {
  process["SELFSCALE_FLEET"] = "redis://me:secret@cache/2";
  const auto settings = read();
  EXPECT_EQ(settings.fleet, Settings::Fleet::redis);
  EXPECT_EQ(settings.redis.password.reveal(), "secret");
  for (const auto& each : settings.found) {
    EXPECT_EQ(each.value.find("secret"), std::string::npos) << each.value;
    if (each.name == "SELFSCALE_FLEET") {
      EXPECT_EQ(each.value, "redis://cache:6379/2");
    }
  }
  process["SELFSCALE_FLEET"] = "redis://me:secret@cache/two";
  EXPECT_NE(refused().find("SELFSCALE_FLEET (environment): the database is no number"),
            std::string::npos);
  EXPECT_EQ(refused().find("secret"), std::string::npos);
}

TEST_F(SettingsTest, APostgresServersPasswordIsShownNowhere) {
  for (const auto* scheme : {"postgresql", "postgres"}) {
    process["SELFSCALE_FLEET"] = std::string{scheme} + "://me:secret@db/app?sslmode=require";
    const auto settings = read();
    EXPECT_EQ(settings.fleet, Settings::Fleet::postgres);
    EXPECT_EQ(settings.postgres.host, "db");
    for (const auto& each : settings.found) {
      EXPECT_EQ(each.value.find("secret"), std::string::npos) << each.value;
      if (each.name == "SELFSCALE_FLEET") {
        EXPECT_EQ(each.value, "postgresql://db:5432/app");
      }
    }
  }
  process["SELFSCALE_FLEET"] = "postgresql://me:secret@db";
  EXPECT_NE(refused().find("SELFSCALE_FLEET (environment): it names no database"),
            std::string::npos);
  EXPECT_EQ(refused().find("secret"), std::string::npos);
}

TEST_F(SettingsTest, AProcessLeadsAnyServiceUnlessItIsToldWhich) {
  const auto why_not = [this](const char* service) {
    const auto found = read().why_not_lead(service);
    return found ? found->what : std::string{};
  };
  EXPECT_EQ(why_not("backend"), "");
  process["SELFSCALE_LEADS"] = "none";
  EXPECT_EQ(why_not("backend"), "by SELFSCALE_LEADS=none this process leads no service");
  process["SELFSCALE_LEADS"] = "worker, backend";
  EXPECT_EQ(why_not("backend"), "");
  EXPECT_EQ(why_not("worker"), "");
  EXPECT_EQ(why_not("back"), "SELFSCALE_LEADS has this process lead others, not back");
}

TEST_F(SettingsTest, WhatAProcessLeadsIsNamesOfServices) {
  for (const auto* nonsense : {"a b", "worker,,backend", "web?", ",", " "}) {
    process["SELFSCALE_LEADS"] = nonsense;
    EXPECT_NE(refused().find("say auto, none, or names of services"), std::string::npos)
        << nonsense;
  }
}

TEST_F(SettingsTest, APolicyFileThatWasNamedMustBeThere) {
  process["SELFSCALE_POLICIES"] = directory.path() + "/nowhere.json";
  EXPECT_NE(refused().find("there is no policy file"), std::string::npos);
}

TEST_F(SettingsTest, GuardrailsAreNumbers) {
  process["MAX_TOTAL_REPLICAS"] = "12";
  process["MIN_AVAILABLE_MEMORY_MB"] = "512";
  const auto settings = read();
  EXPECT_EQ(settings.max_total_replicas, 12);
  EXPECT_EQ(settings.min_available_memory_mb, 512.0);
}

TEST_F(SettingsTest, DirectoriesFollowTheDesktopsRules) {
  process["TMPDIR"] = "/tmp/x";
  EXPECT_EQ(read().run_directory.rfind("/tmp/x/selfscale-", 0), 0U);
  EXPECT_EQ(read().state_directory, "/home/someone/.local/state/selfscale");
  process["XDG_RUNTIME_DIR"] = "/run/user/7";
  process["XDG_STATE_HOME"] = "/var/state";
  EXPECT_EQ(read().run_directory, "/run/user/7/selfscale");
  EXPECT_EQ(read().state_directory, "/var/state/selfscale");
  process["SELFSCALE_RUN_DIR"] = "/r";
  process["SELFSCALE_STATE_DIR"] = "/s";
  EXPECT_EQ(read().run_directory, "/r");
  EXPECT_EQ(read().state_directory, "/s");
}

TEST_F(SettingsTest, WhatHasNoEffectYetIsSaid) {
  process["SELFSCALE_LISTEN"] = "127.0.0.1:9464";
  const auto settings = read();
  ASSERT_EQ(settings.without_effect.size(), 1U);
  EXPECT_NE(settings.without_effect[0].find("SELFSCALE_LISTEN"), std::string::npos);
}

TEST_F(SettingsTest, AMisspeltNameIsSaidOnceWithTheOneThatIsNearest) {
  using Said = std::vector<std::string>;
  options.policies = write("policies.json", "{}");
  const auto file = write(".env.autoscaling", "AUTOSCALING_ENABLE=true\n");
  options.environment["SELFSCALE_FLET"] = "single";
  process["SELFSCALE_POLICY"] = "p.json";
  EXPECT_EQ(read().without_effect,
            (Said{"SELFSCALE_FLET is set (option), and no setting is called that, so it has no "
                  "effect; did you mean SELFSCALE_FLEET?",
                  "SELFSCALE_POLICY is set (environment), and no setting is called that, so it has "
                  "no effect; did you mean SELFSCALE_POLICIES?",
                  "AUTOSCALING_ENABLE is set (" + file +
                      "), and no setting is called that, so it has no effect; did you mean "
                      "AUTOSCALING_ENABLED?"}));
}

TEST_F(SettingsTest, ANameUnderTheOtherPrefixIsMeant) {
  for (const auto& [given, meant] : {std::pair{"SELFSCALE_DRY_RUN", "AUTOSCALING_DRY_RUN"},
                                     std::pair{"AUTOSCALING_KILL", "SELFSCALE_KILL"}}) {
    process.clear();
    process[given] = "1";
    const auto said = read().without_effect;
    ASSERT_EQ(said.size(), 1U) << given;
    EXPECT_PRED2(ends_with, said[0], "; did you mean " + std::string{meant} + "?");
  }
  process.clear();
  process["AUTOSCALING_QUITE_SOMETHING_ELSE"] = "1";
  EXPECT_PRED2(ends_with, read().without_effect.at(0),
               "; docs/reference/environment.md has them all");
}

TEST_F(SettingsTest, NamesThatOthersSetAreNotTakenForMisspeltOnes) {
  for (const auto* name :
       {"SELFSCALE_SERVICE_HOST", "SELFSCALE_SERVICE_PORT", "SELFSCALE_SERVICE_PORT_HTTP",
        "SELFSCALE_PORT", "SELFSCALE_PORT_80_TCP", "SELFSCALE_PORT_80_TCP_PORT",
        "AUTOSCALING_PROXY_PORT_53_UDP_ADDR", "SELFSCALE_RUN_SINCE", "SELFSCALE_TAKEN_OVER",
        "SELFSCALE_URL", "SCALING_OF_MINE", "MYSELFSCALE_KIL"}) {
    process[name] = "1";
  }
  process["SELFSCALE_POLICYS"] = "";
  EXPECT_EQ(read().without_effect, std::vector<std::string>{});
  process["SELFSCALE_KIL"] = "1";
  EXPECT_EQ(read().without_effect.size(), 1U);
  process["SELFSCALE_SUPERVISED"] = "1";
  EXPECT_EQ(read().without_effect.size(), 0U) << "the agent beside the workers says it for all";
}

TEST_F(SettingsTest, ALineOfTheFileThatSetsNothingIsRefusedWithItsNumberAndNotShown) {
  options.policies = write("policies.json", "{}");
  const auto file = write(".env.autoscaling", "# may it act?\n\nSECRET_OF_MINE true\n");
  EXPECT_PRED2(starts_with, refused(), file + ", line 3: no NAME=value");
  EXPECT_EQ(refused().find("SECRET_OF_MINE"), std::string::npos);
}

TEST_F(SettingsTest, RequestsAreQuantitiesAsKubernetesWritesThem) {
  EXPECT_EQ(read().cpu_request_cores, std::nullopt);
  const std::pair<const char*, double> quantities[] = {
      {"500m", 0.5}, {"0.5", 0.5}, {"2", 2.0}, {"1.5k", 1500.0}, {"512Mi", 536870912.0}};
  for (const auto& [text, quantity] : quantities) {
    process["SELFSCALE_CPU_REQUEST"] = text;
    process["SELFSCALE_MEMORY_REQUEST"] = text;
    EXPECT_DOUBLE_EQ(*read().cpu_request_cores, quantity) << text;
    EXPECT_DOUBLE_EQ(*read().memory_request_bytes, quantity) << text;
  }
  for (const char* wrong : {"0", "-1", "half", "500 m", "5MB", "inf"}) {
    process["SELFSCALE_CPU_REQUEST"] = wrong;
    EXPECT_THROW(read(), Error) << wrong;
  }
}

TEST_F(SettingsTest, AnInstanceIsCalledAsThePlatformCallsIt) {
  const auto made = read().instance;
  EXPECT_FALSE(made.empty());
  EXPECT_EQ(read().instance, made);
  process["POD_NAME"] = "backend-7";
  EXPECT_EQ(read().instance, "backend-7");
  process["SELFSCALE_INSTANCE"] = "mine";
  EXPECT_EQ(read().instance, "mine");
}

TEST_F(SettingsTest, APodThatDoesNotSayItsNameIsCalledAsItsHost) {
  process["HOSTNAME"] = "backend-7d4b9-x2x8q";
  EXPECT_NE(read().instance, "backend-7d4b9-x2x8q") << "a machine is no pod";
  process["KUBERNETES_SERVICE_HOST"] = "10.96.0.1";
  EXPECT_EQ(read().instance, "backend-7d4b9-x2x8q");
  EXPECT_EQ(from(read(), "SELFSCALE_INSTANCE"), "HOSTNAME");
}

TEST_F(SettingsTest, ATaskOfEcsIsCalledAsItsMetadataSays) {
  std::string asked;
  {
    http::LoopbackServer endpoint{[&](http::Peer& peer) {
      if (const auto request = peer.receive()) asked = request->line;
      peer.answer(200,
                  R"({"Cluster": "shop", "TaskARN": "arn:aws:ecs:eu-west-1:1:task/shop/8f2c"})");
    }};
    process["ECS_CONTAINER_METADATA_URI_V4"] = endpoint.url() + "/v4/3af1";
    auto settings = read();  // which waits half a second for the answer
    for (int i = 0; i < 20 && settings.instance != "8f2c"; ++i) settings = read();
    EXPECT_EQ(settings.instance, "8f2c");
    EXPECT_EQ(from(settings, "SELFSCALE_INSTANCE"), "ECS_CONTAINER_METADATA_URI_V4");
  }
  EXPECT_PRED2(contains, asked, "GET /v4/3af1/task");
  EXPECT_EQ(from(read(), "SELFSCALE_INSTANCE"), "default") << "nobody listens there any more";
}

TEST_F(SettingsTest, WhatARunTellsItsChildrenIsNobodysSetting) {
  process["SELFSCALE_RUN_SINCE"] = "998.25";
  process["SELFSCALE_RUN_DIR"] = read().run_directory;
  options.enable = true;
  EXPECT_EQ(from(read(), "SELFSCALE_RUN_SINCE"), "not found");
  EXPECT_EQ(from(read(), "SELFSCALE_RUN_DIR"), "default");
  process["SELFSCALE_RUN_DIR"] = "/r";
  EXPECT_EQ(from(read(), "SELFSCALE_RUN_DIR"), "environment");
}

TEST_F(SettingsTest, TheAgentOfARunServesNobodyItself) {
  process["SELFSCALE_SUPERVISOR_FD"] = "7";
  EXPECT_FALSE(read().is_replica);
}

TEST_F(SettingsTest, AnAgentApartIsNoReplica) {
  EXPECT_TRUE(read().is_replica);
  process["SELFSCALE_APART"] = "true";
  EXPECT_FALSE(read().is_replica);
}

TEST(EnvFile, IsReadAsTheShellReadsIt) {
  const auto values = parse_env(
      "# a comment\n"
      "\n"
      "A=1\n"
      "  B = two words  \n"
      "export C=\"quoted # not a comment\"\n"
      "D='single'\r\n"
      "E=value # a comment\n"
      "F=\n",
      ".env");
  const std::map<std::string, std::string> wanted{
      {"A", "1"},      {"B", "two words"}, {"C", "quoted # not a comment"},
      {"D", "single"}, {"E", "value"},     {"F", ""}};
  EXPECT_EQ(values, wanted);
}

TEST(EnvFile, WhatIsNoNameWithAValueIsNoLine) {
  for (const auto* line :
       {"AUTOSCALING_ENABLED true", "=nothing", "export A", "TWO WORDS=1", "}"}) {
    EXPECT_THROW(parse_env(std::string{"A=1\n"} + line, ".env"), Error) << line;
  }
}

}  // namespace
}  // namespace selfscale::agent
