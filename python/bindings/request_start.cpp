#include "request_start.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace selfscale::python {
namespace {

constexpr double tolerance_seconds = 0.1;
constexpr double oldest_seconds = 600.0;

std::string_view trimmed(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Today is 1.7e9 in seconds, and each finer unit is a thousand times that: the edges lie between
/// them.
double in_seconds(double number) noexcept {
  if (number < 1e11) return number;
  if (number < 1e14) return number * 1e-3;
  if (number < 1e17) return number * 1e-6;
  return number * 1e-9;
}

RequestStart read_one(std::string_view text, double now) noexcept {
  text = trimmed(text);
  if (text.starts_with("t=")) text = trimmed(text.substr(2));
  if (text.empty()) return {};
  double number = 0.0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  const double waited = now - in_seconds(number);
  // Written so that NaN is refused.
  if (!whole || !(waited >= -tolerance_seconds && waited <= oldest_seconds))
    return {.queue_seconds = {}, .refused = true};
  return {.queue_seconds = std::max(waited, 0.0), .refused = false};
}

}  // namespace

void RequestStart::merge(const RequestStart& other) noexcept {
  refused = refused || other.refused;
  if (!other.queue_seconds) return;
  queue_seconds = std::max(queue_seconds.value_or(0.0), *other.queue_seconds);
}

RequestStart read_request_start(std::string_view value, double now) noexcept {
  RequestStart start;
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    start.merge(read_one(value.substr(0, comma), now));
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return start;
}

}  // namespace selfscale::python
