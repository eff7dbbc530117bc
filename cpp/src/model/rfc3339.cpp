#include "model/rfc3339.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace selfscale {
namespace {

using std::chrono::milliseconds;
using SystemTime = std::chrono::sys_time<milliseconds>;

constexpr SystemTime first_time{std::chrono::sys_days{std::chrono::year{0} / 1 / 1}};
constexpr SystemTime last_time{std::chrono::sys_days{std::chrono::year{10000} / 1 / 1} -
                               milliseconds{1}};

SystemTime time_of(double seconds) {
  const double least = static_cast<double>(first_time.time_since_epoch().count());
  const double most = static_cast<double>(last_time.time_since_epoch().count());
  const double held = std::isnan(seconds) ? 0.0 : std::clamp(seconds * 1e3, least, most);
  return SystemTime{milliseconds{std::llround(held)}};
}

/// Takes things off the front of a text, and remembers if one was not there.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  int digits(std::size_t count) {
    int value = 0;
    const auto part = rest_.substr(0, count);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool whole = part.size() == count && end == part.data() + count && part.front() != '-';
    fail_unless(error == std::errc{} && whole);
    rest_.remove_prefix(part.size());
    return value;
  }

  char one_of(std::string_view choices) {
    const char found = rest_.empty() ? '\0' : rest_.front();
    fail_unless(found != '\0' && choices.find(found) != std::string_view::npos);
    if (!rest_.empty()) rest_.remove_prefix(1);
    return found;
  }

  double fraction() {
    if (rest_.empty() || rest_.front() != '.') return 0.0;
    rest_.remove_prefix(1);
    double value = 0.0;
    double place = 0.1;
    fail_unless(!rest_.empty() && is_digit(rest_.front()));
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1), place /= 10) {
      value += place * (rest_.front() - '0');
    }
    return value;
  }

  void fail_unless(bool condition) { good_ = good_ && condition; }
  [[nodiscard]] bool is_good_and_done() const { return good_ && rest_.empty(); }

 private:
  static bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

  std::string_view rest_;
  bool good_ = true;
};

/// Minutes east of UTC.
int read_offset(Reader& reader) {
  const char sign = reader.one_of("Zz+-");
  if (sign != '+' && sign != '-') return 0;
  const int hours = reader.digits(2);
  reader.one_of(":");
  const int minutes = reader.digits(2);
  reader.fail_unless(hours <= 23 && minutes <= 59);
  return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

}  // namespace

std::string to_rfc3339(double seconds_since_epoch) {
  const auto time = time_of(seconds_since_epoch);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{time - day};
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  std::string result = text.data();
  if (const auto fraction = clock.subseconds().count(); fraction != 0) {
    std::snprintf(text.data(), text.size(), ".%03d", static_cast<int>(fraction));
    result += text.data();
  }
  return result + "Z";
}

std::optional<double> from_rfc3339(std::string_view text) {
  Reader reader{text};
  const std::chrono::year year{reader.digits(4)};
  reader.one_of("-");
  const std::chrono::month month{static_cast<unsigned>(reader.digits(2))};
  reader.one_of("-");
  const std::chrono::day day{static_cast<unsigned>(reader.digits(2))};
  reader.one_of("Tt ");
  const int hours = reader.digits(2);
  reader.one_of(":");
  const int minutes = reader.digits(2);
  reader.one_of(":");
  const int seconds = reader.digits(2);
  const double fraction = reader.fraction();
  const int offset = read_offset(reader);
  const std::chrono::year_month_day date{year, month, day};
  reader.fail_unless(date.ok() && hours <= 23 && minutes <= 59 && seconds <= 60);
  if (!reader.is_good_and_done()) return std::nullopt;
  const auto days = static_cast<double>(std::chrono::sys_days{date}.time_since_epoch().count());
  return days * 86'400.0 + (hours * 60 + minutes - offset) * 60.0 + seconds + fraction;
}

}  // namespace selfscale
