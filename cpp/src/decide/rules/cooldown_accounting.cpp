#include "decide/rules/cooldown_accounting.hpp"

#include <ranges>

namespace selfscale {

int added_within(Duration cooldown, const Situation& seen) noexcept {
  std::int64_t added = 0;
  for (const auto& change : std::views::reverse(seen.changes)) {
    if (change.replicas <= 0 || seen.at - change.at >= cooldown) break;
    added += change.replicas;
  }
  return saturated(added);
}

bool has_lowered_within(Duration cooldown, const Situation& seen) noexcept {
  if (seen.changes.empty()) return false;
  const auto& last = seen.changes.back();
  return last.replicas < 0 && seen.at - last.at < cooldown;
}

}  // namespace selfscale
