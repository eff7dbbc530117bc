// Where zones come from: the system's data, read by CCTZ, else the copy that was made when this was
// built (cmake/zone_copy.py). Nothing else reads zone data.
#include <algorithm>

#include "policy/zone.hpp"
#include "zone_copy.inc"
#if SELFSCALE_HAS_CCTZ
#include <cctz/time_zone.h>
#endif

namespace selfscale {
namespace {

using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr std::string_view letters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+-";

/// Names that begin with a small letter are files beside the zones, such as this machine's
/// "localtime".
bool may_be_name(std::string_view name) {
  return !name.empty() && name.front() >= 'A' && name.front() <= 'Z' &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

#if SELFSCALE_HAS_CCTZ
std::optional<Zone> system_zone(const std::string& name) {
  cctz::time_zone zone;
  if (!cctz::load_time_zone(name, &zone)) return std::nullopt;
  const sys_seconds first = sys_days{first_zone_year / 1 / 1};
  const sys_seconds last = sys_days{last_zone_year / 1 / 1};
  std::vector<ZoneChange> changes{{first, seconds{zone.lookup(first).offset}}};
  cctz::time_zone::civil_transition change;
  for (sys_seconds at = first; zone.next_transition(at, &change);) {
    at = zone.lookup(change.to).trans;
    if (at >= last) break;
    const seconds offset{zone.lookup(at).offset};
    if (offset != changes.back().offset) changes.push_back({at, offset});
  }
  return Zone{name, std::move(changes)};
}
#else
std::optional<Zone> system_zone(const std::string&) { return std::nullopt; }
#endif

std::optional<Zone> copied_zone(const std::string& name) {
  const auto* const found = std::lower_bound(copied_names.begin(), copied_names.end(), name);
  if (found == copied_names.end() || *found != name) return std::nullopt;
  const CopiedZone& copied = copied_zones[static_cast<std::size_t>(found - copied_names.begin())];
  std::vector<ZoneChange> changes;
  for (const CopiedChange& change : std::span{copied_changes}.subspan(copied.first, copied.count)) {
    changes.push_back({sys_seconds{seconds{change.at}}, seconds{change.offset}});
  }
  return Zone{name, std::move(changes)};
}

}  // namespace

std::optional<Zone> zone_named(const std::string& name) {
  if (name == "UTC") return Zone::utc();
  if (!may_be_name(name)) return std::nullopt;
  auto zone = system_zone(name);
  return zone ? std::move(zone) : copied_zone(name);
}

std::span<const std::string_view> zone_names() noexcept { return copied_names; }

}  // namespace selfscale
