// The driver `ecs` in a task: it is protected while it works.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/directory_fixture.hpp"
#include "drivers/ecs/driver_fixture.hpp"
#include "sampling/text.hpp"

namespace selfscale::drivers::ecs {
namespace {

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

TEST_F(EcsOwnTask, WhatAProcessAskedForThatWasKilledBeforeItHeardTheNextOneSeesTo) {
  std::string left;
  aws.with([&](State& state) {
    state.before_own_write = [&] {
      left = sampling::read_text(options.protection_file).value_or("");
    };
  });
  ASSERT_TRUE(keep(true));
  std::ofstream{options.protection_file} << left;
  begin_anew();
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(protected_tasks(), Names{});
}

TEST_F(EcsOwnTask, WhatWasRefusedIsNotTakenForDone) {
  deny("PUT", "ecs:UpdateTaskProtection");
  ASSERT_FALSE(keep(true));
  set_protected("a", std::chrono::minutes{30});
  pass(std::chrono::minutes{1});
  keep(false);
  EXPECT_EQ(protected_for("a"), std::chrono::minutes{29}) << "somebody else's";
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
