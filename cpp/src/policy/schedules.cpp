#include "policy/schedules.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "policy/duration.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::year_month_day;

constexpr minutes whole_day{24 * 60};

// ---- times of the day and of the calendar

/// The digits of a text that has exactly these many.
std::optional<int> digits(std::string_view text, std::size_t count) {
  int number = 0;
  if (text.size() != count || text.front() < '0' || text.front() > '9') return std::nullopt;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + count, number);
  if (failure != std::errc{} || end != text.data() + count) return std::nullopt;
  return number;
}

/// "18:00"; "24:00" is the end of a day.
std::optional<minutes> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = digits(text.substr(0, 2), 2);
  const auto minute = digits(text.substr(3), 2);
  if (!hour || !minute || *minute > 59) return std::nullopt;
  const minutes time{60 * *hour + *minute};
  return time <= whole_day ? std::optional{time} : std::nullopt;
}

/// "2026-11-27T18:00"
std::optional<local_minutes> parse_local_time(std::string_view text) {
  if (text.size() != 16 || text[4] != '-' || text[7] != '-' || text[10] != 'T') return std::nullopt;
  const auto year = digits(text.substr(0, 4), 4);
  const auto month = digits(text.substr(5, 2), 2);
  const auto day = digits(text.substr(8, 2), 2);
  const auto time = parse_time_of_day(text.substr(11));
  if (!year || !month || !day || !time || *time == whole_day) return std::nullopt;
  const year_month_day date{std::chrono::year{*year},
                            std::chrono::month{static_cast<unsigned>(*month)},
                            std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return local_days{date} + *time;
}

std::string to_text(minutes time_of_day) {
  const auto count = static_cast<unsigned>(time_of_day.count());
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%02u:%02u", count / 60, count % 60);
  return text.data();
}

std::string to_text(local_minutes time) {
  const local_days day = std::chrono::floor<std::chrono::days>(time);
  const year_month_day date{day};
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text.data() + to_text(time - day);
}

// ---- keys

std::optional<minutes> read_time_of_day(Reader& reader, std::string_view key) {
  const auto text = reader.text(key);
  if (!text) return std::nullopt;
  const auto time = parse_time_of_day(*text);
  if (!time) reader.wrong(key, R"(must be a time of the day between "00:00" and "24:00")");
  return time;
}

std::optional<local_minutes> read_local_time(Reader& reader, std::string_view key) {
  const auto text = reader.text(key);
  if (!text) return std::nullopt;
  const auto time = parse_local_time(*text);
  if (!time) {
    reader.wrong(key,
                 R"(must be a day and a time by the schedule's zone, such as "2026-11-27T18:00")");
  }
  return time;
}

DailyTimes read_daily(Reader& reader) {
  DailyTimes times;
  const auto from = read_time_of_day(reader, "from");
  const auto to = read_time_of_day(reader, "to");
  if (from == whole_day) reader.wrong("from", R"(must be before "24:00"; write "00:00")");
  if (from && from == to) {
    reader.wrong("to", R"(must differ from "from"; a whole day is "00:00" to "24:00")");
  }
  if (reader.has("from") && !reader.has("to")) reader.required("to", R"("23:00")");
  times.from = from.value_or(0min);
  times.to = to.value_or(whole_day);
  if (const auto text = reader.text("days")) {
    const auto days = parse_weekdays(*text);
    if (!days) reader.wrong("days", days.error().message);
    if (days) times.weekdays = *days;
  }
  return times;
}

CronTimes read_cron(Reader& reader) {
  CronTimes times;
  if (const auto text = reader.text("cron")) {
    const auto cron = parse_cron(*text);
    if (!cron) reader.wrong("cron", cron.error().message);
    if (cron) times.cron = *cron;
    times.text = normal_cron(*text);
  }
  times.duration = reader.duration("duration");
  if (times.duration <= 0s && times.duration) reader.wrong("duration", "must be above 0");
  return times;
}

OneTime read_once(Reader& reader) {
  const auto at = read_local_time(reader, "at");
  const auto until = read_local_time(reader, "until");
  if (at && until && *until <= *at) reader.wrong("until", "must be later than at");
  return {at.value_or(local_minutes{}), until};
}

/// Each key of a form belongs to one that says when.
void check_company(Reader& reader) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> companies{
      {{"to", "from"}, {"days", "from"}, {"duration", "cron"}, {"until", "at"}}};
  for (const auto& [key, company] : companies) {
    if (reader.has(key) && !reader.has(company)) {
      reader.wrong(key, "needs " + std::string{company} + " beside it");
    }
  }
}

void read_times(Reader& reader, Schedule& schedule) {
  const DailyTimes daily = read_daily(reader);
  CronTimes cron = read_cron(reader);
  const OneTime once = read_once(reader);
  const int forms =
      (reader.has("from") ? 1 : 0) + (reader.has("cron") ? 1 : 0) + (reader.has("at") ? 1 : 0);
  if (forms != 1) {
    return reader.wrong_here(
        "a schedule needs one of these: from and to; cron, with a duration or without; at, with "
        "until or without");
  }
  check_company(reader);
  if (reader.has("from")) schedule.times = daily;
  if (reader.has("cron")) schedule.times = std::move(cron);
  if (reader.has("at")) schedule.times = once;
}

