// Schedules: the bounds through days, hand-overs and changes of the clock, what decide() says, and
// all zones against Python's zoneinfo.
#include "decide/schedules.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "decide/policies_fixture.hpp"
#include "places.hpp"

namespace selfscale {
namespace {

using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;
using std::chrono::minutes;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;
using Json = nlohmann::json;

/// 2 to 10 replicas, and these schedules.
Policy scheduled(const std::string& schedules, const std::string& timezone = "UTC",
                 const Json& keys = Json::object()) {
  Json policy = Json::parse(R"({"service": "backend", "minReplicas": 2, "maxReplicas": 10,
    "behavior": "none",
    "rules": [{"type": "target", "metric": "due", "targetPerReplica": 1}]})");
  policy["timezone"] = timezone;
  policy["schedules"] = Json::parse(schedules);
  policy.update(keys);
  return testing::policy_of(policy.dump());
}

/// In 2026.
sys_seconds utc(int month, int day, std::chrono::seconds time) {
  return sys_days{year{2026} / month / day} + time;
}

std::pair<int, int> bounds(const Policy& policy, sys_seconds at, const Estimates& known = {}) {
  const auto wall_time = static_cast<double>(at.time_since_epoch().count());
  const Bounds found = bounds_at(policy.compiled(), wall_time, known);
  return {found.min_replicas, found.max_replicas};
}
int minimum(const Policy& policy, sys_seconds at, const Estimates& known = {}) {
  return bounds(policy, at, known).first;
}

using Range = std::pair<int, int>;

TEST(Schedules, AWindowMovesTheBoundsWhileItIsOpen) {
  const Policy policy = scheduled(
      R"([{"days": "mon-fri", "from": "18:00", "to": "23:00", "minReplicas": 5, "maxReplicas": 20}])",
      "Africa/Lagos");  // an hour ahead of UTC
  EXPECT_EQ(bounds(policy, utc(11, 26, 17h) - 1s), (Range{2, 10}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 17h)), (Range{5, 20}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 22h) - 1s), (Range{5, 20}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 22h)), (Range{2, 10}));
  EXPECT_EQ(bounds(policy, utc(11, 28, 18h)), (Range{2, 10})) << "a Saturday";
}

TEST(Schedules, AWindowMayPassMidnightOnTheDaysItOpens) {
  const Policy policy =
      scheduled(R"([{"days": "fri", "from": "22:00", "to": "06:00", "minReplicas": 4}])");
  EXPECT_EQ(minimum(policy, utc(11, 27, 3h)), 2) << "Thursday's night";
  EXPECT_EQ(minimum(policy, utc(11, 27, 22h)), 4);
  EXPECT_EQ(minimum(policy, utc(11, 28, 5h + 59min)), 4);
  EXPECT_EQ(minimum(policy, utc(11, 28, 6h)), 2);
  const Policy all_day =
      scheduled(R"([{"days": "sat", "from": "00:00", "to": "24:00", "minReplicas": 4}])");
  EXPECT_EQ(minimum(all_day, utc(11, 28, 24h) - 1s), 4);
  EXPECT_EQ(minimum(all_day, utc(11, 28, 24h)), 2);
}

TEST(Schedules, ACronWithADurationIsAWindow) {
  const Policy policy =
      scheduled(R"([{"cron": "30 6 1 * *", "duration": "26h", "minReplicas": 3}])");
  EXPECT_EQ(minimum(policy, utc(12, 1, 6h + 30min) - 1s), 2);
  EXPECT_EQ(minimum(policy, utc(12, 1, 6h + 30min)), 3);
  EXPECT_EQ(minimum(policy, utc(12, 2, 8h + 30min) - 1s), 3);
  EXPECT_EQ(minimum(policy, utc(12, 2, 8h + 30min)), 2);
}

TEST(Schedules, OneTimeHasAnEndOrHolds) {
  const Policy window =
      scheduled(R"([{"at": "2026-11-27T08:00", "until": "2026-11-30T20:00", "minReplicas": 6}])");
  EXPECT_EQ(minimum(window, utc(11, 27, 8h) - 1s), 2);
  EXPECT_EQ(minimum(window, utc(11, 27, 8h)), 6);
  EXPECT_EQ(minimum(window, utc(11, 30, 20h)), 2);
  const Policy held = scheduled(R"([{"at": "2026-11-27T08:00", "minReplicas": 6}])");
  EXPECT_EQ(minimum(held, utc(11, 27, 8h) - 1s), 2);
  EXPECT_EQ(minimum(held, utc(12, 31, 8h)), 6);
}

