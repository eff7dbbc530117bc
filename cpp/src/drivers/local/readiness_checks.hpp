/// The user's readiness command, run for workers that are starting: one at a time for each, once a
/// second, ended after ten.
#pragma once

#include <map>
#include <optional>

#include "drivers/local/crew.hpp"
#include "drivers/local/keeper.hpp"

namespace selfscale::drivers::local {

class ReadinessChecks {
 public:
  /// `keeper` outlives it.
  ReadinessChecks(std::vector<std::string> command, Keeper& keeper)
      : command_{std::move(command)}, keeper_{keeper} {}

  /// Starts the command for this worker unless it runs or has just run.
  void begin(const Worker& worker, const Places& places,
             const std::vector<std::string>& environment, Time now);
  /// Ends those that take too long.
  void end_overdue(Time now);
  /// A child has ended. True: it was one of these; `ready` is then the pid of a worker that is.
  bool ended(pid_t pid, int status, std::optional<pid_t>& ready);
  void kill_all();

 private:
  struct Check {
    pid_t worker = 0;
    Time until{};
  };
  std::vector<std::string> command_;
  Keeper& keeper_;
  std::map<pid_t, Check> running_;
  std::map<pid_t, Time> next_;  ///< by worker
};

}  // namespace selfscale::drivers::local
