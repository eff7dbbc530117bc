#include "drivers/local/readiness_checks.hpp"

#include <csignal>

namespace selfscale::drivers::local {
namespace {

constexpr milliseconds between{1'000};
constexpr milliseconds longest{10'000};

}  // namespace

void ReadinessChecks::begin(const Worker& worker, const Places& places,
                            const std::vector<std::string>& environment, Time now) {
  Time& next = next_[worker.pid];
  if (now < next) return;
  next = now + longest + between;  // brought forward when it ends
  Launch command{fill_in(command_, places), environment, {}, keeper_.descriptor()};
  const auto pid = launch(command);
  if (!pid) {
    next = now + between;
    return;
  }
  keeper_.remember(pid.value());
  running_[pid.value()] = {worker.pid, now + longest};
}

void ReadinessChecks::end_overdue(Time now) {
  for (const auto& [pid, check] : running_) {
    if (now >= check.until) ::kill(-pid, SIGKILL);
  }
}

bool ReadinessChecks::ended(pid_t pid, int status, std::optional<pid_t>& ready) {
  const auto found = running_.find(pid);
  if (found == running_.end()) return false;
  const auto worker = found->second.worker;
  next_[worker] = found->second.until - longest + between;
  if (status == 0) {
    ready = worker;
    next_.erase(worker);
  }
  ::kill(-pid, SIGKILL);  // what it may have left behind
  keeper_.forget(pid);
  running_.erase(found);
  return true;
}

void ReadinessChecks::kill_all() {
  for (const auto& [pid, check] : running_) ::kill(-pid, SIGKILL);
}

}  // namespace selfscale::drivers::local
