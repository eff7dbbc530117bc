/// Durations as policies write them: "250ms", "90s", "2m", "1h30m", "1.5s".
#pragma once

#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>

namespace selfscale {

/// The longest duration that a policy may name: a century, which says "always".
inline constexpr Duration longest_duration{std::int64_t{100} * 366 * 24 * 3600 * 1000};

/// Empty when the text is not a duration, is finer than a millisecond, or is longer than a century.
/// Units, largest first and each at most once: h, m, s, ms.
std::optional<Duration> parse_duration(std::string_view text);

/// The same number as a duration: `count` units of `unit`; empty when it is negative, not finite,
/// finer than a millisecond or longer than a year.
std::optional<Duration> duration_of(double count, Duration unit);

/// The shortest form that parse_duration reads back: "1h30m", "250ms", "0s".
std::string to_text(Duration duration);

}  // namespace selfscale
