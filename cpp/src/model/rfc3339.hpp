/// Times as people and HTTP write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace selfscale {

/// "2026-01-19T10:30:00Z", with milliseconds where they are not zero. Times outside the years 0 to
/// 9999 are held to that range.
std::string to_rfc3339(double seconds_since_epoch);

/// Reads RFC 3339 with any offset ("2026-01-19T11:30:00.25+01:00"); empty when it is not that.
std::optional<double> from_rfc3339(std::string_view text);

}  // namespace selfscale
