/// What the status of an answer asks its reader to do. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <selfscale/error.hpp>
#include <string_view>

namespace selfscale::http {

enum class Verdict : std::uint8_t {
  done,          ///< 2xx
  conflict,      ///< 409, 412: read again, decide anew
  throttled,     ///< 429: wait, as told by Retry-After
  transient,     ///< 408, 500, 502, 503, 504: the same call may succeed later
  unauthorized,  ///< 401: read the credentials again, once
  denied,        ///< 403: a permission is missing
  not_found,     ///< 404, 410
  permanent,     ///< everything else: the same call fails again
};

[[nodiscard]] Verdict verdict_of(int status) noexcept;

/// The code for a Failure. `may_have_happened`: the call was a write, so a transient answer leaves
/// open whether it was carried out, which is Errc::timed_out; else Errc::unreachable. `done` has no
/// code and must not be asked for.
[[nodiscard]] Errc code_of(Verdict verdict, bool may_have_happened) noexcept;

[[nodiscard]] constexpr bool may_succeed_later(Verdict verdict) noexcept {
  return verdict == Verdict::throttled || verdict == Verdict::transient;
}

/// The wait that the header Retry-After asks for: whole seconds, or a date in one of the three
/// forms of RFC 9110 (5.6.7), where one that has passed is 0. Empty: it cannot be understood. At
/// most a day, whatever the server says.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(
    std::string_view value, std::chrono::system_clock::time_point now) noexcept;

/// A date in one of those three forms, as the header Date has it; of one with two digits for its
/// year, those of 1970 to 2069. Empty: it is none.
[[nodiscard]] std::optional<double> seconds_since_epoch(std::string_view date) noexcept;

}  // namespace selfscale::http
