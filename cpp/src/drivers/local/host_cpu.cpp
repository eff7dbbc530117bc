#include "drivers/local/host_cpu.hpp"

#include <array>
#include <sstream>
#include <string>

namespace selfscale::drivers::local {
namespace {

constexpr milliseconds window{10'000};
constexpr double most_busy = 0.95;

}  // namespace

void HostCpu::feed(std::string_view proc_stat, Time now) {
  // cpu  user nice system idle iowait irq softirq steal …
  std::istringstream line{std::string{proc_stat.substr(0, proc_stat.find('\n'))}};
  std::string name;
  std::array<std::uint64_t, 8> times{};
  line >> name;
  for (auto& time : times) line >> time;
  if (!line || name != "cpu") return;
  Point point{now, times[3] + times[4], 0};
  for (const auto time : times) point.total += time;
  // idle time may step back when a processor goes offline
  if (!points_.empty() &&
      (point.total < points_.back().total || point.idle < points_.back().idle)) {
    points_.clear();
  }
  points_.push_back(point);
  while (points_.size() > 2 && now - points_[1].at >= window) points_.pop_front();
}

bool HostCpu::is_exhausted() const {
  if (points_.empty()) return false;
  const auto& first = points_.front();
  const auto& last = points_.back();
  if (last.at - first.at < window || last.total == first.total) return false;
  const auto idle = static_cast<double>(last.idle - first.idle);
  return 1.0 - idle / static_cast<double>(last.total - first.total) > most_busy;
}

}  // namespace selfscale::drivers::local
