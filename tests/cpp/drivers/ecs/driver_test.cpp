// The driver `ecs` against a scripted AWS on loopback; what all drivers share is in conformance.
#include <gtest/gtest.h>

#include <algorithm>

#include "agent/directory_fixture.hpp"
#include "drivers/conformance.hpp"
#include "drivers/ecs.hpp"
#include "drivers/ecs/fake_aws_fixture.hpp"
#include "drivers/preflight_fixture.hpp"
#include "drivers/takeover.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::json;
using State = FakeAws::State;
using Names = std::vector<std::string>;

class EcsDriver : public testing::Test {
 protected:
  EcsDriver() {
    options.place = {"prod", "web"};
    options.endpoint = aws.url();
  }
  ~EcsDriver() override { EXPECT_EQ(aws.complaints(), Names{}); }

  Driver& driver() {
    if (!made_) made_ = ecs_driver(io, options, aws.surroundings());
    return *made_;
  }
  void begin_anew() { made_.reset(); }
  Result<Observation> observe() { return run(io, driver().observe()); }
  Result<void> scale(int desired, Names victims = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.victims = std::move(victims);
    return run(io, driver().scale(std::move(request)));
  }
  Preflight preflight() { return found_by(io, driver()); }
  void script(const std::string& operation, std::vector<FakeAws::Scripted> answers) {
    aws.with([&](State& state) {
      for (auto& each : answers) state.scripted[operation].push_back(std::move(each));
    });
  }
  static FakeAws::Scripted refusal(const std::string& type, const std::string& message = "",
                                   std::string headers = {}) {
    return {400, Json{{"__type", type}, {"message", message}}.dump(), std::move(headers)};
  }
  void add_tasks(const Names& ids) {
    aws.with([&ids](State& state) {
      for (const auto& id : ids) state.tasks.push_back(task_json(id));
    });
  }
  void begin_with_tasks(const Names& ids) {
    aws.with([](State& state) {
      state.tasks.clear();
      state.protected_until.clear();
    });
    add_tasks(ids);
    aws.set_count(static_cast<int>(ids.size()));
  }
  /// Those that are there, by the last part of their ARN.
  Names tasks() {
    return aws.with([](State& state) {
      Names ids;
      for (const auto& task : state.tasks) {
        ids.emplace_back(short_name(task["taskArn"].get<std::string>()));
      }
      return ids;
    });
  }
  Names protected_tasks() {
    return aws.with([](State& state) {
      Names ids;
      for (const auto& [arn, until] : state.protected_until) ids.emplace_back(short_name(arn));
      return ids;
    });
  }
  void set_protected(const std::string& id, std::chrono::seconds lasts) {
    aws.with([&](State& state) { state.protected_until[task_arn(id)] = state.time + lasts; });
  }
  std::chrono::seconds protected_for(const std::string& id) {
    return aws.with(
        [&](State& state) { return state.protected_until.at(task_arn(id)) - state.time; });
  }
  /// The tasks of each UpdateTaskProtection.
  Json protections_asked() {
    return aws.with([](State& state) {
      auto asked = Json::array();
      for (const auto& body : state.bodies) {
        if (body.contains("protectionEnabled")) asked.push_back(body["tasks"]);
      }
      return asked;
    });
  }
  void pass(std::chrono::seconds time) {
    aws.with([time](State& state) { state.time += time; });
  }
  void add_autoscaler(bool is_suspended, const Names& policies, const Names& actions = {}) {
    aws.with([&](State& state) {
      state.target = Json{{"ServiceNamespace", "ecs"},
                          {"ResourceId", "service/prod/web"},
                          {"ScalableDimension", "ecs:service:DesiredCount"},
                          {"MinCapacity", 2},
                          {"MaxCapacity", 10},
                          {"RoleARN", "arn:aws:iam::1:role/r"},
                          {"CreationTime", 1.0},
                          {"SuspendedState",
                           {{"DynamicScalingInSuspended", is_suspended},
                            {"DynamicScalingOutSuspended", is_suspended},
                            {"ScheduledScalingSuspended", is_suspended}}}};
      state.policies = policies;
      state.actions = actions;
    });
  }

  void set_suspended(const Suspended& now) {
    aws.with([&now](State& state) {
      (*state.target)["SuspendedState"] = {{"DynamicScalingInSuspended", now.in},
                                           {"DynamicScalingOutSuspended", now.out},
                                           {"ScheduledScalingSuspended", now.scheduled}};
    });
  }
  Suspended suspended() {
    return aws.with([](State& state) {
      const auto& now = (*state.target)["SuspendedState"];
      return Suspended{now["DynamicScalingInSuspended"], now["DynamicScalingOutSuspended"],
                       now["ScheduledScalingSuspended"]};
    });
  }
  Result<void> go_on() { return run(io, driver().go_on()); }
  Names operations() {
    return aws.with([](State& state) { return state.operations; });
  }
  Result<void> release() { return run(io, driver().release()); }
  /// As somebody had set it, before any takeover.
  void begin_with_autoscaler(const Suspended& before) {
    begin_anew();
    aws.set_count(2);
    add_autoscaler(false, {"cpu"});
    set_suspended(before);
    aws.with([](State& state) { state.tags = {{"team", "shop"}}; });
  }
  void expect_given_back(const Suspended& before) {
    EXPECT_EQ(suspended(), before);
    EXPECT_EQ(aws.with([](State& state) { return state.tags; }),
              (std::map<std::string, std::string>{{"team", "shop"}}));
  }