/// Application Auto Scaling: each action replaces what it gives, until another does.
TEST(Schedules, SetAndHoldHoldsUntilAnotherFires) {
  const Policy policy = scheduled(R"([
    {"cron": "0 8 * * *", "minReplicas": 5, "maxReplicas": 20},
    {"cron": "0 20 * * *", "minReplicas": 1},
    {"cron": "0 22 * * *", "maxReplicas": 4}])");
  EXPECT_EQ(bounds(policy, utc(11, 26, 7h)), (Range{1, 4})) << "yesterday's last hold";
  EXPECT_EQ(bounds(policy, utc(11, 26, 8h)), (Range{5, 20}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 20h)), (Range{1, 20}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 22h)), (Range{1, 4}));
  const Policy at_once = scheduled(R"([{"cron": "0 8 * * *", "minReplicas": 5},
      {"at": "2026-11-26T08:00", "minReplicas": 3}])");
  EXPECT_EQ(minimum(at_once, utc(11, 26, 8h)), 3) << "the later in the list";
  EXPECT_EQ(minimum(at_once, utc(11, 27, 8h)), 5);
}

TEST(Schedules, OpenWindowsReplaceWhatIsHeldAndTheLargestOfThemCounts) {
  const Policy policy = scheduled(R"([
    {"cron": "0 0 * * *", "minReplicas": 4, "maxReplicas": 5},
    {"from": "18:00", "to": "23:00", "minReplicas": 3, "maxReplicas": 9},
    {"from": "20:00", "to": "21:00", "minReplicas": 1, "maxReplicas": 12}])");
  EXPECT_EQ(bounds(policy, utc(11, 26, 12h)), (Range{4, 5}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 19h)), (Range{3, 9}));
  EXPECT_EQ(bounds(policy, utc(11, 26, 20h)), (Range{3, 12}));
}

TEST(Schedules, AMaximumBelowTheMinimumIsRaisedToIt) {
  const Policy policy = scheduled(R"([{"from": "18:00", "to": "23:00", "minReplicas": 15}])");
  EXPECT_EQ(bounds(policy, utc(11, 26, 19h)), (Range{15, 15}));
}

TEST(Schedules, StartAheadOpensByTheStartUpTimeEarlier) {
  const std::string window =
      R"([{"from": "18:00", "to": "18:01", "minReplicas": 5, "startAhead": true}])";
  const sys_seconds six = utc(11, 26, 18h);
  const Policy unknown = scheduled(window);
  EXPECT_EQ(minimum(unknown, six - 61s), 2);
  EXPECT_EQ(minimum(unknown, six - 60s), 5);
  Estimates measured;
  measured.startup_seconds_p95 = 89.2;
  EXPECT_EQ(minimum(unknown, six - 91s, measured), 2);
  EXPECT_EQ(minimum(unknown, six - 90s, measured), 5);
  const Policy expected = scheduled(window, "UTC", {{"startup", {{"expected", "2m"}}}});
  EXPECT_EQ(minimum(expected, six - 120s, measured), 5);
  EXPECT_EQ(minimum(expected, six + 60s, measured), 2) << "the end stays";
}

