/// Cron expressions: crontab(5)'s five fields, as sets of bits.
///
///     const auto cron = parse_cron("0 18 * * mon-fri");
///     const auto fired = last_fire(*cron, now);   // the latest minute, by the clock, that it
///     names
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.hpp"

namespace selfscale {

/// Minutes by a clock on a wall.
using local_minutes = std::chrono::local_time<std::chrono::minutes>;

struct Cron {
  std::uint64_t minutes = 0;   ///< bit 0 to 59
  std::uint32_t hours = 0;     ///< bit 0 to 23
  std::uint32_t days = 0;      ///< of the month: bit 1 to 31
  std::uint32_t months = 0;    ///< bit 1 to 12
  std::uint32_t weekdays = 0;  ///< bit 0 (Sunday) to 6
  bool either_day = false;     ///< neither kind of day begins with "*": one of the two is enough
  bool operator==(const Cron&) const = default;
};

inline constexpr std::uint32_t all_days = 0xFFFFFFFEU;
inline constexpr std::uint32_t all_months = 0x1FFEU;
inline constexpr std::uint32_t all_weekdays = 0x7FU;

/// One spelling: small letters, single spaces, no macros. Text that is no cron comes back, too.
std::string normal_cron(std::string_view text);

/// What is wrong with it is a sentence about it: "has 6 fields; …". A cron that names no minute
/// that ever comes is wrong.
Result<Cron> parse_cron(std::string_view text);

/// The latest minute up to and including `until` that the expression names; empty: none in the 400
/// years before, after which the calendar repeats.
std::optional<local_minutes> last_fire(const Cron& cron, local_minutes until) noexcept;

/// "mon", "fri-mon", "mon,wed" as weekdays; nothing but days and ranges, which may pass Saturday.
Result<std::uint32_t> parse_weekdays(std::string_view text);
/// The shortest form that parse_weekdays reads: "mon-fri".
std::string weekdays_text(std::uint32_t weekdays);

}  // namespace selfscale