  FakeAws aws;
  asio::io_context io;
  Options options;

 private:
  std::unique_ptr<Driver> made_;
};

// ---- writes

TEST_F(EcsDriver, AChangeLeavesTheCapacityProviderStrategyAlone) {
  const auto before = aws.with([](State& state) { return state.service; });
  ASSERT_TRUE(scale(5));
  auto after = aws.with([](State& state) { return state.service; });
  EXPECT_EQ(after["desiredCount"], 5);
  for (const char* key : {"desiredCount", "runningCount", "pendingCount"}) after[key] = before[key];
  EXPECT_EQ(after, before);
}

TEST_F(EcsDriver, SignsWithATokenWhereTheCredentialsAreTemporary) {
  aws.with([](State& state) { state.session_token = "AQoD//token=="; });
  EXPECT_TRUE(scale(5));  // the fake complains of anything else
}

TEST_F(EcsDriver, AWriteThatIsAcceptedAndIgnoredIsAFailure) {
  const auto service = aws.with([](State& state) { return state.service; });
  script("UpdateService", {{200, Json{{"service", service}}.dump(), ""}});
  const auto written = scale(5);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Errc::failed);
  EXPECT_EQ(written.error().message,
            "UpdateService was accepted, and the service still wants 2 tasks");
}

// ---- credentials, clock and region

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

TEST_F(EcsDriver, WithoutARegionItSaysWhatToSet) {
  auto surroundings = aws.surroundings();
  surroundings.environment = [](const std::string&) { return std::nullopt; };
  const auto lost = ecs_driver(io, options, surroundings);
  const auto found = found_by(io, *lost);
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("platform.region"), std::string::npos) << found.wrong[0].what;
}

// ---- what is seen

TEST_F(EcsDriver, SeesAllTasksPageByPage) {
  Names ids;
  for (int i = 0; i < 230; ++i) ids.push_back("t" + std::to_string(i));
  begin_with_tasks(ids);
  const auto seen = observe();
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_EQ(seen->replicas.size(), 230U);
  EXPECT_EQ(seen->replicas[229].instance, "t229");
  EXPECT_EQ(seen->replicas[0].started_seconds_ago, 60.0);
  EXPECT_EQ(seen->poll_after_seconds, 15.0);
}

TEST_F(EcsDriver, WithoutTheRightToListTasksItCountsOnAndSaysSo) {
  script("ListTasks", {refusal("AccessDeniedException", "no")});
  const auto seen = observe();
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->ready, 2);
  EXPECT_NE(seen->note.find("ecs:ListTasks"), std::string::npos) << seen->note;
}

TEST_F(EcsDriver, AServiceThatIsNotThereIsNotFound) {
  options.place.service = "wbe";
  EXPECT_EQ(observe().error().code, Errc::not_found);
  EXPECT_EQ(scale(4).error().code, Errc::not_found);
}

TEST_F(EcsDriver, AFailedDeploymentIsSeenInThePlatformsWords) {
  aws.with([](State& state) {
    state.service["deployments"][0]["rolloutState"] = "FAILED";
    state.service["deployments"][0]["rolloutStateReason"] = "tasks failed to start.";
  });
  EXPECT_EQ(observe()->failure, "deployment ecs-svc/1 failed: tasks failed to start.");
}

// ---- preflight

TEST_F(EcsDriver, ADaemonCannotBeScaled) {
  aws.with([](State& state) { state.service["schedulingStrategy"] = "DAEMON"; });
  ASSERT_EQ(preflight().wrong.size(), 1U);
  EXPECT_EQ(scale(4).error().code, Errc::failed);
}

TEST_F(EcsDriver, AMissingRightIsNamedBeforeAnythingIsDone) {
  script("DescribeServices", {refusal("AccessDeniedException", "no")});
  const auto found = preflight();
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("missing permission: ecs:DescribeServices"),
            std::string::npos);
  script("DescribeScalableTargets", {refusal("AccessDeniedException", "no")});
  const auto blind = preflight();
  ASSERT_EQ(blind.wrong.size(), 1U) << "an autoscaler that cannot be seen may be there";
  EXPECT_NE(blind.wrong[0].what.find("application-autoscaling:DescribeScalableTargets"),
            std::string::npos);
}

