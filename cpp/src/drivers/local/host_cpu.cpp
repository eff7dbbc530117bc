#include "drivers/local/host_cpu.hpp"

namespace selfscale::drivers::local {
namespace {

constexpr milliseconds window{10'000};
constexpr double most_busy = 0.95;

double idle_seconds(const sampling::CpuTimes& times) noexcept {
  return times.total_seconds - times.busy_seconds;
}

}  // namespace

void HostCpu::feed(std::string_view proc_stat, Time now) {
  const auto times = sampling::parse_cpu_times(proc_stat);
  if (!times) return;
  // idle time may step back when a processor goes offline
  if (!points_.empty() && (times->total_seconds < points_.back().times.total_seconds ||
                           idle_seconds(*times) < idle_seconds(points_.back().times))) {
    points_.clear();
  }
  points_.push_back({now, *times});
  while (points_.size() > 2 && now - points_[1].at >= window) points_.pop_front();
}

bool HostCpu::is_exhausted() const {
  if (points_.empty()) return false;
  const auto& first = points_.front();
  const auto& last = points_.back();
  const double total = last.times.total_seconds - first.times.total_seconds;
  if (last.at - first.at < window || total <= 0.0) return false;
  return last.times.busy_seconds - first.times.busy_seconds > most_busy * total;
}

}  // namespace selfscale::drivers::local
