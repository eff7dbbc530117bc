/// The control group of this process: version 1, 2 or both, nested, seen from a container or from
/// outside of it.
///
/// A limit may stand on any ancestor. The tightest one counts, and the use is read where that limit
/// stands: there it is what the kernel holds against it. Without a limit there is nothing to read,
/// as the group is then none of the service's own.
#pragma once

#include <optional>
#include <string>

namespace selfscale::sampling {

class Cgroup {
 public:
  /// Finds the group through /proc/self/cgroup and /proc/self/mountinfo. `root` stands before every
  /// path, for tests.
  static Cgroup find(const std::string& root = {});

  /// Whether any of the group's files can be seen.
  [[nodiscard]] bool is_mounted() const;

  struct Cpu {
    double limit_cores = 0.0;  ///< quota over period
    double used_seconds = 0.0;
  };
  /// Empty without a quota.
  [[nodiscard]] std::optional<Cpu> read_cpu() const;

  struct Memory {
    double limit_bytes = 0.0;
    double used_bytes = 0.0;  ///< without inactive file pages, as Kubernetes counts
  };
  /// Empty without a limit.
  [[nodiscard]] std::optional<Memory> read_memory() const;

 private:
  /// Where one controller's files stand: the group's folder, and the mount point, over which
  /// nothing is to be seen.
  struct Folder {
    std::string group;
    std::string mount;
    int version = 0;  ///< 0: no such controller
  };
  static Folder find_controller(const std::string& root, const char* controller);

  Folder cpu_;
  Folder cpu_use_;  ///< version 1 keeps usage in a controller of its own, which may be mounted
                    ///< elsewhere
  Folder memory_;
};

}  // namespace selfscale::sampling