TEST_F(EcsDriver, ANativeAutoscalerOnTheSameServiceIsAConflict) {
  add_autoscaler(false, {"cpu"}, {"nightly"});
  const auto found = preflight();
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_NE(found.wrong[0].what.find("from 2 to 10, by the policies cpu, by the scheduled actions "
                                     "nightly"),
            std::string::npos)
      << found.wrong[0].what;
}

TEST_F(EcsDriver, OneThatIsSuspendedOrHasNothingToActByIsNone) {
  add_autoscaler(true, {"cpu"});
  EXPECT_EQ(sentences(preflight().wrong), Names{});
  add_autoscaler(false, {});
  EXPECT_EQ(sentences(preflight().wrong), Names{});
}

TEST_F(EcsDriver, WhoeverPutsHisOwnCountBackIsWarnedOf) {
  using Tags = std::map<std::string, std::string>;
  for (const auto& [tags, words] :
       {std::pair{Tags{{"aws:cloudformation:stack-name", "shop-web"}}, "stack shop-web"},
        std::pair{Tags{{"ManagedBy", "Terraform"}}, "Terraform"},
        std::pair{Tags{{"terraform", "true"}}, "Terraform"}}) {
    aws.with([&tags](State& state) { state.tags = tags; });
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{});
    ASSERT_EQ(found.warnings.size(), 1U) << words;
    EXPECT_NE(found.warnings[0].what.find(words), std::string::npos) << found.warnings[0].what;
    EXPECT_NE(found.warnings[0].why, "");
    EXPECT_NE(found.warnings[0].paste, "");
  }
  aws.with([](State& state) { state.tags = {{"team", "shop"}}; });
  EXPECT_EQ(sentences(preflight().warnings), Names{});
}

TEST_F(EcsDriver, ARightThatOnlyAScaleInNeedsIsMissedBeforeIt) {
  begin_with_tasks({"a", "b"});
  for (const std::string operation : {"ListTasks", "DescribeTasks", "GetTaskProtection"}) {
    begin_anew();
    script(operation, {refusal("AccessDeniedException", "no")});
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
    ASSERT_EQ(found.warnings.size(), 1U) << operation;
    const auto& warning = found.warnings[0];
    EXPECT_NE(warning.what.find("missing permission: ecs:" + operation), std::string::npos)
        << warning.what;
    EXPECT_NE(warning.why, "");
    EXPECT_NE(warning.paste.find("ecs:" + operation), std::string::npos);
    EXPECT_EQ(sentences(preflight().warnings), Names{}) << "a person has given it";
  }
  const auto asked = operations();
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  const auto again = operations();
  EXPECT_EQ(std::ranges::count(again, "ListTasks"), std::ranges::count(asked, "ListTasks"))
      << "it is known";
  options.protects_busy_tasks = false;
  begin_anew();
  script("ListTasks", {refusal("AccessDeniedException", "no")});
  EXPECT_EQ(sentences(preflight().warnings), Names{}) << "nobody needs it";
}

TEST_F(EcsDriver, WhatStandsAgainstAScaleInAloneIsNoFailureOfThePreflight) {
  begin_with_tasks({"a", "b"});
  for (const std::string operation : {"ListTasks", "DescribeTasks", "GetTaskProtection"}) {
    begin_anew();
    script(operation, {refusal("InvalidParameterException", "not of this service")});
    const auto found = preflight();
    EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
    ASSERT_EQ(found.warnings.size(), 1U) << operation;
    EXPECT_NE(found.warnings[0].what.find("no scale-in can be carried out: " + operation),
              std::string::npos)
        << found.warnings[0].what;
    EXPECT_EQ(found.warnings[0].paste.find("Allow"), std::string::npos) << "no right is missing";
    begin_anew();
    script(operation, {{503, "", ""}});
    const auto later = preflight();
    EXPECT_EQ(sentences(later.wrong), Names{}) << operation;
    EXPECT_EQ(sentences(later.warnings), Names{}) << "the next look may see it";
  }
}

TEST_F(EcsDriver, WhereAnotherOneControlsDeploymentsNoProtectionIsReadOf) {
  begin_with_tasks({"a", "b"});
  aws.with([](State& state) { state.service["deploymentController"] = {{"type", "CODE_DEPLOY"}}; });
  script("GetTaskProtection", {refusal("InvalidParameterException", "not of this service")});
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{}) << "it can grow";
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].what.find("CODE_DEPLOY"), std::string::npos)
      << found.warnings[0].what;
}

// ---- takeover

TEST_F(EcsDriver, WithConsentTheNativeAutoscalerIsSuspendedByTheFirstWriteAndGivenBack) {
  options.takes_over = true;
  add_autoscaler(false, {"cpu"});
  set_suspended({false, false, true});
  const Suspended before{false, false, true};
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].what.find("takeOver"), std::string::npos);
  EXPECT_EQ(suspended(), before) << "looking changes nothing";
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(suspended().all());
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_EQ(suspended(), before);
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_EQ(aws.with([](State& state) {
    return std::ranges::count(state.operations, "RegisterScalableTarget");
  }),
            2);
}

