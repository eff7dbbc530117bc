/// The control group of this process: version 1, 2 or both, nested, seen from a container or from
/// outside of it.
///
/// A limit may stand on any ancestor. The tightest one counts, and the use is read where that limit
/// stands: there it is what the kernel holds against it. Without a limit there is nothing to read,
/// as the group is then none of the service's own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sampling/kept_file.hpp"

namespace selfscale::sampling {

/// How often the kernel has looked at a CPU quota, and how often it was used up: then the group
/// stood still until the next period.
struct Throttling {
  std::uint64_t periods = 0;  ///< in which there was something to do
  std::uint64_t throttled = 0;
};

/// Its files are kept open. One thread at a time.
class Cgroup {
 public:
  /// Finds the group through /proc/self/cgroup and /proc/self/mountinfo. `root` stands before every
  /// path, for tests.
  static Cgroup find(const std::string& root = {});
  /// The folder of this process in version 2, with controllers or (hybrid) without; empty where
  /// there is none.
  static std::string find_version_2(const std::string& root = {});

  /// Whether any of the group's files can be seen.
  [[nodiscard]] bool is_mounted() const;

  struct Cpu {
    double limit_cores = 0.0;  ///< quota over period
    double used_seconds = 0.0;
    std::optional<Throttling> throttling;
    int level = 0;  ///< of the limit: 0 is the process's own group, 1 the one around it
  };
  /// Empty without a quota.
  [[nodiscard]] std::optional<Cpu> read_cpu();

  struct Memory {
    double limit_bytes = 0.0;
    double used_bytes = 0.0;  ///< without inactive file pages, as Kubernetes counts
  };
  /// Empty without a limit.
  [[nodiscard]] std::optional<Memory> read_memory();

  void close() noexcept;

 private:
  /// Where one controller's files stand: the group's folder, and the mount point, over which
  /// nothing is to be seen.
  struct Folder {
    std::string group;
    std::string mount;
    int version = 0;  ///< 0: no such controller
    /// The group, and those around it up to the mount point.
    [[nodiscard]] std::vector<std::string> levels() const;
  };
  struct CpuFiles {
    KeptFile limit;   ///< cpu.max; version 1: the quota
    KeptFile period;  ///< version 1 alone
    KeptFile stat;
    KeptFile usage;  ///< version 1 alone, in a hierarchy that may be mounted elsewhere
  };
  struct MemoryFiles {
    KeptFile limit;
    KeptFile usage;
    KeptFile stat;
  };
  static Folder find_folder(const std::string& root, const char* controller);

  std::optional<double> cpu_limit(CpuFiles& files);
  std::optional<double> read_number(KeptFile& file);

  std::vector<Folder> folders_;
  int cpu_version_ = 0;
  int memory_version_ = 0;
  std::vector<CpuFiles> cpu_;        ///< by level
  std::vector<MemoryFiles> memory_;  ///< by level
  std::string buffer_;
};

}  // namespace selfscale::sampling
