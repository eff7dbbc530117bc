#include "sampling/cgroup.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <vector>

#include "sampling/text.hpp"

namespace selfscale::sampling {
namespace {

/// A line of /proc/self/mountinfo that mounts control groups.
struct Mount {
  std::string_view root;   ///< folder of the hierarchy that is mounted
  std::string_view point;  ///< where
  int version = 0;
  std::string_view options;  ///< version 1: the controllers among others
};

bool lists(std::string_view commas, std::string_view wanted) {
  const auto parts = split(commas, ',');
  return std::find(parts.begin(), parts.end(), wanted) != parts.end();
}

std::vector<Mount> find_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const auto line : split(mountinfo, '\n')) {
    // "31 23 0:28 /root /point options optional-fields… - type source super-options"
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    if (after[0] == "cgroup2") mounts.push_back({before[3], before[4], 2, {}});
    if (after[0] == "cgroup") mounts.push_back({before[3], before[4], 1, after[2]});
  }
  return mounts;
}

/// The process's path in the hierarchy of a controller; that of version 2 stands in the line
/// "0::/path".
std::optional<std::string_view> find_path(std::string_view cgroups, const Mount& mount,
                                          std::string_view controller) {
  for (const auto line : split(cgroups, '\n')) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (mount.version == 2 ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return std::nullopt;
}

/// Seen from inside of a container, the group may be the mount point itself, whatever its path
/// says.
std::string folder_of(const std::string& point, std::string_view mounted, std::string_view path) {
  if (mounted != "/" && path.starts_with(mounted))
    path.remove_prefix(mounted.size());
  else if (mounted != "/")
    path = {};
  if (path == "/" || path.starts_with("/..")) path = {};
  const auto group = point + std::string{path};
  return ::access(group.c_str(), F_OK) == 0 ? group : point;
}

std::optional<double> read_number(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return std::nullopt;
  const auto number = leading_number(*text);
  return number ? std::optional{static_cast<double>(*number)} : std::nullopt;
}

std::optional<double> cpu_limit_at(const std::string& folder, int version) {
  if (version == 1) {
    const auto quota = read_number(folder + "/cpu.cfs_quota_us");  // -1: none
    const auto period = read_number(folder + "/cpu.cfs_period_us");
    return quota && period && *quota > 0 && *period > 0 ? std::optional{*quota / *period}
                                                        : std::nullopt;
  }
  const auto text = read_text(folder + "/cpu.max");  // "50000 100000", "max 100000"
  if (!text) return std::nullopt;
  const auto parts = split(*text, ' ');
  if (parts.size() != 2) return std::nullopt;
  const auto quota = leading_number(parts[0]);
  const auto period = leading_number(parts[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> memory_limit_at(const std::string& folder, int version) {
  constexpr double no_limit =
      0x1p60;  // version 1 writes the largest number of whole pages for "none"
  const auto limit =
      read_number(folder + (version == 1 ? "/memory.limit_in_bytes" : "/memory.max"));
  return limit && *limit < no_limit ? limit : std::nullopt;
}

struct Limit {
  double value = 0.0;
  std::string folder;
};

/// The tightest limit from the group up to the mount point.
std::optional<Limit> tightest(
    const std::string& group, const std::string& mount,
    const std::function<std::optional<double>(const std::string&)>& limit_at) {
  std::optional<Limit> found;
  for (std::string folder = group;; folder.resize(folder.find_last_of('/'))) {
    const auto limit = limit_at(folder);
    if (limit && (!found || *limit < found->value)) found = Limit{*limit, folder};
    if (folder.size() <= mount.size()) return found;
  }
}

}  // namespace

Cgroup::Folder Cgroup::find_controller(const std::string& root, const char* controller) {
  const auto cgroups = read_text(root + "/proc/self/cgroup");
  const auto mountinfo = read_text(root + "/proc/self/mountinfo");
  if (!cgroups || !mountinfo) return {};
  auto mounts = find_mounts(*mountinfo);
  // A controller is in one hierarchy only; where version 1 has it, version 2 does not.
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const Mount& a, const Mount& b) { return a.version < b.version; });
  for (const auto& mount : mounts) {
    if (mount.version == 1 && !lists(mount.options, controller)) continue;
    const auto path = find_path(*cgroups, mount, controller);
    if (!path) continue;
    const auto point = root + std::string{mount.point};
    return {folder_of(point, mount.root, *path), point, mount.version};
  }
  return {};
}

Cgroup Cgroup::find(const std::string& root) {
  Cgroup found;
  found.cpu_ = find_controller(root, "cpu");
  found.cpu_use_ = found.cpu_.version == 2 ? found.cpu_ : find_controller(root, "cpuacct");
  found.memory_ = find_controller(root, "memory");
  return found;
}

bool Cgroup::is_mounted() const {
  for (const auto& folder : {cpu_, cpu_use_, memory_}) {
    std::error_code unreadable;
    if (folder.version != 0 && !std::filesystem::is_empty(folder.group, unreadable) && !unreadable)
      return true;
  }
  return false;
}

std::optional<Cgroup::Cpu> Cgroup::read_cpu() const {
  if (cpu_.version == 0) return std::nullopt;
  const auto limit = tightest(cpu_.group, cpu_.mount, [this](const std::string& at) {
    return cpu_limit_at(at, cpu_.version);
  });
  if (!limit) return std::nullopt;
  if (cpu_.version == 2) {
    const auto text = read_text(limit->folder + "/cpu.stat");
    const auto used = text ? number_after(*text, "usage_usec") : std::nullopt;
    if (!used) return std::nullopt;
    return Cpu{limit->value, 1e-6 * static_cast<double>(*used)};
  }
  // The same group in the hierarchy that counts.
  const auto used =
      read_number(cpu_use_.mount + limit->folder.substr(cpu_.mount.size()) + "/cpuacct.usage");
  if (!used) return std::nullopt;
  return Cpu{limit->value, 1e-9 * *used};
}

std::optional<Cgroup::Memory> Cgroup::read_memory() const {
  if (memory_.version == 0) return std::nullopt;
  const int version = memory_.version;
  const auto limit = tightest(memory_.group, memory_.mount, [version](const std::string& at) {
    return memory_limit_at(at, version);
  });
  if (!limit) return std::nullopt;
  const auto used =
      read_number(limit->folder + (version == 1 ? "/memory.usage_in_bytes" : "/memory.current"));
  const auto text = read_text(limit->folder + "/memory.stat");
  const auto inactive =
      text ? number_after(*text, version == 1 ? "total_inactive_file" : "inactive_file")
           : std::nullopt;
  if (!used || !inactive) return std::nullopt;
  return Memory{limit->value, std::max(0.0, *used - static_cast<double>(*inactive))};
}

}  // namespace selfscale::sampling
