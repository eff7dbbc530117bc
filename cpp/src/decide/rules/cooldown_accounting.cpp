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

bool has_changed_within(Duration cooldown, const Situation& seen) noexcept {
  return !seen.changes.empty() && seen.at - seen.changes.back().at < cooldown;
}

}  // namespace selfscale
