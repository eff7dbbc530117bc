#include "decide/rules/cooldown_accounting.hpp"

namespace selfscale {

int added_within(Duration cooldown, const Situation& seen) noexcept {
  std::int64_t added = 0;
  for (auto change = seen.changes.rbegin(); change != seen.changes.rend(); ++change) {
    if (change->replicas <= 0 || seen.at - change->at >= cooldown) break;
    added += change->replicas;
  }
  return saturated(added);
}

bool has_lowered_within(Duration cooldown, const Situation& seen) noexcept {
  if (seen.changes.empty()) return false;
  const auto& last = seen.changes.back();
  return last.replicas < 0 && seen.at - last.at < cooldown;
}

}  // namespace selfscale