TEST_F(EcsDriver, WhatIsNotSuspendedIsNotWrittenAgainst) {
  options.takes_over = true;
  add_autoscaler(false, {"cpu"});
  script("RegisterScalableTarget", {refusal("AccessDeniedException", "no")});
  const auto written = scale(3);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "application-autoscaling:RegisterScalableTarget");
  EXPECT_EQ(aws.writes(), 0);
}

TEST_F(EcsDriver, WithoutATakeoverNothingIsGivenBack) {
  add_autoscaler(true, {"cpu"});
  options.takes_over = true;
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(run(io, driver().release()));
  EXPECT_TRUE(aws.with([](State& state) {
    return std::ranges::count(state.operations, "RegisterScalableTarget") == 0;
  }));
}

TEST_F(EcsDriver, TheNextLeaderGivesBackWhatTheOneBeforeTookOver) {
  options.takes_over = true;
  const Suspended before{false, false, true};
  begin_with_autoscaler(before);
  ASSERT_TRUE(scale(3));
  EXPECT_TRUE(suspended().all());
  begin_anew();
  EXPECT_EQ(sentences(preflight().wrong), Names{});
  ASSERT_TRUE(scale(4));
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back(before);
}

TEST_F(EcsDriver, WhicheverCallOfATakeoverFailsTheNextLeaderGivesBackWhatWasThere) {
  options.takes_over = true;
  const Suspended before{false, false, true};
  for (const std::string operation : {"DescribeServices", "DescribeScalableTargets", "TagResource",
                                      "RegisterScalableTarget", "UpdateService"}) {
    for (const bool is_done : {false, true}) {
      for (const bool scales_on : {false, true}) {
        SCOPED_TRACE(operation + (is_done ? ", done" : "") + (scales_on ? ", goes on" : ""));
        begin_with_autoscaler(before);
        script(operation, {{500, "", "", is_done}});
        ASSERT_FALSE(scale(3));
        begin_anew();
        if (scales_on) {
          ASSERT_TRUE(scale(4));
          EXPECT_TRUE(suspended().all());
          begin_anew();
        }
        ASSERT_TRUE(release());
        expect_given_back(before);
      }
    }
  }
}

TEST_F(EcsDriver, WhicheverCallOfAReleaseFailsTheNextOneGivesBackWhatWasThere) {
  options.takes_over = true;
  const Suspended before{false, true, false};
  for (const std::string operation :
       {"DescribeServices", "DescribeScalableTargets", "RegisterScalableTarget", "UntagResource"}) {
    for (const bool is_done : {false, true}) {
      for (const bool scales_on : {false, true}) {
        SCOPED_TRACE(operation + (is_done ? ", done" : "") + (scales_on ? ", goes on" : ""));
        begin_with_autoscaler(before);
        ASSERT_TRUE(scale(3));
        script(operation, {{500, "", "", is_done}});
        ASSERT_FALSE(release());
        begin_anew();
        if (scales_on) {
          ASSERT_TRUE(scale(4));
          EXPECT_TRUE(suspended().all());
          begin_anew();
        }
        ASSERT_TRUE(release());
        expect_given_back(before);
      }
    }
  }
}

TEST_F(EcsDriver, WhatIsToBeGivenBackIsKeptBeforeAnythingIsSuspendedAndUntilItIsGivenBack) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  ASSERT_TRUE(release());
  auto operations = aws.with([](State& state) { return state.operations; });
  std::erase_if(operations, [](const std::string& each) { return each.starts_with("Describe"); });
  EXPECT_EQ(operations, (Names{"TagResource", "RegisterScalableTarget", "UpdateService",
                               "RegisterScalableTarget", "UntagResource"}));
}

TEST_F(EcsDriver, WhatAPersonResumesDuringATakeoverStaysResumed) {
  options.takes_over = true;
  begin_with_autoscaler({true, false, true});
  ASSERT_TRUE(scale(3));
  set_suspended({false, true, true});
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back({false, false, true});

  begin_with_autoscaler({true, false, true});
  ASSERT_TRUE(scale(3));
  set_suspended({false, true, true});
  ASSERT_TRUE(scale(4));
  EXPECT_TRUE(suspended().all());
  begin_anew();
  ASSERT_TRUE(release());
  expect_given_back({false, false, true});
}

TEST_F(EcsDriver, ATargetThatIsGoneIsNotMadeAnewByGivingItBack) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  aws.with([](State& state) { state.target.reset(); });
  ASSERT_TRUE(release());
  EXPECT_FALSE(aws.with([](State& state) { return state.target.has_value(); }));
  EXPECT_EQ(aws.with([](State& state) { return state.tags.size(); }), 1U);
}

TEST_F(EcsDriver, WhatIsNotKeptIsNotSuspended) {
  options.takes_over = true;
  begin_with_autoscaler({});
  script("TagResource", {refusal("AccessDeniedException", "no")});
  const auto written = scale(3);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "ecs:TagResource");
  EXPECT_EQ(suspended(), Suspended{});
  EXPECT_EQ(aws.writes(), 0);
}

