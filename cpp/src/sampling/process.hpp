/// One process, from the one line of /proc/PID/stat, and those that descend from it. What is hidden
/// or absent is empty, never zero.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sampling/kept_file.hpp"

namespace selfscale::sampling {

struct ProcessTimes {
  double cpu_seconds = 0.0;  ///< user and system, since its start
  double resident_bytes = 0.0;
  int threads = 0;
  std::uint64_t start_ticks = 0;  ///< since boot; with the pid it names the process for good
  double started_seconds = 0.0;   ///< the same in seconds, by CLOCK_BOOTTIME
};

/// Empty for a process that is not there or not alive (a zombie is dead). `root` stands before
/// "/proc", for tests.
std::optional<ProcessTimes> read_process(pid_t pid, const std::string& root = {});
/// The same from the text of the file; the name in it may contain anything.
std::optional<ProcessTimes> parse_process(std::string_view stat) noexcept;

/// Processes that are looked at again and again, each through a file that is kept open. One thread
/// at a time.
class Processes {
 public:
  /// `root` stands before "/proc", for tests.
  explicit Processes(std::string root = {}) : root_{std::move(root)} {}

  std::optional<ProcessTimes> read(pid_t pid);
  /// Lets go of those that have not been read since the last call.
  void forget_unread();
  void close() noexcept;

 private:
  struct Kept {
    KeptFile stat;
    bool is_read = false;
  };
  std::string root_;
  std::unordered_map<pid_t, Kept> kept_;
  std::string buffer_;
};

struct TreeProcess {
  pid_t pid = 0;
  bool has_children = false;
};
/// A process, itself first, and all that descend from it and live. Where the host tells no children
/// (/proc/PID/task/TID/children) it stands alone.
std::vector<TreeProcess> process_tree(pid_t pid, const std::string& root = {});

}  // namespace selfscale::sampling
