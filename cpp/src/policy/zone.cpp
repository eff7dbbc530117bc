#include "policy/zone.hpp"

#include <algorithm>

namespace selfscale {

using std::chrono::local_seconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

ZoneClock Zone::clock_at(sys_seconds instant) const noexcept {
  const auto after =
      std::upper_bound(changes_.begin() + 1, changes_.end(), instant,
                       [](sys_seconds t, const ZoneChange& change) { return t < change.at; });
  const ZoneChange& last = *(after - 1);
  const local_seconds shown{(instant + last.offset).time_since_epoch()};
  if (after - 1 == changes_.begin()) return {shown, shown};
  const seconds offset_before = (after - 2)->offset;
  const local_seconds end_before{(last.at + offset_before).time_since_epoch() - seconds{1}};
  return {shown, std::max(shown, end_before)};
}

sys_seconds Zone::first_at(local_seconds time) const noexcept {
  // The first stretch between two changes in which the clock comes past this time.
  const auto next =
      std::partition_point(changes_.begin() + 1, changes_.end(), [time](const ZoneChange& change) {
        const seconds offset_before = (&change - 1)->offset;
        return local_seconds{(change.at + offset_before).time_since_epoch()} <= time;
      });
  const ZoneChange& stretch = *(next - 1);
  const sys_seconds instant{time.time_since_epoch() - stretch.offset};
  return next - 1 == changes_.begin() ? instant : std::max(stretch.at, instant);
}

sys_seconds Zone::last_at(local_seconds time) const noexcept {
  // The last stretch between two changes that begins before this time.
  const auto next =
      std::partition_point(changes_.begin() + 1, changes_.end(), [time](const ZoneChange& change) {
        return local_seconds{(change.at + change.offset).time_since_epoch()} < time;
      });
  const sys_seconds instant{time.time_since_epoch() - (next - 1)->offset};
  return next == changes_.end() ? instant : std::min(next->at, instant);
}

}  // namespace selfscale