TEST_F(EcsDriver, WithoutConsentItSaysOfAnEarlierTakeoverAndTouchesNothing) {
  options.takes_over = true;
  begin_with_autoscaler({});
  ASSERT_TRUE(scale(3));
  options.takes_over = false;
  begin_anew();
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Names{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_EQ(found.warnings[0].what, left_suspended("the tag selfscale:taken-over").what);
  ASSERT_TRUE(release());
  EXPECT_TRUE(suspended().all());
  set_suspended({});
  EXPECT_EQ(sentences(preflight().warnings), Names{}) << "a person has resumed it";
}

// ---- protection

TEST_F(EcsDriver, AScaleInProtectsTheTasksThatAreNotToGo) {
  begin_with_tasks({"a", "b", "c", "d"});
  ASSERT_TRUE(scale(3, {"c", "a", "b", "d"}));
  EXPECT_EQ(protected_tasks(), (Names{"a", "b", "d"}));
  EXPECT_EQ(tasks(), (Names{"a", "b", "d"}));
  EXPECT_EQ(aws.count(), 3);
}

TEST_F(EcsDriver, TheIdleTaskOfASecondScaleInGoesAtOnceThoughTheFirstProtectedIt) {
  begin_with_tasks({"a", "b", "c", "d"});
  ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  EXPECT_EQ(tasks(), (Names{"a", "b"}));
  pass(std::chrono::minutes{30});
  EXPECT_EQ(observe()->current, 2);
  EXPECT_EQ(tasks(), (Names{"a", "b"})) << "none is left to go when the protections end";
}

TEST_F(EcsDriver, AProtectionThatWouldEndBeforeANewOneIsExtended) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::seconds{20});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{5});
}

TEST_F(EcsDriver, AProtectionThatLastsLongerIsLeftAlone) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::hours{2});
  ASSERT_TRUE(scale(2, {"b", "a", "c"}));
  EXPECT_EQ(protected_for("a"), std::chrono::hours{2});
  EXPECT_EQ(protections_asked(), Json({{task_arn("c")}}));
}

TEST_F(EcsDriver, AnIdleTaskThatProtectsItselfStaysAndTheNextOneGoes) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("a", std::chrono::hours{2});
  ASSERT_TRUE(scale(2, {"a", "b", "c"}));
  EXPECT_EQ(tasks(), (Names{"a", "c"}));
  EXPECT_EQ(protected_for("a"), std::chrono::hours{2});
}

TEST_F(EcsDriver, WhoeverStaysIsProtectedBeforeAnyoneElsesProtectionIsTakenAway) {
  begin_with_tasks({"a", "b", "c"});
  set_protected("b", std::chrono::minutes{4});
  ASSERT_TRUE(scale(2, {"b", "a", "c"}));
  EXPECT_EQ(protections_asked(), Json({{task_arn("a"), task_arn("c")}, {task_arn("b")}}));
  EXPECT_EQ(aws.with([](State& state) { return state.operations.back(); }), "UpdateService");
}

TEST_F(EcsDriver, WhicheverCallOfASecondScaleInFailsNoBusyTaskGoesAndTheNextTryEndsTheIdleOne) {
  for (const std::string operation :
       {"DescribeServices", "ListTasks", "DescribeTasks", "GetTaskProtection",
        "UpdateTaskProtection", "UpdateService"}) {
    for (const bool is_done : {false, true}) {
      SCOPED_TRACE(operation + (is_done ? ", done" : ""));
      begin_with_tasks({"a", "b", "c", "d"});
      ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
      script(operation, {{500, "", "", is_done}});
      EXPECT_FALSE(scale(2, {"c", "a", "b"}));
      ASSERT_TRUE(scale(2, {"c", "a", "b"}));
      EXPECT_EQ(tasks(), (Names{"a", "b"}));
    }
  }
}

TEST_F(EcsDriver, AScaleInWhoseTasksToGoStayProtectedIsNotCarriedOut) {
  begin_with_tasks({"a", "b"});
  set_protected("a", std::chrono::minutes{4});
  set_protected("b", std::chrono::hours{2});
  script("UpdateTaskProtection",
         {{200,
           Json{{"protectedTasks", Json::array()},
                {"failures", {{{"arn", task_arn("a")}, {"reason", "TASK_NOT_VALID"}}}}}
               .dump(),
           ""}});
  const auto written = scale(1, {"a", "b"});
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find("TASK_NOT_VALID"), std::string::npos);
  EXPECT_EQ(aws.count(), 2);
}

TEST_F(EcsDriver, ManyTasksAreProtectedTenAtATime) {
  Names ids;
  for (int i = 0; i < 25; ++i) ids.push_back("t" + std::to_string(i));
  add_tasks(ids);
  aws.set_count(25);
  ASSERT_TRUE(scale(24, ids));  // the fake complains of more than ten
  EXPECT_EQ(protected_tasks().size(), 24U);
}

