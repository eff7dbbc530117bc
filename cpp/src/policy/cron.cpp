#include "policy/cron.hpp"

#include <array>
#include <bit>
#include <cctype>
#include <charconv>
#include <span>
#include <vector>

#include "policy/reader.hpp"

namespace selfscale {
namespace {

using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::months;
using std::chrono::year_month;
using std::chrono::year_month_day;

// ---- the calendar

/// The bits 0 to `bit`.
constexpr std::uint64_t up_to(unsigned bit) noexcept { return (std::uint64_t{2} << bit) - 1; }

constexpr unsigned highest(std::uint64_t bits) noexcept {
  return static_cast<unsigned>(std::bit_width(bits)) - 1;
}

/// The days of a month that the expression names, as bits 1 to 31.
std::uint32_t days_in(const Cron& cron, year_month month) noexcept {
  if ((cron.months >> static_cast<unsigned>(month.month()) & 1U) == 0) return 0;
  const auto first = std::chrono::weekday{local_days{month / 1}}.c_encoding();
  // The weekdays of one week from the 1st on, then of five of them.
  const std::uint64_t week = (cron.weekdays >> first | cron.weekdays << (7 - first)) & all_weekdays;
  const std::uint64_t by_weekday = (week * 0x10204081U) << 1;
  const std::uint64_t named = cron.either_day ? cron.days | by_weekday : cron.days & by_weekday;
  const auto length = static_cast<unsigned>((month / std::chrono::last).day());
  return static_cast<std::uint32_t>(named & up_to(length) & all_days);
}

std::optional<local_days> last_day(const Cron& cron, local_days until) noexcept {
  const year_month_day date{until};
  year_month month = date.year() / date.month();
  const year_month earliest = month - std::chrono::years{400};
  auto days = days_in(cron, month) & up_to(static_cast<unsigned>(date.day()));
  while (days == 0) {
    month -= months{1};
    if (month < earliest) return std::nullopt;
    days = days_in(cron, month);
  }
  return local_days{month / std::chrono::day{highest(days)}};
}

/// The latest of a day's times up to and including `until`.
std::optional<minutes> last_time(const Cron& cron, minutes until) noexcept {
  const auto hour = static_cast<unsigned>(until.count() / 60);
  const auto minute = static_cast<unsigned>(until.count() % 60);
  if (const auto left = cron.minutes & up_to(minute); (cron.hours >> hour & 1U) != 0 && left != 0) {
    return minutes{60 * hour + highest(left)};
  }
  const auto hours = cron.hours & (up_to(hour) >> 1);
  if (hours == 0) return std::nullopt;
  return minutes{60 * highest(hours) + highest(cron.minutes)};
}

// ---- the text

struct Field {
  std::string_view name;
  int least;
  int most;
  std::span<const std::string_view> words;  // of `least` and on
};

constexpr std::array<std::string_view, 12> month_words{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> weekday_words{"sun", "mon", "tue", "wed",
                                                        "thu", "fri", "sat"};
constexpr std::array<Field, 5> fields{{{"minute", 0, 59, {}},
                                       {"hour", 0, 23, {}},
                                       {"day of the month", 1, 31, {}},
                                       {"month", 1, 12, month_words},
                                       {"day of the week", 0, 7, weekday_words}}};
constexpr const Field& weekday_field = fields[4];

struct Macro {
  std::string_view name;
  std::string_view cron;
};
constexpr std::array<Macro, 7> macros{{{"@yearly", "0 0 1 1 *"},
                                       {"@annually", "0 0 1 1 *"},
                                       {"@monthly", "0 0 1 * *"},
                                       {"@weekly", "0 0 * * 0"},
                                       {"@daily", "0 0 * * *"},
                                       {"@midnight", "0 0 * * *"},
                                       {"@hourly", "0 * * * *"}}};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Failure wrong(std::string sentence) { return {Errc::invalid_policy, std::move(sentence), {}}; }

/// `the hour "25" …`
Failure wrong(const Field& field, std::string_view text, const std::string& why) {
  return wrong("is not read: the " + std::string{field.name} + " \"" + std::string{text} + "\" " +
               why);
}

std::optional<int> whole(std::string_view text) {
  int number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<int> read_value(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (field.words[i] == text) return field.least + static_cast<int>(i);
  }
  const auto number = whole(text);
  if (number && *number >= field.least && *number <= field.most) return *number;
  std::string known =
      "must lie between " + std::to_string(field.least) + " and " + std::to_string(field.most);
  if (!field.words.empty()) {
    known += ", or be one of " + std::string{field.words.front()} + " to " +
             std::string{field.words.back()};
  }
  return wrong(field, text, known);
}

struct Range {
  int first;
  int last;
};

/// "*", "5" or "5-9". The week goes round, so a range of weekdays may pass its end.
Result<Range> read_range(const Field& field, std::string_view text) {
  if (text == "*") return Range{field.least, &field == &weekday_field ? 6 : field.most};
  const auto dash = text.find('-');
  const auto first = read_value(field, text.substr(0, dash));
  if (!first) return first.error();
  if (dash == std::string_view::npos) return Range{*first, *first};
  const auto last = read_value(field, text.substr(dash + 1));
  if (!last) return last.error();
  if (*first <= *last) return Range{*first, *last};
  if (&field == &weekday_field) return Range{*first, *last + 7};
  return wrong(field, text,
               "runs backwards; write \"" + std::to_string(*first) + '-' +
                   std::to_string(field.most) + ',' + std::to_string(field.least) + '-' +
                   std::to_string(*last) + '"');
}

Result<int> read_step(const Field& field, std::string_view item) {
  const auto slash = item.find('/');
  if (slash == std::string_view::npos) return 1;
  const std::string_view range = item.substr(0, slash);
  if (range != "*" && range.find('-') == std::string_view::npos) {
    return wrong(field, item,
                 "has a step without a range; write \"" + std::string{range} + '-' +
                     std::to_string(field.most) + std::string{item.substr(slash)} + '"');
  }
  const auto step = whole(item.substr(slash + 1));
  if (step && *step >= 1 && *step <= field.most) return *step;
  return wrong(field, item, "needs a step between 1 and " + std::to_string(field.most));
}

/// A list of ranges with steps, as bits.
Result<std::uint64_t> read_field(const Field& field, std::string_view text) {
  std::uint64_t bits = 0;
  for (const std::string_view item : split(text, ',')) {
    const auto step = read_step(field, item);
    if (!step) return step.error();
    const auto range = read_range(field, item.substr(0, item.find('/')));
    if (!range) return range.error();
    for (int value = range->first; value <= range->last; value += *step) {
      bits |= std::uint64_t{1} << (&field == &weekday_field ? value % 7 : value);
    }
  }
  return bits;
}

/// What other programs read and this one does not, by what gives it away.
std::optional<Failure> foreign(std::string_view text) {
  if (text.starts_with('@')) {
    std::vector<std::string_view> known;
    known.reserve(macros.size());
    for (const Macro& macro : macros) known.push_back(macro.name);
    return wrong("is not known" + instead_of(text, known));
  }
  if (text.find('=') != std::string_view::npos) {
    return wrong(R"(names a time zone; give the schedule a "timezone" instead)");
  }
  if (text.find_first_of("#?") != std::string_view::npos) {
    return wrong(R"(is not read: "#" and "?" are other programs'; write "*" for any day)");
  }
  return std::nullopt;
}

}  // namespace

std::string normal_cron(std::string_view text) {
  std::string normal;
  for (const char letter : text) {
    if (std::isspace(static_cast<unsigned char>(letter)) == 0) {
      normal += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    } else if (!normal.empty() && normal.back() != ' ') {
      normal += ' ';
    }
  }
  if (normal.ends_with(' ')) normal.pop_back();
  for (const Macro& macro : macros) {
    if (macro.name == normal) return std::string{macro.cron};
  }
  return normal;
}

Result<Cron> parse_cron(std::string_view text) {
  const std::string normal = normal_cron(text);
  if (const auto failure = foreign(normal)) return *failure;
  const auto texts = split(normal, ' ');
  if (texts.size() != fields.size()) {
    return wrong(
        "has " + std::to_string(texts.size()) +
        " fields; a cron has five: minute, hour, day of the month, month, day of the week");
  }
  std::array<std::uint64_t, fields.size()> bits{};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto read = read_field(fields[i], texts[i]);
    if (!read) return read.error();
    bits[i] = *read;
  }
  Cron cron;
  cron.minutes = bits[0];
  cron.hours = static_cast<std::uint32_t>(bits[1]);
  cron.days = static_cast<std::uint32_t>(bits[2]);
  cron.months = static_cast<std::uint32_t>(bits[3]);
  cron.weekdays = static_cast<std::uint32_t>(bits[4]);
  cron.either_day = !texts[2].starts_with('*') && !texts[4].starts_with('*');
  if (!last_fire(cron, local_minutes{})) {
    return wrong("never fires: none of its months has such a day");
  }
  return cron;
}

std::optional<local_minutes> last_fire(const Cron& cron, local_minutes until) noexcept {
  const local_days today = floor<std::chrono::days>(until);
  const auto day = last_day(cron, today);
  if (!day) return std::nullopt;
  constexpr minutes last_minute{24 * 60 - 1};
  if (*day < today) return *day + *last_time(cron, last_minute);
  if (const auto time = last_time(cron, until - today)) return today + *time;
  const auto before = last_day(cron, today - std::chrono::days{1});
  if (!before) return std::nullopt;
  return *before + *last_time(cron, last_minute);
}

Result<std::uint32_t> parse_weekdays(std::string_view text) {
  std::string small = normal_cron(text);
  std::erase(small, ' ');
  if (small.find_first_not_of("abcdefghijklmnopqrstuvwxyz,-") != std::string::npos) {
    return wrong(R"(must be days such as "mon-fri" or "sat,sun")");
  }
  const auto bits = read_field(weekday_field, small);
  if (!bits)
    return wrong(
        R"(must be days such as "mon-fri" or "sat,sun": sun, mon, tue, wed, thu, fri, sat)");
  return static_cast<std::uint32_t>(*bits);
}

std::string weekdays_text(std::uint32_t weekdays) {
  if (weekdays == all_weekdays) return "mon-sun";
  std::string text;
  for (unsigned offset = 1; offset <= 7; ++offset) {  // Monday first
    const unsigned day = offset % 7;
    if ((weekdays >> day & 1U) != 0) {
      text += (text.empty() ? "" : ",") + std::string{weekday_words[day]};
    }
  }
  return text;
}

}  // namespace selfscale