/// Pain 19: kedacore/keda#932, #4677, #6665, #5263, #3956, #5688.
TEST(Schedules, NeitherMissAnEndNorDipAtAHandOverNorShiftByAZone) {
  const Policy hand_over = scheduled(R"([
    {"days": "mon-fri", "from": "08:00", "to": "18:00", "minReplicas": 6},
    {"days": "mon-fri", "from": "18:00", "to": "22:00", "minReplicas": 4}])",
                                     "Europe/Berlin");
  EXPECT_EQ(minimum(hand_over, utc(11, 27, 17h) - 1s), 6);
  EXPECT_EQ(minimum(hand_over, utc(11, 27, 17h)), 4) << "no dip to 2 between them";
  EXPECT_EQ(minimum(hand_over, utc(11, 27, 21h)), 2) << "Friday's end is not missed";
  EXPECT_EQ(minimum(hand_over, utc(11, 28, 12h)), 2) << "nor open at the weekend";
  EXPECT_EQ(minimum(hand_over, utc(7, 31, 16h) - 1s), 6) << "in summer two hours ahead of UTC";
  EXPECT_EQ(minimum(hand_over, utc(7, 31, 16h)), 4);

  // The end acts at once, and a night may be one of no replicas.
  const Policy night =
      scheduled(R"([{"from": "22:00", "to": "06:00", "minReplicas": 0, "maxReplicas": 0}])");
  DecisionState state;
  Snapshot seen = snapshot(8, {Reading::of(8)});
  const auto decided = [&](sys_seconds at, int replicas) {
    seen.at += 15s;
    seen.wall_time_seconds = static_cast<double>(at.time_since_epoch().count());
    seen.platform = {replicas, replicas, replicas, false, {}};
    Decision decision = decide(night, seen, state);
    if (decision.action == Action::scale) {
      record(state, testing::event(seen.at, replicas, decision.to_replicas));
    }
    return decision;
  };
  EXPECT_EQ(decided(utc(11, 26, 22h) - 1s, 8).to_replicas, 8);
  const Decision closed = decided(utc(11, 26, 22h), 8);
  EXPECT_EQ(closed.to_replicas, 0);
  EXPECT_EQ(closed.recommendation.code, Code::schedule_maximum);
  EXPECT_EQ(decided(utc(11, 27, 5h), 0).to_replicas, 0);
  EXPECT_EQ(decided(utc(11, 27, 6h), 0).to_replicas, 8);
}

TEST(Schedules, DecideSaysThatAScheduleMovedTheCount) {
  const Policy policy =
      scheduled(R"([{"from": "18:00", "to": "23:00", "minReplicas": 5, "maxReplicas": 7}])");
  const auto at_seven = [&](double due, int replicas) {
    DecisionState state;
    Snapshot seen = snapshot(replicas, {Reading::of(due)});
    seen.wall_time_seconds = static_cast<double>(utc(11, 26, 19h).time_since_epoch().count());
    return decide(policy, seen, state);
  };
  const Decision raised = at_seven(3, 3);
  EXPECT_EQ(raised.to_replicas, 5);
  EXPECT_EQ(raised.recommendation.code, Code::schedule_minimum);
  EXPECT_EQ(raised.recommendation.adjustments.front().stage, Stage::bounds);
  EXPECT_EQ(reason(policy, raised), "the schedule \"schedule 1\" asks for at least 5");
  const Decision held = at_seven(9, 7);
  EXPECT_EQ(held.action, Action::hold);
  EXPECT_EQ(held.held_by, Stage::stabilize);
  EXPECT_EQ(held.recommendation.code, Code::schedule_maximum);
  EXPECT_EQ(
      reason(policy, held),
      "9 replicas wanted, held at 7: the schedule \"schedule 1\" allows no more than 7 (due 9 at 1 "
      "per replica asks for 9 replicas)");
  const Decision less = at_seven(1, 6);
  EXPECT_EQ(less.to_replicas, 5);
  EXPECT_EQ(less.recommendation.adjustments.front().code, Code::schedule_minimum);
}

TEST(Schedules, AnyWallTimeHasBounds) {
  const Policy policy = scheduled(R"([{"cron": "@hourly", "minReplicas": 5},
      {"from": "18:00", "to": "02:00", "maxReplicas": 20, "startAhead": true}])",
                                  "America/New_York");
  for (const double wall_time : {std::nan(""), -1e300, -1.0, 0.0, 1e12, 1e300, HUGE_VAL}) {
    const Bounds found = bounds_at(policy.compiled(), wall_time, {});
    EXPECT_EQ(found.min_replicas, 5) << wall_time;
    EXPECT_GE(found.max_replicas, 10) << wall_time;
  }
}

