#include "http/status.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace selfscale::http {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr seconds longest_wait{86'400};

/// What is left of a text that is read from its beginning.
class Rest {
 public:
  explicit Rest(std::string_view text) : text_{text} {}

  bool take(std::string_view part) {
    if (!text_.starts_with(part)) return false;
    text_.remove_prefix(part.size());
    return true;
  }
  /// Digits only, exactly so many; where `may_be_padded`, a blank may stand for the first.
  std::optional<int> number(std::size_t digits, bool may_be_padded = false) {
    if (text_.size() < digits) return std::nullopt;
    auto part = text_.substr(0, digits);
    if (may_be_padded && part.front() == ' ') part.remove_prefix(1);
    int value = 0;
    for (const char digit : part) {
      if (digit < '0' || digit > '9') return std::nullopt;
      value = value * 10 + (digit - '0');
    }
    text_.remove_prefix(digits);
    return value;
  }
  /// The place of the one that comes next, from 0.
  template <std::size_t count>
  std::optional<int> word(const std::array<std::string_view, count>& words) {
    for (std::size_t i = 0; i < count; ++i) {
      if (take(words[i])) return static_cast<int>(i);
    }
    return std::nullopt;
  }
  [[nodiscard]] bool is_empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> long_days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 7> short_days{"Mon", "Tue", "Wed", "Thu",
                                                     "Fri", "Sat", "Sun"};

struct Civil {
  std::optional<int> year, month, day, hour, minute, second;
};

void read_time(Rest& rest, Civil& civil) {
  civil.hour = rest.number(2);
  if (!rest.take(":")) return;
  civil.minute = rest.number(2);
  if (!rest.take(":")) return;
  civil.second = rest.number(2);
}

/// "Sun, 06 Nov 1994 08:49:37 GMT"
Civil read_usual(Rest& rest) {
  Civil civil;
  civil.day = rest.number(2);
  if (!rest.take(" ")) return civil;
  civil.month = rest.word(months);
  if (!rest.take(" ")) return civil;
  civil.year = rest.number(4);
  if (rest.take(" ")) read_time(rest, civil);
  if (!rest.take(" GMT")) civil.second.reset();
  return civil;
}

/// "Sunday, 06-Nov-94 08:49:37 GMT": a year over 50 years ahead is one of the century before.
Civil read_rfc850(Rest& rest, int year_now) {
  Civil civil;
  civil.day = rest.number(2);
  if (!rest.take("-")) return civil;
  civil.month = rest.word(months);
  if (!rest.take("-")) return civil;
  civil.year = rest.number(2);
  if (civil.year) {
    *civil.year += year_now / 100 * 100;
    if (*civil.year > year_now + 50) *civil.year -= 100;
  }
  if (rest.take(" ")) read_time(rest, civil);
  if (!rest.take(" GMT")) civil.second.reset();
  return civil;
}

/// "Sun Nov  6 08:49:37 1994"
Civil read_asctime(Rest& rest) {
  Civil civil;
  civil.month = rest.word(months);
  if (!rest.take(" ")) return civil;
  civil.day = rest.number(2, true);
  if (rest.take(" ")) read_time(rest, civil);
  if (rest.take(" ")) civil.year = rest.number(4);
  return civil;
}

int year_of(system_clock::time_point at) noexcept {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(at)};
  return static_cast<int>(date.year());
}

/// In seconds, for the system's clock counts smaller parts, and ends in the year 2262.
std::optional<std::chrono::sys_seconds> instant_of(const Civil& civil) noexcept {
  namespace chrono = std::chrono;
  if (!civil.year || !civil.month || !civil.day || !civil.hour || !civil.minute || !civil.second) {
    return std::nullopt;
  }
  const auto date = chrono::year{*civil.year} /
                    chrono::month{static_cast<unsigned>(*civil.month + 1)} /
                    chrono::day{static_cast<unsigned>(*civil.day)};
  if (!date.ok() || *civil.hour > 23 || *civil.minute > 59 || *civil.second > 60) {
    return std::nullopt;
  }
  return chrono::sys_days{date} + chrono::hours{*civil.hour} + chrono::minutes{*civil.minute} +
         chrono::seconds{*civil.second};
}

std::optional<std::chrono::sys_seconds> date_in(std::string_view text,
                                                system_clock::time_point now) noexcept {
  Rest rest{text};
  Civil civil;
  if (rest.word(long_days)) {
    if (!rest.take(", ")) return std::nullopt;
    civil = read_rfc850(rest, year_of(now));
  } else if (rest.word(short_days)) {
    if (rest.take(", ")) {
      civil = read_usual(rest);
    } else if (rest.take(" ")) {
      civil = read_asctime(rest);
    }
  }
  return rest.is_empty() ? instant_of(civil) : std::nullopt;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_digit(char letter) noexcept { return letter >= '0' && letter <= '9'; }

}  // namespace

Verdict verdict_of(int status) noexcept {
  if (status >= 200 && status < 300) return Verdict::done;
  switch (status) {
    case 401:
      return Verdict::unauthorized;
    case 403:
      return Verdict::denied;
    case 404:
    case 410:
      return Verdict::not_found;
    case 409:
    case 412:
      return Verdict::conflict;
    case 429:
      return Verdict::throttled;
    case 408:
    case 500:
    case 502:
    case 503:
    case 504:
      return Verdict::transient;
    default:
      return Verdict::permanent;
  }
}

Errc code_of(Verdict verdict, bool may_have_happened) noexcept {
  switch (verdict) {
    case Verdict::conflict:
      return Errc::conflict;
    case Verdict::throttled:
      return Errc::throttled;
    case Verdict::transient:
      return may_have_happened ? Errc::timed_out : Errc::unreachable;
    case Verdict::unauthorized:
    case Verdict::denied:
      return Errc::denied;
    case Verdict::not_found:
      return Errc::not_found;
    case Verdict::permanent:
    case Verdict::done:
      break;
  }
  return Errc::failed;
}

std::optional<seconds> retry_after(std::string_view value, system_clock::time_point now) noexcept {
  value = trimmed(value);
  if (value.empty()) return std::nullopt;
  if (std::all_of(value.begin(), value.end(), is_digit)) {
    seconds::rep count = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), count);
    if (parsed.ec != std::errc{}) return longest_wait;
    return std::min(seconds{count}, longest_wait);
  }
  const auto at = date_in(value, now);
  if (!at) return std::nullopt;
  return std::clamp(*at - std::chrono::floor<seconds>(now), seconds{0}, longest_wait);
}

std::optional<double> seconds_since_epoch(std::string_view date) noexcept {
  constexpr std::chrono::sys_days middle{std::chrono::year{2019} / 7 / 1};  // of those years
  const auto at = date_in(trimmed(date), middle);
  if (!at) return std::nullopt;
  return std::chrono::duration<double>{at->time_since_epoch()}.count();
}

}  // namespace selfscale::http
