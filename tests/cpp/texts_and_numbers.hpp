/// What properties of written forms are tried with: texts that need escapes, numbers at the ends.
#pragma once

#include <rapidcheck.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace selfscale {

/// UTF-8 with whatever JSON and SQL treat specially.
inline std::string any_text() {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
      "a", " ", "\"", "\\", "'", "\n", "\t", "\x7f", std::string(1, '\0'), "\x1b[0m", "/", "{", "é",
      "\u2028", "😀", "null"));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  return text;
}

/// Finite.
inline double any_number() {
  const double arbitrary = *rc::gen::arbitrary<double>();
  return *rc::gen::element(std::isfinite(arbitrary) ? arbitrary : 0.0, 0.0, 0.1, 1.0 / 3.0, 1e22,
                           -5e-324, std::numeric_limits<double>::min(),
                           std::numeric_limits<double>::max(),
                           std::numeric_limits<double>::lowest());
}

inline int any_count() {
  return *rc::gen::oneOf(rc::gen::inRange(0, 100),
                         rc::gen::element(0, std::numeric_limits<int>::max()));
}

inline bool any_flag() { return *rc::gen::arbitrary<bool>(); }

/// Of the times that the JSON forms take, to the millisecond.
inline std::int64_t any_milliseconds() {
  return *rc::gen::oneOf(rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000'000),
                         rc::gen::element<std::int64_t>(0, 1, 1'000'000'000'000'000));
}

/// Something or nothing.
template <class Make>
auto perhaps(Make make) -> std::optional<decltype(make())> {
  if (!any_flag()) return std::nullopt;
  return make();
}

/// One of an enumeration's values, from the first to `last`.
template <class Choice>
Choice any_of_up_to(Choice last) {
  return static_cast<Choice>(*rc::gen::inRange(0, static_cast<int>(last) + 1));
}

}  // namespace selfscale
