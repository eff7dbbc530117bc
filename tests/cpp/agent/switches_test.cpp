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

const Switch& row(const std::vector<Switch>& switches, std::string_view name) {
  for (const auto& each : switches) {
    if (each.name == name) return each;
  }
  static const Switch none{};
  ADD_FAILURE() << "no switch is called " << name;
  return none;
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
  EXPECT_EQ(row(switches, "enabled").by, "cli");
  EXPECT_EQ(row(switches, "policy_enabled").by, "the policy");
  EXPECT_EQ(row(switches, "dry_run").by, "AUTOSCALING_DRY_RUN");
  EXPECT_TRUE(row(switches, "dry_run").says_no);
  EXPECT_FALSE(row(switches, "enabled").says_no);
}

}  // namespace
}  // namespace selfscale::agent
