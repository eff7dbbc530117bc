/// What the agent says, line by line, and what is wrong with it at present.
#pragma once

#include <map>
#include <memory>
#include <selfscale/log.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/calls.hpp"

namespace spdlog {
class logger;
}

namespace selfscale::agent {

/// Lines to standard error, or to the user's sink by way of `calls`. Control thread, or before it
/// starts.
class Log {
 public:
  /// `calls` outlives the log.
  Log(LogLevel least, LogSink sink, Calls& calls);

  void debug(std::string_view line) { write(LogLevel::debug, line); }
  void info(std::string_view line) { write(LogLevel::info, line); }
  void warn(std::string_view line) { write(LogLevel::warning, line); }
  void error(std::string_view line) { write(LogLevel::error, line); }
  void flush() noexcept;

  /// A trouble that lasts is said once, when it begins or changes; `what` tells one from another.
  void trouble(const std::string& what, const std::string& sentence);
  /// It is over, which is said once, too; harmless when there was none.
  void recovered(const std::string& what);
  /// The troubles of now, in sentences.
  [[nodiscard]] std::vector<std::string> troubles() const;

 private:
  void write(LogLevel level, std::string_view line);

  LogLevel least_;
  LogSink sink_;
  Calls& calls_;
  std::shared_ptr<spdlog::logger> standard_error_;
  std::map<std::string, std::string> troubles_;
};

}  // namespace selfscale::agent
