/// The replicas of a service in each region that it runs in. Pure; any thread.
#pragma once

#include <map>
#include <string>

namespace selfscale::drivers::railway {

/// Region to replicas; a region may have none.
using Regions = std::map<std::string, int>;

int total(const Regions& regions) noexcept;
/// In how many it has a replica.
int in_use(const Regions& regions) noexcept;

/// `count` replicas among the regions in use in the proportions of `shares`, by largest remainders
/// (Hamilton's method); each of them keeps one, those without any stay so. `count` is at least
/// in_use(shares), which is not 0.
Regions shared_out(const Regions& shares, int count);

}  // namespace selfscale::drivers::railway
