// Zones through gaps and repeated hours; tests/cpp/decide/schedules_test.cpp holds all against
// Python's zoneinfo.
#include "policy/zone.hpp"

#include <gtest/gtest.h>

namespace selfscale {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::year;

local_seconds local(int y, unsigned month, unsigned day, std::chrono::seconds time) {
  return local_days{year{y} / static_cast<int>(month) / static_cast<int>(day)} + time;
}
sys_seconds utc(int y, unsigned month, unsigned day, std::chrono::seconds time) {
  return sys_days{year{y} / static_cast<int>(month) / static_cast<int>(day)} + time;
}

TEST(Zone, ATimeInAGapIsTheGapsEnd) {
  const Zone berlin = *zone_named("Europe/Berlin");
  const sys_seconds end = utc(2026, 3, 29, 1h);
  EXPECT_EQ(berlin.first_at(local(2026, 3, 29, 2h + 30min)), end);
  EXPECT_EQ(berlin.last_at(local(2026, 3, 29, 2h + 30min)), end);
  EXPECT_EQ(berlin.first_at(local(2026, 3, 29, 2h)), end);
  EXPECT_EQ(berlin.last_at(local(2026, 3, 29, 3h)), end);
  EXPECT_EQ(berlin.first_at(local(2026, 3, 29, 1h + 59min)), end - 1min);
}

TEST(Zone, ARepeatedTimeIsReachedOnceAndLeftLater) {
  const Zone berlin = *zone_named("Europe/Berlin");
  EXPECT_EQ(berlin.first_at(local(2026, 10, 25, 2h + 30min)), utc(2026, 10, 25, 30min));
  EXPECT_EQ(berlin.last_at(local(2026, 10, 25, 2h + 30min)), utc(2026, 10, 25, 1h + 30min));
  EXPECT_EQ(berlin.last_at(local(2026, 10, 25, 2h)), utc(2026, 10, 25, 0h)) << "not yet repeated";
  EXPECT_EQ(berlin.last_at(local(2026, 10, 25, 3h)), utc(2026, 10, 25, 2h));
  const ZoneClock again = berlin.clock_at(utc(2026, 10, 25, 1h + 10min));
  EXPECT_EQ(again.shown, local(2026, 10, 25, 2h + 10min));
  EXPECT_EQ(again.reached, local(2026, 10, 25, 3h) - 1s);
}

TEST(Zone, HalfHoursAndWholeDaysAreLeftOutAsWell) {
  const Zone lord_howe = *zone_named("Australia/Lord_Howe");
  EXPECT_EQ(lord_howe.first_at(local(2026, 10, 4, 2h + 10min)),
            lord_howe.first_at(local(2026, 10, 4, 2h + 30min)));
  const Zone apia = *zone_named("Pacific/Apia");
  EXPECT_EQ(apia.first_at(local(2011, 12, 30, 12h)), utc(2011, 12, 30, 10h));
}

TEST(Zone, OnlyIanaNamesAreZones) {
  for (const std::string name : {"", "utc", "localtime", "../etc/passwd", "Mars/Phobos", "posix"}) {
    EXPECT_FALSE(zone_named(name)) << name;
  }
  EXPECT_EQ(zone_named("UTC")->changes().size(), 1U);
}

}  // namespace
}  // namespace selfscale
