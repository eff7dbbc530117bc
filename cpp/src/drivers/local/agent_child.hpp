/// The agent, as the supervisor sees it: a child with a stream, started again when it ends.
#pragma once

#include <optional>

#include "drivers/local/keeper.hpp"
#include "drivers/local/line_stream.hpp"
#include "drivers/local/options.hpp"

namespace selfscale::drivers::local {

class AgentChild {
 public:
  /// `keeper` outlives it.
  AgentChild(const Options& options, Keeper& keeper);

  [[nodiscard]] bool exists() const noexcept { return pid_ != 0; }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// When it is to be started (again); empty: it runs, or there is none.
  [[nodiscard]] std::optional<Time> due() const;
  /// Starts it if that is due, and returns the supervisor's end of its stream. A start that fails
  /// is tried again later.
  Result<std::optional<LineStream>> start_if_due(Time now);
  /// It has ended; returns what to say of it.
  std::string ended(const std::string& how, Time now);
  /// For good: SIGTERM, or SIGKILL to its whole group.
  void stop(int signal);

 private:
  std::vector<std::string> command_;
  std::vector<std::string> variables_;
  milliseconds first_;
  milliseconds most_;
  Keeper& keeper_;
  pid_t pid_ = 0;
  bool wanted_;
  int failures_ = 0;
  Time started_{};
  Time due_{};
};

}  // namespace selfscale::drivers::local
