#include "sampling/descriptors.hpp"

#include <dirent.h>
#include <unistd.h>

#include <memory>

namespace selfscale::sampling {

std::optional<int> count_open_files(pid_t pid, const std::string& root) {
  const auto path = root + "/proc/" + std::to_string(pid) + "/fd";
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir(path.c_str()), ::closedir};
  if (!folder) return std::nullopt;
  int count = 0;
  while (const auto* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return pid == ::getpid() ? count - 1 : count;  // without the one that looks
}

}  // namespace selfscale::sampling
