#include "policy/duration.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

namespace selfscale {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// Largest first: the order in which they may stand.
constexpr std::array<Unit, 4> units{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

constexpr std::string_view digits = "0123456789.";

}  // namespace

std::optional<Duration> duration_of(double count, Duration unit) {
  const double milliseconds = count * static_cast<double>(unit.count());
  if (!(milliseconds >= 0.0 && milliseconds <= static_cast<double>(longest_duration.count()))) {
    return std::nullopt;
  }
  const double whole = std::floor(milliseconds + 0.5);
  if (std::abs(whole - milliseconds) > 1e-6) return std::nullopt;
  return Duration{static_cast<std::int64_t>(whole)};
}

std::optional<Duration> parse_duration(std::string_view text) {
  Duration sum{0};
  std::size_t next_unit = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t number_size = std::min(text.find_first_not_of(digits), text.size());
    double count = 0.0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + number_size, count);
    if (failure != std::errc{} || end != text.data() + number_size) return std::nullopt;
    text.remove_prefix(number_size);
    const std::string_view name = text.substr(0, std::min(text.find_first_of(digits), text.size()));
    while (next_unit < units.size() && units[next_unit].name != name) ++next_unit;
    if (next_unit == units.size()) return std::nullopt;
    const auto part = duration_of(count, Duration{units[next_unit++].milliseconds});
    if (!part) return std::nullopt;
    sum += *part;
    if (sum > longest_duration) return std::nullopt;
    text.remove_prefix(name.size());
  }
  return sum;
}

std::string to_text(Duration duration) {
  std::string text;
  std::int64_t rest = duration.count();
  for (const Unit& unit : units) {
    const std::int64_t count = rest / unit.milliseconds;
    rest %= unit.milliseconds;
    if (count > 0) text += std::to_string(count) + std::string{unit.name};
  }
  return text.empty() ? "0s" : text;
}

}  // namespace selfscale
