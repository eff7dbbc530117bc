/// Whether the host has any CPU left: where it has none, more workers only take it from each other.
#pragma once

#include <deque>
#include <string_view>

#include "drivers/local/options.hpp"
#include "sampling/cpu.hpp"

namespace selfscale::drivers::local {

class HostCpu {
 public:
  /// The text of /proc/stat, read now; about once a second. Text that is none is left out.
  void feed(std::string_view proc_stat, Time now);
  /// Over 95 % busy in the last ten seconds.
  [[nodiscard]] bool is_exhausted() const;

 private:
  struct Point {
    Time at{};
    sampling::CpuTimes times;
  };
  std::deque<Point> points_;
};

}  // namespace selfscale::drivers::local