RC_GTEST_PROP(Schedules, WhateverIsDecidedLiesWithinTheBoundsInForce, ()) {
  Json schedules = Json::array();
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    Json schedule = Json::parse(*rc::gen::element<std::string>(
        R"({"cron": "*/20 6-20 * * *"})", R"({"cron": "7 * * * mon-fri", "duration": "40m"})",
        R"({"at": "2026-10-25T02:30"})", R"({"from": "01:30", "to": "02:30", "startAhead": true})",
        R"({"from": "22:00", "to": "02:15", "days": "sat"})"));
    schedule["timezone"] = *rc::gen::element<std::string>("Europe/Berlin", "America/New_York");
    const int least = *rc::gen::inRange(0, 30);
    if (*rc::gen::arbitrary<bool>()) schedule["minReplicas"] = least;
    if (*rc::gen::arbitrary<bool>() || !schedule.contains("minReplicas")) {
      schedule["maxReplicas"] = least + *rc::gen::inRange(0, 30);
    }
    schedules.push_back(schedule);
  }
  const Policy policy = scheduled(schedules.dump());
  Snapshot seen = snapshot(*rc::gen::inRange(1, 70), {Reading::of(*rc::gen::inRange(0, 70))});
  const auto second = utc(10, 24, 0s) + minutes{*rc::gen::inRange(0, 3 * 24 * 60)};
  seen.wall_time_seconds = static_cast<double>(second.time_since_epoch().count());
  DecisionState state;
  const auto [least, most] = bounds(policy, second);
  RC_ASSERT(least <= most);
  const int replicas = decide(policy, seen, state).to_replicas;
  RC_ASSERT(replicas >= least);
  RC_ASSERT(replicas <= most);
}

/// A window by its definition: it opens in the first minute in which the clock has come to `from`
/// and closes after the last one in which it shows a time before `to`.
bool is_open(const Zone& zone, minutes from, minutes to, sys_seconds at) {
  const auto shown = [&zone](sys_seconds t) { return zone.clock_at(t).shown; };
  const auto today = std::chrono::floor<std::chrono::days>(shown(at));
  for (int before = 0; before <= 2; ++before) {
    const auto day = today - std::chrono::days{before};
    const auto end = day + std::chrono::days{to <= from ? 1 : 0} + to;
    sys_seconds opens = at - 72h;
    while (shown(opens) < day + from) opens += 1min;
    sys_seconds closes = at + 52h;
    while (closes > at - 72h && shown(closes - 1min) >= end) closes -= 1min;
    if (opens <= at && at < closes) return true;
  }
  return false;
}

RC_GTEST_PROP(Schedules, AWindowIsOpenByTheClockOnTheWall, ()) {
  const auto name =
      *rc::gen::element<std::string>("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe",
                                     "Africa/Casablanca", "America/Santiago", "Asia/Kathmandu");
  const Zone zone = *zone_named(name);
  const auto changes = zone.changes();
  const auto change = changes[*rc::gen::inRange<std::size_t>(0, changes.size())].at;
  const int around = *rc::gen::element(2, 26) * 60;
  const sys_seconds at =
      std::chrono::floor<minutes>(change) + minutes{*rc::gen::inRange(-around, around)};
  // Half of the times lie where the clock changes.
  const auto shown = zone.clock_at(change).shown;
  const auto changed =
      std::chrono::floor<minutes>(shown - std::chrono::floor<std::chrono::days>(shown));
  const auto any_time = [changed] {
    const int about = static_cast<int>(changed.count()) + *rc::gen::inRange(-90, 91);
    const int any = *rc::gen::inRange(0, 24 * 60);
    return minutes{*rc::gen::arbitrary<bool>() ? any : (about + 24 * 60) % (24 * 60)};
  };
  const minutes from = any_time();
  const minutes to = any_time();
  RC_PRE(from != to);
  CompiledPolicy policy;
  policy.min_replicas = 1;
  policy.max_replicas = 10;
  Schedule schedule;
  schedule.min_replicas = 5;
  schedule.times = DailyTimes{from, to, all_weekdays};
  schedule.zone = zone;
  policy.schedules = {schedule};
  const auto wall_time = static_cast<double>(at.time_since_epoch().count());
  RC_ASSERT((bounds_at(policy, wall_time, {}).min_replicas == 5) == is_open(zone, from, to, at));
}