void read_schedule_bounds(Reader& reader, Schedule& schedule) {
  schedule.min_replicas = reader.whole("minReplicas", 0, most_replicas);
  schedule.max_replicas = reader.whole("maxReplicas", 0, most_replicas);
  if (!reader.has("minReplicas") && !reader.has("maxReplicas")) {
    reader.wrong_here("a schedule needs minReplicas, maxReplicas or both");
  }
  if (schedule.min_replicas && schedule.max_replicas &&
      *schedule.min_replicas > *schedule.max_replicas) {
    reader.wrong("minReplicas",
                 "contradicts: minReplicas is " + std::to_string(*schedule.min_replicas) +
                     " and maxReplicas is " + std::to_string(*schedule.max_replicas));
  }
}

void read_start_ahead(Reader& reader, Schedule& schedule) {
  schedule.start_ahead = reader.flag("startAhead").value_or(false);
  const bool has_end = reader.has("to") || reader.has("duration") || reader.has("until");
  if (schedule.start_ahead && !has_end) {
    reader.wrong("startAhead", "needs a window: to, duration or until");
  }
}

void hint_at_bounds(Reader& reader, const Schedule& schedule, const CompiledPolicy& policy) {
  if (schedule.min_replicas > policy.max_replicas && !schedule.max_replicas) {
    reader.hint("minReplicas", "lies above the policy's maxReplicas of " +
                                   std::to_string(policy.max_replicas) +
                                   ", which is raised to it for that time");
  }
  if (schedule.max_replicas && *schedule.max_replicas < policy.min_replicas &&
      !schedule.min_replicas) {
    reader.hint("maxReplicas", "lies below the policy's minReplicas of " +
                                   std::to_string(policy.min_replicas) +
                                   ", and is raised to it; lower minReplicas here as well");
  }
}

bool is_taken(const std::vector<Schedule>& schedules, std::string_view name) {
  return std::any_of(schedules.begin(), schedules.end(),
                     [name](const Schedule& schedule) { return schedule.name == name; });
}

/// The name given, else "schedule 1" and so on.
std::string read_name(Reader& reader, const std::vector<Schedule>& schedules) {
  if (auto name = reader.text("name")) {
    if (is_taken(schedules, *name)) {
      reader.wrong("name", "is another schedule's name too; give each a name of its own");
    }
    return *std::move(name);
  }
  for (std::size_t number = schedules.size() + 1;; ++number) {
    std::string name = "schedule " + std::to_string(number);
    if (!is_taken(schedules, name)) return name;
  }
}

void read_schedule(Reader& reader, CompiledPolicy& policy, bool& needs_zone) {
  Schedule schedule;
  schedule.name = read_name(reader, policy.schedules);
  auto zone = read_zone(reader, "timezone");
  if (!zone && !policy.timezone.empty()) zone = zone_named(policy.timezone);
  needs_zone |= !zone && !reader.has("timezone");
  if (zone) schedule.zone = *std::move(zone);
  read_times(reader, schedule);
  read_schedule_bounds(reader, schedule);
  read_start_ahead(reader, schedule);
  hint_at_bounds(reader, schedule, policy);
  policy.schedules.push_back(std::move(schedule));
}

void write_times(const DailyTimes& times, Json& json) {
  json["days"] = weekdays_text(times.weekdays);
  json["from"] = to_text(times.from);
  json["to"] = to_text(times.to);
}

void write_times(const CronTimes& times, Json& json) {
  json["cron"] = times.text;
  if (times.duration) json["duration"] = selfscale::to_text(*times.duration);
}

void write_times(const OneTime& times, Json& json) {
  json["at"] = to_text(times.at);
  if (times.until) json["until"] = to_text(*times.until);
}

}  // namespace

std::optional<Zone> read_zone(Reader& reader, std::string_view key) {
  const auto name = reader.text(key);
  if (!name) return std::nullopt;
  auto zone = zone_named(*name);
  if (zone) return zone;
  const std::string_view meant = nearest(*name, zone_names());
  reader.wrong(key, meant.empty()
                        ? R"(is not a time zone; write an IANA name such as "Europe/Berlin")"
                        : "is not a time zone; did you mean \"" + std::string{meant} + "\"?");
  return std::nullopt;
}

void read_schedules(Reader& reader, CompiledPolicy& policy) {
  bool needs_zone = false;
  reader.objects("schedules", [&policy, &needs_zone](Reader& schedule) {
    read_schedule(schedule, policy, needs_zone);
  });
  if (needs_zone && policy.timezone.empty()) {
    reader.hint("schedules", "no timezone is given, so their times are read as UTC");
  }
}

Json schedule_to_json(const Schedule& schedule) {
  Json json{{"name", schedule.name}, {"timezone", schedule.zone.name()}};
  if (schedule.min_replicas) json["minReplicas"] = *schedule.min_replicas;
  if (schedule.max_replicas) json["maxReplicas"] = *schedule.max_replicas;
  if (schedule.start_ahead) json["startAhead"] = true;
  std::visit([&json](const auto& times) { write_times(times, json); }, schedule.times);
  return json;
}

}  // namespace selfscale
