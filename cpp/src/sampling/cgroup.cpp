#include "sampling/cgroup.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
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

/// "50000 100000", "max 100000".
std::optional<double> parse_cpu_max(std::string_view text) noexcept {
  const auto quota = leading_number(next_part(text, ' '));
  const auto period = leading_number(next_part(text, ' '));
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<Throttling> parse_throttling(std::string_view stat) noexcept {
  const auto periods = number_after(stat, "nr_periods");
  const auto throttled = number_after(stat, "nr_throttled");
  if (!periods || !throttled) return std::nullopt;
  return Throttling{*periods, *throttled};
}

/// A controller is in one hierarchy only; where version 1 has it, version 2 does not.
bool may_have(const Mount& mount, std::string_view controller) {
  return mount.version == 2 || lists(mount.options, controller);
}

}  // namespace

std::vector<std::string> Cgroup::Folder::levels() const {
  std::vector<std::string> folders;
  if (version == 0) return folders;
  for (std::string folder = group;; folder.resize(folder.find_last_of('/'))) {
    folders.push_back(folder);
    if (folder.size() <= mount.size()) return folders;
  }
}

Cgroup::Folder Cgroup::find_folder(const std::string& root, const char* controller) {
  const auto cgroups = read_text(root + "/proc/self/cgroup");
  const auto mountinfo = read_text(root + "/proc/self/mountinfo");
  if (!cgroups || !mountinfo) return {};
  auto mounts = find_mounts(*mountinfo);
  std::stable_sort(mounts.begin(), mounts.end(),
                   [](const Mount& a, const Mount& b) { return a.version < b.version; });
  for (const auto& mount : mounts) {
    if (!may_have(mount, controller)) continue;
    const auto path = find_path(*cgroups, mount, controller);
    if (!path) continue;
    const auto point = root + std::string{mount.point};
    return {folder_of(point, mount.root, *path), point, mount.version};
  }
  return {};
}

Cgroup Cgroup::find(const std::string& root) {
  Cgroup found;
  const auto cpu = find_folder(root, "cpu");
  const auto cpu_use = cpu.version == 2 ? cpu : find_folder(root, "cpuacct");
  const auto memory = find_folder(root, "memory");
  found.folders_ = {cpu, cpu_use, memory};
  found.cpu_version_ = cpu.version;
  found.memory_version_ = memory.version;
  const bool is_1 = cpu.version == 1;
  for (const auto& at : cpu.levels()) {
    // The same group in the hierarchy that counts.
    auto counts = cpu_use.mount + at.substr(cpu.mount.size());
    found.cpu_.push_back({KeptFile{at + (is_1 ? "/cpu.cfs_quota_us" : "/cpu.max")},
                          KeptFile{at + "/cpu.cfs_period_us"}, KeptFile{at + "/cpu.stat"},
                          KeptFile{std::move(counts) + "/cpuacct.usage"}});
  }
  const bool is_memory_1 = memory.version == 1;
  for (const auto& at : memory.levels()) {
    found.memory_.push_back(
        {KeptFile{at + (is_memory_1 ? "/memory.limit_in_bytes" : "/memory.max")},
         KeptFile{at + (is_memory_1 ? "/memory.usage_in_bytes" : "/memory.current")},
         KeptFile{at + "/memory.stat"}});
  }
  return found;
}

std::string Cgroup::find_version_2(const std::string& root) {
  const auto cgroups = read_text(root + "/proc/self/cgroup");
  const auto mountinfo = read_text(root + "/proc/self/mountinfo");
  if (!cgroups || !mountinfo) return {};
  for (const auto& mount : find_mounts(*mountinfo)) {
    if (mount.version != 2) continue;
    if (const auto path = find_path(*cgroups, mount, {})) {
      return folder_of(root + std::string{mount.point}, mount.root, *path);
    }
  }
  return {};
}

bool Cgroup::is_mounted() const {
  return std::ranges::any_of(folders_, [](const Folder& folder) {
    std::error_code unreadable;
    return folder.version != 0 && !std::filesystem::is_empty(folder.group, unreadable) &&
           !unreadable;
  });
}

std::optional<double> Cgroup::read_number(KeptFile& file) {
  const auto text = file.read(buffer_);
  const auto number = text ? leading_number(*text) : std::nullopt;
  return number ? std::optional{static_cast<double>(*number)} : std::nullopt;
}

std::optional<double> Cgroup::cpu_limit(CpuFiles& files) {
  if (cpu_version_ == 2) {
    const auto text = files.limit.read(buffer_);
    return text ? parse_cpu_max(*text) : std::nullopt;
  }
  const auto quota = read_number(files.limit);  // -1: none
  if (!quota || *quota <= 0) return std::nullopt;
  const auto period = read_number(files.period);
  return period && *period > 0 ? std::optional{*quota / *period} : std::nullopt;
}

std::optional<Cgroup::Cpu> Cgroup::read_cpu() {
  std::optional<Cpu> found;
  for (int level = 0; auto& files : cpu_) {
    const auto limit = cpu_limit(files);
    if (limit && (!found || *limit < found->limit_cores)) found = Cpu{*limit, 0.0, {}, level};
    ++level;
  }
  if (!found) return std::nullopt;
  auto& files = cpu_[static_cast<std::size_t>(found->level)];
  const auto stat = files.stat.read(buffer_);
  if (stat) found->throttling = parse_throttling(*stat);
  std::optional<double> used;
  if (cpu_version_ == 1) {
    if (const auto nanoseconds = read_number(files.usage)) used = 1e-9 * *nanoseconds;
  } else if (const auto microseconds = stat ? number_after(*stat, "usage_usec") : std::nullopt) {
    used = 1e-6 * static_cast<double>(*microseconds);
  }
  if (!used) return std::nullopt;
  found->used_seconds = *used;
  return found;
}

std::optional<Cgroup::Memory> Cgroup::read_memory() {
  constexpr double no_limit =
      0x1p60;  // version 1 writes the largest number of whole pages for "none"
  MemoryFiles* tightest = nullptr;
  Memory found{no_limit, 0.0};
  for (auto& files : memory_) {
    const auto limit = read_number(files.limit);
    if (!limit || *limit >= found.limit_bytes) continue;
    found.limit_bytes = *limit;
    tightest = &files;
  }
  if (tightest == nullptr) return std::nullopt;
  const auto used = read_number(tightest->usage);
  const auto stat = tightest->stat.read(buffer_);
  const auto inactive =
      stat ? number_after(*stat, memory_version_ == 1 ? "total_inactive_file" : "inactive_file")
           : std::nullopt;
  if (!used || !inactive) return std::nullopt;
  found.used_bytes = std::max(0.0, *used - static_cast<double>(*inactive));
  return found;
}

void Cgroup::close() noexcept {
  for (auto& each : cpu_) {
    for (auto* file : {&each.limit, &each.period, &each.stat, &each.usage}) file->close();
  }
  for (auto& each : memory_) {
    for (auto* file : {&each.limit, &each.usage, &each.stat}) file->close();
  }
}

}  // namespace selfscale::sampling
