/// Open files of a process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace selfscale::sampling {

/// Empty when the process is not there or belongs to somebody else. One system call from Linux 6.2
/// on, which tells the number as the size of /proc/PID/fd; before, the folder is read.
std::optional<int> count_open_files(pid_t pid, const std::string& root = {});

}  // namespace selfscale::sampling
