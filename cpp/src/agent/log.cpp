#include "agent/log.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace selfscale {
namespace {

constexpr std::array<std::string_view, 5> names{"debug", "info", "warning", "error", "off"};

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

std::string_view name_of(LogLevel level) noexcept {
  const auto index = static_cast<std::size_t>(level);
  return index < names.size() ? names[index] : std::string_view{};
}

std::optional<LogLevel> log_level_named(std::string_view name) noexcept {
  const auto same = [name](std::string_view known) {
    return std::equal(name.begin(), name.end(), known.begin(), known.end(), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) == b;
    });
  };
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (same(names[i])) return static_cast<LogLevel>(i);
  }
  if (same("warn")) return LogLevel::warning;
  return std::nullopt;
}

namespace agent {

Log::Log(LogLevel least, LogSink sink, Calls& calls)
    : least_{least}, sink_{std::move(sink)}, calls_{calls} {
  if (sink_) return;
  // Not registered by name, and with no lock that other loggers share: a fork's child makes
  // another.
  auto to = std::make_shared<spdlog::sinks::stderr_sink_st>();
  standard_error_ = std::make_shared<spdlog::logger>("selfscale", std::move(to));
  standard_error_->set_level(level_of(least));
  standard_error_->set_pattern("%Y-%m-%d %H:%M:%S.%e %n %l: %v");
}

void Log::write(LogLevel level, std::string_view line) {
  if (level < least_) return;
  if (standard_error_) {
    standard_error_->log(level_of(level), spdlog::string_view_t{line.data(), line.size()});
  } else {
    calls_.post([sink = sink_, level, text = std::string{line}] { sink(level, text); });
  }
}

void Log::flush() noexcept {
  if (standard_error_) standard_error_->flush();
}

void Log::trouble(const std::string& what, const std::string& sentence) {
  auto& known = troubles_[what];
  if (known == sentence) return;
  known = sentence;
  warn(sentence);
}

void Log::recovered(const std::string& what) {
  const auto known = troubles_.find(what);
  if (known == troubles_.end()) return;
  info("over: " + known->second);
  troubles_.erase(known);
}

std::vector<std::string> Log::troubles() const {
  std::vector<std::string> sentences;
  for (const auto& [what, sentence] : troubles_) sentences.push_back(sentence);
  return sentences;
}

}  // namespace agent
}  // namespace selfscale