TEST_F(EcsDriver, AScaleInThatCannotProtectIsNotCarriedOut) {
  aws.set_count(3);
  add_tasks({"a", "b", "c"});
  script("UpdateTaskProtection", {refusal("AccessDeniedException", "no")});
  const auto written = scale(2, {"b", "a", "c"});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().permission, "ecs:UpdateTaskProtection");
  EXPECT_NE(written.error().message.find("protectBusyTasks"), std::string::npos);
  EXPECT_EQ(aws.count(), 3);
}

TEST_F(EcsDriver, NeitherAGrowthNorAScaleInWithoutVictimsProtectsAnything) {
  add_tasks({"a", "b"});
  ASSERT_TRUE(scale(4, {"a", "b"}));
  ASSERT_TRUE(scale(3));
  options.protects_busy_tasks = false;
  const auto plain = ecs_driver(io, options, aws.surroundings());
  ScaleRequest request;
  request.desired = 1;
  request.victims = {"a", "b"};
  ASSERT_TRUE(run(io, plain->scale(std::move(request))));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsDriver, OfThoseThatAreNotReadyNoneIsProtected) {
  begin_with_tasks({"a", "b", "c", "d"});
  aws.with([](State& state) {
    state.tasks[2]["lastStatus"] = "PENDING";
    state.tasks[3]["lastStatus"] = "PROVISIONING";
  });
  ASSERT_TRUE(scale(3, {"c", "d", "a", "b"}));
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
}

TEST_F(EcsDriver, WhomAScaleInKeptIsLetGoOnceItIsDone) {
  begin_with_tasks({"a", "b", "c", "d"});
  set_protected("a", std::chrono::minutes{30});
  ASSERT_TRUE(scale(3, {"d", "a", "b", "c"}));
  ASSERT_EQ(protected_tasks(), (Names{"a", "b", "c"}));
  set_protected("b", std::chrono::minutes{30});  // it has begun to work since
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
  const auto asked = operations();
  ASSERT_TRUE(go_on());
  EXPECT_EQ(operations(), asked) << "that was all";
}

TEST_F(EcsDriver, WhomAScaleInKeepsIsNotLetGoBeforeItIsDone) {
  begin_with_tasks({"a", "b", "c"});
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  aws.with([](State& state) {
    state.tasks.push_back(task_json("c"));  // it takes its time to end
    state.protected_until[task_arn("c")] = state.time + std::chrono::hours{2};
    state.service["runningCount"] = 3;
  });
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b", "c"}));
  aws.with([](State& state) { state.protected_until.erase(task_arn("c")); });
  ASSERT_TRUE(go_on());
  EXPECT_EQ(tasks(), (Names{"a", "b"}));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsDriver, AnAnswerFromBeforeAScaleInDoesNotEndIt) {
  begin_with_tasks({"a", "b", "c"});
  const auto before = aws.with([](State& state) { return state.service; });
  ASSERT_TRUE(scale(2, {"c", "a", "b"}));
  script("DescribeServices",
         {{200, Json{{"services", {before}}, {"failures", Json::array()}}.dump(), ""}});
  ASSERT_TRUE(go_on());
  EXPECT_EQ(protected_tasks(), (Names{"a", "b"}));
  pass(std::chrono::minutes{5});
  const auto asked = operations();
  ASSERT_TRUE(go_on());
  EXPECT_EQ(operations(), asked) << "they have run out";
}

// ---- the task that the agent is in

class EcsOwnTask : public EcsDriver {
 protected:
  EcsOwnTask() {
    aws.with([](State& state) { state.own_task = "a"; });
    options.protection_file = directory.path() + "/web.ecs-protection";
    begin_with_tasks({"a", "b", "c"});
  }
  agent::Directory directory;
  Result<void> keep(bool is_busy) { return run(io, driver().keep_busy_replica(is_busy)); }
  /// "GET", "PUT": what the task's endpoint was asked since the last time.
  Names asked() {
    return aws.with([](State& state) {
      Names methods;
      for (const auto& each : state.others) methods.push_back(each.method());
      state.others.clear();
      return methods;
    });
  }
  void refuse(const std::string& method, int status, const Json& body) {
    aws.with([&](State& state) { state.refused_own[method] = {status, body.dump(), ""}; });
  }
  void deny(const std::string& method, const std::string& right) {
    refuse(method, 400,
           {{"requestID", "1"},
            {"error",
             {{"Arn", task_arn("a")},
              {"Code", "AccessDeniedException"},
              {"Message", "User: x is not authorized to perform: " + right + " on resource: y"}}}});
  }
  void set_updating(bool is_so) {
    aws.with([is_so](State& state) {
      auto& deployments = state.service["deployments"];
      const Json one{{"id", "ecs-svc/1"}, {"status", "PRIMARY"}};
      const Json other{{"id", "ecs-svc/0"}, {"status", "ACTIVE"}};
      deployments = is_so ? Json{one, other} : Json{one};
    });
  }
};

