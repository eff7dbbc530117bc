// What a cron names, against a clock that goes back minute by minute.
#include "policy/cron.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

namespace selfscale {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::year_month_day;

Cron cron_of(std::string_view text) {
  const auto cron = parse_cron(text);
  EXPECT_TRUE(cron) << text;
  return cron ? *cron : Cron{};
}

constexpr local_minutes noon{local_days{std::chrono::year{2026} / 11 / 26} + 12h};  // a Thursday

struct Fire {
  std::string_view cron;
  local_minutes last;  ///< up to noon
};

TEST(Cron, NamesTheLatestMinuteUpToNow) {
  const local_days today = floor<days>(noon);
  const Fire fires[] = {
      {"* * * * *", noon},
      {"0 12 * * *", noon},
      {"1 12 * * *", today - days{1} + 12h + 1min},
      {"0 0 * * *", today + 0min},
      {"@daily", today + 0min},
      {"@hourly", noon},
      {"*/25 * * * *", noon},
      {"10-59/25 * * * *", noon - 25min},
      {"0 18 * * mon-fri", today - days{1} + 18h},
      {"0 18 * * fri", today - days{6} + 18h},
      {"0 18 * * sat,sun", today - days{4} + 18h},
      {"0 18 * * 7", today - days{4} + 18h},
      {"0 18 * * 0", today - days{4} + 18h},
      {"0 18 * * fri-mon", today - days{3} + 18h},
      {"0 0 1 * *", local_days{std::chrono::year{2026} / 11 / 1} + 0min},
      {"0 0 31 * *", local_days{std::chrono::year{2026} / 10 / 31} + 0min},
      {"0 0 29 feb *", local_days{std::chrono::year{2024} / 2 / 29} + 0min},
      {"@yearly", local_days{std::chrono::year{2026} / 1 / 1} + 0min},
      {"0 0 25 * fri", local_days{std::chrono::year{2026} / 11 / 25} + 0min},   // either is enough
      {"0 0 24 * */2", local_days{std::chrono::year{2026} / 11 / 24} + 0min}};  // both, from "*" on
  for (const Fire& fire : fires) {
    EXPECT_EQ(last_fire(cron_of(fire.cron), noon), fire.last) << fire.cron;
  }
}

/// crontab(5), said once more: by the digits of one minute.
bool names(const Cron& cron, local_minutes time) {
  const local_days day = floor<days>(time);
  const year_month_day date{day};
  const auto has = [](std::uint64_t bits, auto bit) {
    return (bits >> static_cast<unsigned>(bit) & 1U) != 0;
  };
  const bool by_date = has(cron.days, static_cast<unsigned>(date.day()));
  const bool by_weekday = has(cron.weekdays, std::chrono::weekday{day}.c_encoding());
  return has(cron.minutes, (time - day).count() % 60) &&
         has(cron.hours, (time - day).count() / 60) &&
         has(cron.months, static_cast<unsigned>(date.month())) &&
         (cron.either_day ? by_date || by_weekday : by_date && by_weekday);
}

RC_GTEST_PROP(Cron, TheLatestMinuteIsTheOneThatAClockGoingBackMeetsFirst, ()) {
  Cron cron;
  cron.minutes = *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 60);
  cron.hours = *rc::gen::inRange(1U, 1U << 24);
  cron.days = *rc::gen::inRange(1U, 1U << 31) << 1;
  cron.months = all_months;
  cron.weekdays = *rc::gen::inRange(1U, 1U << 7);
  cron.either_day = *rc::gen::arbitrary<bool>();
  const local_minutes now{minutes{*rc::gen::inRange(0, 60 * 24 * 365 * 100)}};
  const auto fire = last_fire(cron, now);
  RC_ASSERT(fire.has_value());
  RC_ASSERT(*fire <= now);
  local_minutes time = now;
  while (time > now - days{70} && !names(cron, time)) time -= 1min;
  RC_ASSERT(names(cron, *fire));
  RC_ASSERT(*fire <= time);
  if (names(cron, time)) RC_ASSERT(*fire == time);
}

TEST(Cron, WeekdaysReadBack) {
  for (std::uint32_t weekdays = 1; weekdays <= all_weekdays; ++weekdays) {
    EXPECT_EQ(*parse_weekdays(weekdays_text(weekdays)), weekdays) << weekdays_text(weekdays);
  }
  EXPECT_EQ(*parse_weekdays("Fri-MON"), 0b1100011U);
}

TEST(Cron, AnyTextIsReadOrRefused) {
  constexpr std::string_view letters = "0123456789*/,-- mofrijan@#?=\t\xff";
  std::mt19937 random{11};
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = round % 2 == 0 ? "" : "*/5 8-18 1,15 jan-nov mon-fri";
    for (std::size_t i = random() % 12; i > 0; --i) {
      const char letter = letters[random() % letters.size()];
      text.insert(random() % (text.size() + 1), 1, letter);
    }
    const auto cron = parse_cron(text);
    if (!cron) {
      EXPECT_FALSE(cron.error().message.empty());
      continue;
    }
    ++read;
    EXPECT_EQ(*parse_cron(normal_cron(text)), *cron) << text;
    EXPECT_TRUE(last_fire(*cron, noon)) << text;
  }
  EXPECT_GT(read, 0);
}

}  // namespace
}  // namespace selfscale
