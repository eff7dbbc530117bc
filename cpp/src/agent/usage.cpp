#include "agent/usage.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include "agent/clock.hpp"

namespace selfscale::agent {
namespace {

/// With CONFIG_TASK_IO_ACCOUNTING there is this file; without it all is said to be zero.
bool accounts_for_disks() noexcept { return ::access("/proc/self/io", F_OK) == 0; }

std::uint64_t whole(long number) noexcept { return static_cast<std::uint64_t>(number); }

}  // namespace

void count_up(const Counter& counter, std::uint64_t& counted, std::uint64_t total) noexcept {
  counter.inc(total < counted ? total : total - counted);
  counted = total;
}

Usage::Usage(metrics::Registry& registry)
    : cpu_{registry.counter(process_cpu_microseconds)},
      switches_{registry.counter(process_context_switches)} {
  if (accounts_for_disks()) disk_ = registry.counter(process_disk_bytes);
}

void Usage::count() noexcept {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  count_up(cpu_, counted_cpu_, static_cast<std::uint64_t>(process_cpu_seconds() * 1e6));
  count_up(switches_, counted_switches_, whole(used.ru_nvcsw) + whole(used.ru_nivcsw));
  constexpr std::uint64_t block_bytes = 512;  // getrusage(2), whatever the disk's own blocks
  if (disk_) {
    count_up(*disk_, counted_disk_,
             block_bytes * (whole(used.ru_inblock) + whole(used.ru_oublock)));
  }
}

void Usage::begin_anew() noexcept {
  counted_cpu_ = 0;
  counted_switches_ = 0;
  counted_disk_ = 0;
}

}  // namespace selfscale::agent
