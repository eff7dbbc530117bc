#include "drivers/railway/regions.hpp"

#include <algorithm>
#include <cstdint>

namespace selfscale::drivers::railway {

int total(const Regions& regions) noexcept {
  int sum = 0;
  for (const auto& [region, replicas] : regions) sum += replicas;
  return sum;
}

int in_use(const Regions& regions) noexcept {
  return static_cast<int>(std::count_if(regions.begin(), regions.end(),
                                        [](const auto& each) { return each.second > 0; }));
}

Regions shared_out(const Regions& shares, int count) {
  const std::int64_t all = total(shares);
  // How far a region is below its exact share, in parts of `all`.
  const auto missing = [&](const std::string& region, int has) {
    return static_cast<std::int64_t>(count) * shares.at(region) - all * has;
  };
  Regions shared = shares;
  for (auto& [region, replicas] : shared) {
    if (replicas == 0) continue;
    replicas = static_cast<int>(std::max<std::int64_t>(1, missing(region, 0) / all));
  }
  for (int left = count - total(shared); left != 0; left += left > 0 ? -1 : 1) {
    auto chosen = shared.end();
    for (auto each = shared.begin(); each != shared.end(); ++each) {
      if (each->second == 0 || (left < 0 && each->second == 1)) continue;
      if (chosen == shared.end()) {
        chosen = each;
        continue;
      }
      const auto here = missing(each->first, each->second);
      const auto best = missing(chosen->first, chosen->second);
      if (left > 0 ? here > best : here < best) chosen = each;
    }
    if (chosen == shared.end()) break;
    chosen->second += left > 0 ? 1 : -1;
  }
  return shared;
}

}  // namespace selfscale::drivers::railway
