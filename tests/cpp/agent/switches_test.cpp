#include "agent/switches.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace selfscale::agent {
namespace {

/// Everything says yes.
Circumstances all_clear() {
  Circumstances now;
  now.global.enabled = true;
  now.global.enabled_by = "cli";
  now.enabled_by_policy = true;
  now.wall_time_seconds = 1000.0;
  now.has_driver = true;
  now.leads = true;
  return now;
}

std::string_view because(const Circumstances& now) { return judge(read_switches(now)).because; }

Circumstances with_a_word(double at) {
  auto now = all_clear();
  now.global.enabled.reset();
  now.enabled_by_policy = false;
  now.word = Word{"--enable of this run", at};
  return now;
}

void say(fleet::Switches& said, bool enabled, double at) {
  said.enabled = enabled;
  said.enabled_by = "api";
  said.enabled_at_wall_seconds = at;
}

struct Row {
  const char* name;
  std::function<void(Circumstances&)> change;
  std::string_view because;  ///< empty: it may act
};

class EverySwitch : public testing::TestWithParam<Row> {};

TEST_P(EverySwitch, SaysItsOwnNo) {
  auto now = all_clear();
  GetParam().change(now);
  const auto verdict = judge(read_switches(now));
  EXPECT_EQ(verdict.because, GetParam().because);
  EXPECT_EQ(verdict.may_act, GetParam().because.empty());
  EXPECT_EQ(way_to_act(verdict.because).empty(), verdict.may_act);
}

const Row rows[] = {
    {"AllClear", [](Circumstances&) {}, ""},
    {"Killed", [](Circumstances& now) { now.killed = true; }, "kill"},
    {"APersonDisabledAll", [](Circumstances& now) { now.global.enabled = false; }, "not_enabled"},
    {"APersonsNoBeatsTheEnvironment",
     [](Circumstances& now) {
       now.global.enabled = false;
       now.enabled_by_environment = true;
     },
     "not_enabled"},
    {"NobodySpokeAndTheEnvironmentIsSilent", [](Circumstances& now) { now.global.enabled.reset(); },
     "not_enabled"},
    {"NobodySpokeAndTheEnvironmentSaysYes",
     [](Circumstances& now) {
       now.global.enabled.reset();
       now.enabled_by_environment = true;
     },
     ""},
    {"ThePolicyIsNotEnabled", [](Circumstances& now) { now.enabled_by_policy = false; },
     "policy_not_enabled"},
    {"APersonEnabledTheService",
     [](Circumstances& now) {
       now.enabled_by_policy = false;
       now.service.enabled = true;
     },
     ""},
    {"APersonDisabledTheService", [](Circumstances& now) { now.service.enabled = false; },
     "policy_not_enabled"},
    {"DryRunOfTheEnvironment", [](Circumstances& now) { now.dry_run_by_environment = true; },
     "dry_run"},
    {"DryRunOfTheEnvironmentCannotBeLifted",
     [](Circumstances& now) {
       now.dry_run_by_environment = true;
       now.service.dry_run = false;
     },
     "dry_run"},
    {"DryRunOfAPerson", [](Circumstances& now) { now.service.dry_run = true; }, "dry_run"},
    {"PausedUntilResumed", [](Circumstances& now) { now.service.paused = true; }, "paused"},
    {"PausedUntilLater",
     [](Circumstances& now) {
       now.service.paused = true;
       now.service.paused_until_wall_seconds = 1000.5;
     },
     "paused"},
    {"APauseThatIsOver",
     [](Circumstances& now) {
       now.service.paused = true;
       now.service.paused_until_wall_seconds = 1000.0;
     },
     ""},
    {"NoDriver", [](Circumstances& now) { now.has_driver = false; }, "no_driver"},
    {"PreflightFailed", [](Circumstances& now) { now.preflight = {"no right to scale"}; },
     "not_candidate"},
    {"AnotherLeads", [](Circumstances& now) { now.leads = false; }, "not_leader"},
};

INSTANTIATE_TEST_SUITE_P(Switches, EverySwitch, testing::ValuesIn(rows),
                         [](const auto& each) { return each.param.name; });

/// The word of the run was given at 500.
class TheLaterWord : public testing::TestWithParam<Row> {};

TEST_P(TheLaterWord, Counts) {
  auto now = with_a_word(500.0);
  GetParam().change(now);
  EXPECT_EQ(because(now), GetParam().because);
}

const Row words[] = {
    {"NobodyElseSpoke", [](auto&) {}, ""},
    {"AgainstTheEnvironmentAndThePolicy",
     [](auto& now) {
       now.enabled_by_environment = false;
       now.enabled_by_policy = false;
     },
     ""},
    {"AllWereDisabledBefore", [](auto& now) { say(now.global, false, 499.0); }, ""},
    {"AllWereDisabledSince", [](auto& now) { say(now.global, false, 501.0); }, "not_enabled"},
    {"AllWereDisabledAtTheSameInstant", [](auto& now) { say(now.global, false, 500.0); },
     "not_enabled"},
    {"AllWereDisabledAtATimeThatNobodyWroteDown", [](auto& now) { say(now.global, false, 0.0); },
     ""},
    {"TheServiceWasDisabledBefore", [](auto& now) { say(now.service, false, 499.0); }, ""},
    {"TheServiceWasDisabledSince", [](auto& now) { say(now.service, false, 501.0); },
     "policy_not_enabled"},
    {"OneBeforeOneSince",
     [](auto& now) {
       say(now.global, false, 499.0);
       say(now.service, false, 501.0);
     },
     "policy_not_enabled"},
    {"BothWereEnabledSince",
     [](auto& now) {
       say(now.global, true, 501.0);
       say(now.service, true, 502.0);
     },
     ""},
    {"OtherSwitchesHold", [](auto& now) { now.dry_run_by_environment = true; }, "dry_run"},
    {"TheKillSwitchHolds", [](auto& now) { now.killed = true; }, "kill"},
};

INSTANTIATE_TEST_SUITE_P(Switches, TheLaterWord, testing::ValuesIn(words),
                         [](const auto& each) { return each.param.name; });

TEST(Switches, TheWordSaysWhoGaveItAndWhen) {
  auto now = with_a_word(1764183723.9);
  for (const auto* name : {"enabled", "policy_enabled"}) {
    EXPECT_EQ(who_set(named(name, read_switches(now))),
              "--enable of this run at 2025-11-26T19:02:03Z");
  }
  say(now.service, false, 1764183724.0);
  EXPECT_EQ(who_set(named("policy_enabled", read_switches(now))), "api at 2025-11-26T19:02:04Z");
  EXPECT_EQ(named("enabled", read_switches(now)).at_wall_seconds, 1764183723.9);
}

TEST(Switches, TheFirstThatSaysNoIsNamed) {
  Circumstances now;  // nearly everything says no
  now.killed = true;
  EXPECT_EQ(because(now), "kill");
  now.killed = false;
  EXPECT_EQ(because(now), "not_enabled");
  now.global.enabled = true;
  EXPECT_EQ(because(now), "policy_not_enabled");
  now.service.enabled = true;
  EXPECT_EQ(because(now), "no_driver");
  now.has_driver = true;
  EXPECT_EQ(because(now), "not_leader");
}

TEST(Switches, EachSaysWhoSetIt) {
  auto now = all_clear();
  now.dry_run_by_environment = true;
  const auto switches = read_switches(now);
  EXPECT_EQ(named("enabled", switches).by, "cli");
  EXPECT_EQ(named("policy_enabled", switches).by, "the policy's own \"enabled\"");
  EXPECT_EQ(who_set(named("policy_enabled", switches)), named("policy_enabled", switches).by);
  EXPECT_EQ(named("dry_run", switches).by, "AUTOSCALING_DRY_RUN");
  EXPECT_TRUE(named("dry_run", switches).says_no);
  EXPECT_FALSE(named("enabled", switches).says_no);
}

TEST(PeopleAllow, WhateverTheDriverSaysAndWhoeverLeads) {
  const auto allow = [](const Circumstances& now) {
    return people_allow(judge(read_switches(now)));
  };
  auto now = all_clear();
  EXPECT_TRUE(allow(now));
  now.leads = false;
  now.preflight = {"no such service"};
  now.has_driver = false;
  EXPECT_TRUE(allow(now));
  for (const auto& row : rows) {
    auto changed = now;
    row.change(changed);
    const bool is_of_people = !row.because.empty() && row.because != "no_driver" &&
                              row.because != "not_candidate" && row.because != "not_leader";
    EXPECT_EQ(allow(changed), !is_of_people) << row.name;
  }
}

}  // namespace
}  // namespace selfscale::agent