TEST_F(EcsOwnTask, IsProtectedWhileItWorksAndNoLonger) {
  ASSERT_TRUE(driver().keeps_busy_replica());
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(asked(), Names{}) << "there is nothing to take away";
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
  EXPECT_EQ(asked(), (Names{"GET", "PUT"}));
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(asked(), Names{});
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_tasks(), Names{});
  EXPECT_EQ(asked(), (Names{"GET", "PUT"}));
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(asked(), Names{});
}

TEST_F(EcsOwnTask, IsProtectedAnewBeforeThatEnds) {
  for (int minute = 0; minute < 120; ++minute) {
    ASSERT_TRUE(keep(true));
    ASSERT_GT(protected_for("a"), std::chrono::minutes{19}) << minute;
    pass(std::chrono::minutes{1});
  }
  const auto all = asked();
  EXPECT_LE(std::ranges::count(all, "PUT"), 12) << "each lasts for ten minutes at least";
}

TEST_F(EcsOwnTask, AScaleInEndsNoTaskThatWorksThoughTheLeaderDoesNotKnowIt) {
  ASSERT_TRUE(keep(true));
  const auto leader = ecs_driver(io, options, aws.surroundings());
  ScaleRequest request;
  request.desired = 2;
  request.victims = {"a", "b", "c"};
  ASSERT_TRUE(run(io, leader->scale(std::move(request))));
  EXPECT_EQ(tasks(), (Names{"a", "c"}));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
}

TEST_F(EcsOwnTask, TheProtectionOfAScaleInIsReplacedAsItIsTooShort) {
  set_protected("a", std::chrono::minutes{5});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
}

TEST_F(EcsOwnTask, AProtectionThatTheAppAskedForStays) {
  set_protected("a", std::chrono::minutes{12});
  ASSERT_TRUE(keep(true));
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{12});
  EXPECT_EQ(asked(), Names{"GET"});

  ASSERT_TRUE(keep(true));
  pass(std::chrono::minutes{7});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30}) << "it is about to end";
  set_protected("a", std::chrono::hours{4});
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_for("a"), std::chrono::hours{4});
}

TEST_F(EcsOwnTask, WhatTheAppTakesAwayIsSetAgainWhereWorkIsLeft) {
  set_protected("a", std::chrono::minutes{12});
  ASSERT_TRUE(keep(true));
  aws.with([](State& state) { state.protected_until.clear(); });
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
}

TEST_F(EcsOwnTask, ADeploymentDoesNotWaitForIt) {
  ASSERT_TRUE(keep(true));
  set_updating(true);
  ASSERT_TRUE(observe());
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{});
  set_updating(false);
  ASSERT_EQ(sentences(preflight().wrong), Names{});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{"a"});
}

TEST_F(EcsOwnTask, ADeploymentIsSeenThoughNobodyElseAsksForTheService) {
  ASSERT_TRUE(keep(true));
  ASSERT_EQ(protected_tasks(), Names{"a"});
  set_updating(true);
  pass(std::chrono::seconds{30});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{});
  set_updating(false);
  pass(std::chrono::seconds{30});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{"a"});
}

TEST_F(EcsOwnTask, TheServiceIsAskedForADeploymentTwiceAMinuteAndOnlyWhileThereIsWork) {
  const auto described = [this] {
    const auto all = operations();
    return std::ranges::count(all, "DescribeServices");
  };
  for (int second = 0; second < 60; ++second) {
    ASSERT_TRUE(keep(true));
    pass(std::chrono::seconds{1});
  }
  EXPECT_EQ(described(), 2);
  ASSERT_TRUE(observe());
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(described(), 3) << "a leader has just seen it";
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(described(), 3);
}

TEST_F(EcsOwnTask, IsProtectedWhereTheServiceCannotBeSeen) {
  script("DescribeServices", {refusal("AccessDeniedException", "no")});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{"a"});
}

TEST_F(EcsOwnTask, WhatAScaleInChangesMeanwhileIsSetAgainAMinuteLater) {
  ASSERT_TRUE(keep(true));
  set_protected("a", std::chrono::minutes{5});
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
  aws.with([](State& state) { state.protected_until.clear(); });
  pass(std::chrono::minutes{1});
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30});
}

TEST_F(EcsOwnTask, WhatAProcessLeftProtectedTheNextOneOfTheTaskSeesTo) {
  ASSERT_TRUE(keep(true));
  begin_anew();
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_tasks(), Names{});

  ASSERT_TRUE(keep(true));
  pass(std::chrono::minutes{11});
  begin_anew();
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{30}) << "renewed as the task's own";
  begin_anew();
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_tasks(), Names{});
  asked();
  begin_anew();
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(asked(), Names{}) << "nothing is left";
}

