/// Where the agent's log lines go.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <selfscale/export.hpp>
#include <string_view>

namespace selfscale {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

/// "warning"; as AUTOSCALING_LOG_LEVEL has it.
SELFSCALE_API std::string_view name_of(LogLevel level) noexcept;
/// The way back, whatever the case; "warn" is warning. Empty: no such level.
SELFSCALE_API std::optional<LogLevel> log_level_named(std::string_view name) noexcept;

/// Takes one line, without its end. Called as user functions are; an exception out of it is counted
/// and changes nothing else.
using LogSink = std::function<void(LogLevel, std::string_view)>;

}  // namespace selfscale
