// Entries as processes record them, and the families that come of them.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "exposition/collect.hpp"
#include "metrics/registry.hpp"

namespace selfscale::exposition {

/// What a process that does `record` has recorded, without what every registry has.
template <class Record>
std::vector<metrics::Entry> recorded(Record record) {
  metrics::Registry registry;
  record(registry);
  auto entries = metrics::read(registry.block());
  std::erase_if(entries, [](const auto& entry) { return entry.name.starts_with("selfscale_"); });
  return entries;
}

inline const Family* find(const std::vector<Family>& families, std::string_view name) {
  const auto found = std::ranges::find(families, name, &Family::name);
  return found == families.end() ? nullptr : &*found;
}

}  // namespace selfscale::exposition
