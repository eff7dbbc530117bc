/// Whether the host has any CPU left: where it has none, more workers only take it from each other.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "drivers/local/options.hpp"

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
    std::uint64_t idle = 0;
    std::uint64_t total = 0;
  };
  std::deque<Point> points_;
};

}  // namespace selfscale::drivers::local
