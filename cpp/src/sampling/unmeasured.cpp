#include "sampling/unmeasured.hpp"

#include "sampling/cgroup.hpp"
#include "sampling/text.hpp"

namespace selfscale::sampling {

std::string unmeasured(const std::string& root) {
  if (!read_text(root + "/proc/self/stat")) {
    return "/proc is missing, so CPU, memory, threads and open files of processes, the host's "
           "memory and the control group's limits are not measured; mount it (mount -t proc proc "
           "/proc), or write policies by metrics that the app counts itself";
  }
  if (!Cgroup::find(root).is_mounted()) {
    return "the files of the control group are missing, so limits of CPU and memory are not "
           "known, and percentages are of all cores and of the host's memory; mount them "
           "(mount -t cgroup2 none /sys/fs/cgroup), or say \"of\": \"cores\" in the policy";
  }
  return {};
}

}  // namespace selfscale::sampling
