#include "decide/rules/added_already.hpp"

#include <algorithm>

namespace selfscale {
namespace {

int added_within(Duration cooldown, const Situation& seen) noexcept {
  std::int64_t added = 0;
  for (auto change = seen.changes.rbegin(); change != seen.changes.rend(); ++change) {
    if (change->replicas <= 0 || seen.at - change->at >= cooldown) break;
    added += change->replicas;
  }
  return saturated(added);
}

/// What nobody knows of counts as serving.
int lacking(const Situation& seen) noexcept {
  const PlatformCounts& platform = seen.snapshot.platform;
  if (platform.ready_replicas) return seen.current - *platform.ready_replicas;
  const auto starts = [](const Instance& instance) {
    return instance.phase == Phase::pending || instance.ready == Ready::no;
  };
  return seen.current - platform.current_replicas +
         static_cast<int>(std::ranges::count_if(seen.snapshot.instances, starts));
}

}  // namespace

int starting_replicas(const Situation& seen) noexcept {
  return std::min(std::max(0, lacking(seen)), added_within(seen.policy.startup_timeout, seen));
}

int added_already(Duration cooldown, const Situation& seen) noexcept {
  const int added = std::max(added_within(cooldown, seen), starting_replicas(seen));
  return std::min(added, seen.current);
}

bool has_lowered_within(Duration cooldown, const Situation& seen) noexcept {
  if (seen.changes.empty()) return false;
  const auto& last = seen.changes.back();
  return last.replicas < 0 && seen.at - last.at < cooldown;
}

}  // namespace selfscale
