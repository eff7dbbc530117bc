#include "sampling/descriptors.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

namespace selfscale::sampling {

std::optional<int> count_open_files(pid_t pid, const std::string& root) {
  const auto path = root + "/proc/" + std::to_string(pid) + "/fd";
  struct stat told {};
  if (::stat(path.c_str(), &told) != 0) return std::nullopt;
  if (told.st_uid != ::geteuid() && ::geteuid() != 0) return std::nullopt;
  if (told.st_size > 0) return static_cast<int>(told.st_size);
  const std::unique_ptr<DIR, int (*)(DIR*)> folder{::opendir(path.c_str()), ::closedir};
  if (!folder) return std::nullopt;
  int count = 0;
  while (const auto* entry = ::readdir(folder.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return pid == ::getpid() ? count - 1 : count;  // without the one that looks
}

}  // namespace selfscale::sampling