/// A time of the day near which a zone's clocks change, from 2020 on: where the hour left out or
/// repeated begins.
minutes time_of_change(const Zone& zone) {
  const auto changes = zone.changes();
  for (std::size_t i = 1; i < changes.size(); ++i) {
    if (changes[i].at < sys_days{year{2020} / 1 / 1}) continue;
    const auto local = changes[i].at + std::min(changes[i - 1].offset, changes[i].offset);
    return std::chrono::floor<minutes>(local - std::chrono::floor<std::chrono::days>(local));
  }
  return 2h;
}

/// Three windows and two held bounds about a time of the day: tests/oracles/zoneinfo_schedules.py
/// knows them, too.
Policy scheduled_about(minutes clock, const std::string& timezone) {
  const auto at = [clock](minutes later) { return (clock + later + 24h) % 24h; };
  const auto two_digits = [](auto number) { return std::to_string(100 + number).substr(1); };
  const auto time = [&](minutes later) {
    return two_digits(at(later) / 1h) + ":" + two_digits(at(later) % 1h / 1min);
  };
  const auto cron = [&](minutes later) {
    return std::to_string(at(later) % 1h / 1min) + " " + std::to_string(at(later) / 1h) + " * * *";
  };
  const Json schedules{{{"from", time(-20min)}, {"to", time(10min)}, {"minReplicas", 4}},
                       {{"from", time(-30min)}, {"to", time(0min)}, {"maxReplicas", 9}},
                       {{"cron", cron(20min)}, {"duration", "50m"}, {"maxReplicas", 9}},
                       {{"cron", cron(15min)}, {"minReplicas", 3}, {"maxReplicas", 8}},
                       {{"cron", cron(80min)}, {"minReplicas", 2}, {"maxReplicas", 7}}};
  return scheduled(schedules.dump(), timezone);
}

/// The digits of the bounds in force, from 2020 to 2035: at ten thousand minutes, and at each
/// within two hours of each change.
struct InForce {
  InForce(const Policy& policy, std::span<const ZoneChange> changes) : policy_{policy} {
    const sys_seconds first = sys_days{year{2020} / 1 / 1};
    const sys_seconds last = sys_days{year{2036} / 1 / 1};
    for (auto at = first; at < last; at += 841min) note(at);
    for (const ZoneChange& change : changes) {
      if (change.at < first || change.at >= last) continue;
      for (auto at = change.at - 2h; at < change.at + 2h; at += 1min) note(at);
    }
  }
  void note(sys_seconds at) {
    const auto [least, most] = bounds(policy_, at);
    minima += static_cast<char>('0' + least);
    maxima += static_cast<char>('0' + most);
  }
  std::string minima;
  std::string maxima;

 private:
  const Policy& policy_;
};

TEST(Schedules, OfAllZonesAreInForceWhenPythonsZoneinfoSays) {
  std::map<std::string, std::string> zones;  // names by changes: many are links
  for (const std::string_view name : zone_names()) {
    const auto zone = zone_named(std::string{name});
    ASSERT_TRUE(zone) << name;
    std::string table;
    for (const ZoneChange& change : zone->changes()) {
      table += (table.empty() ? "" : ",") + std::to_string(change.at.time_since_epoch().count()) +
               ":" + std::to_string(change.offset.count());
    }
    std::string& names = zones[table];
    names += (names.empty() ? "" : ",") + std::string{name};
  }
  ASSERT_GT(zone_names().size(), 400U);
  const std::string path = ::testing::TempDir() + "selfscale_schedules.txt";
  std::ofstream file{path};
  for (const auto& [table, names] : zones) {
    const std::string name = names.substr(0, names.find(','));
    const Zone zone = *zone_named(name);
    const minutes clock = time_of_change(zone);
    const InForce digits{scheduled_about(clock, name), zone.changes()};
    file << names << ' ' << clock.count() << ' ' << table << ' ' << digits.minima << ' '
         << digits.maxima << '\n';
  }
  file.close();
  const std::string source = SELFSCALE_HAS_CCTZ ? "" : " copy";
  const std::string command = python_program() + " " +
                              in_repository("tests/oracles/zoneinfo_schedules.py") + " " + path +
                              source;
  EXPECT_EQ(std::system(command.c_str()), 0) << "what differs is printed above";
}

}  // namespace
}  // namespace selfscale