TEST_F(EcsOwnTask, WhatAnotherTaskLeftInTheSameDirectoryIsNone) {
  ASSERT_TRUE(keep(true));
  auto surroundings = aws.surroundings();
  surroundings.environment = [url = aws.url(),
                              own = surroundings.environment](const std::string& name) {
    return name == "ECS_AGENT_URI" ? std::optional{url + "/api/another"} : own(name);
  };
  asked();
  const auto other = ecs_driver(io, options, surroundings);
  ASSERT_TRUE(run(io, other->keep_busy_replica(false)));
  EXPECT_EQ(asked(), Names{});
}

TEST_F(EcsOwnTask, WhereItsDirectoryIsGoneItIsLetGoByWhoeverProtectedIt) {
  options.protection_file = directory.path() + "/none/web";
  ASSERT_TRUE(keep(true));
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsOwnTask, AnAgentApartSaysNothingOfTheTaskThatItIsIn) {
  options.is_replica = false;
  deny("GET", "ecs:GetTaskProtection");
  EXPECT_FALSE(driver().keeps_busy_replica());
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  EXPECT_EQ(asked(), Names{});
}

TEST_F(EcsOwnTask, ARefusalIsSaidAndTheEndpointAskedAgainAMinuteLater) {
  deny("PUT", "ecs:UpdateTaskProtection");
  for (int second = 0; second < 50; ++second) {
    const auto kept = keep(true);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().permission, "ecs:UpdateTaskProtection");
    pass(std::chrono::seconds{1});
  }
  EXPECT_EQ(asked(), (Names{"GET", "PUT"}));
  const auto found = preflight().warnings;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].what.find("missing permission: ecs:UpdateTaskProtection"), std::string::npos)
      << found[0].what;
  EXPECT_NE(found[0].why, "");
  EXPECT_NE(found[0].paste.find("ecs:UpdateTaskProtection"), std::string::npos);

  aws.with([](State& state) { state.refused_own.clear(); });
  pass(std::chrono::seconds{10});
  EXPECT_TRUE(keep(true));
  EXPECT_EQ(protected_tasks(), Names{"a"});
  EXPECT_EQ(sentences(preflight().warnings), Names{});
}

TEST_F(EcsOwnTask, ARefusalIsFoundBeforeThereIsAnyWork) {
  deny("GET", "ecs:GetTaskProtection");
  for (int looks = 0; looks < 2; ++looks) {
    const auto found = preflight().warnings;
    ASSERT_EQ(found.size(), 1U);
    EXPECT_NE(found[0].what.find("ecs:GetTaskProtection"), std::string::npos) << found[0].what;
  }
  EXPECT_EQ(asked(), Names{"GET"}) << "asked once; what is not there is not written";
}

TEST_F(EcsOwnTask, ARefusedReadIsForgottenOnceItIsMendedThoughThereIsNoWork) {
  deny("GET", "ecs:GetTaskProtection");
  ASSERT_FALSE(keep(true));
  EXPECT_FALSE(keep(false));
  ASSERT_EQ(preflight().warnings.size(), 1U);
  aws.with([](State& state) { state.refused_own.clear(); });
  pass(std::chrono::minutes{1});
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  EXPECT_TRUE(keep(false));
}

TEST_F(EcsOwnTask, WithoutWorkARefusedReadIsTriedAgainAMinuteLater) {
  deny("GET", "ecs:GetTaskProtection");
  ASSERT_FALSE(keep(true));
  aws.with([](State& state) { state.refused_own.clear(); });
  EXPECT_FALSE(keep(false));
  pass(std::chrono::minutes{1});
  EXPECT_TRUE(keep(false));
  EXPECT_EQ(asked(), (Names{"GET", "GET"}));
}

TEST_F(EcsOwnTask, AWriteWithoutAnAnswerIsTakenBackAllTheSame) {
  const Json timed_out{{"error", {{"Code", "RequestCanceled"}, {"Message", "Timed out"}}}};
  for (const auto& [status, answer] : {std::pair{504, timed_out}, std::pair{200, Json::object()}}) {
    aws.with([](State& state) { state.protected_until.clear(); });
    refuse("PUT", status, answer);
    const auto kept = keep(true);
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Errc::timed_out) << kept.error().message;
    set_protected("a", std::chrono::minutes{30});  // it was done
    aws.with([](State& state) { state.refused_own.clear(); });
    pass(std::chrono::minutes{1});
    ASSERT_TRUE(keep(false));
    EXPECT_EQ(protected_tasks(), Names{}) << status;
  }
}

TEST_F(EcsOwnTask, IsLeftAloneOutsideOfATaskAndWhereNoneIsToBeProtected) {
  options.protects_busy_tasks = false;
  EXPECT_FALSE(driver().keeps_busy_replica());
  aws.with([](State& state) { state.own_task.clear(); });
  options.protects_busy_tasks = true;
  begin_anew();
  EXPECT_FALSE(driver().keeps_busy_replica());
  EXPECT_EQ(sentences(preflight().warnings), Names{});
  EXPECT_EQ(asked(), Names{});
}

}  // namespace
}  // namespace selfscale::drivers::ecs
