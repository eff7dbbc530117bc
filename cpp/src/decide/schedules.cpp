#include "decide/schedules.hpp"

#include <algorithm>
#include <cmath>

namespace selfscale {
namespace {

using std::chrono::days;
using std::chrono::floor;
using std::chrono::local_days;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_seconds;

/// How long a replica starts while nobody has said or measured it.
constexpr seconds usual_startup{60};

/// A schedule's time, come: from when on its bounds hold, and until when.
struct Span {
  sys_seconds opens;
  std::optional<sys_seconds> closes;  ///< none: set and hold
};

std::optional<local_minutes> last_fire(const Cron& cron, const Zone& zone,
                                       sys_seconds until) noexcept {
  return last_fire(cron, floor<minutes>(zone.clock_at(until).reached));
}

/// The latest that opens up to and including `until`. No earlier one closes later.
std::optional<Span> last_span(const DailyTimes& times, const Zone& zone,
                              sys_seconds until) noexcept {
  Cron opens;
  opens.minutes = std::uint64_t{1} << times.from.count() % 60;
  opens.hours = std::uint32_t{1} << times.from.count() / 60;
  opens.days = all_days;
  opens.months = all_months;
  opens.weekdays = times.weekdays;
  const auto fire = last_fire(opens, zone, until);
  if (!fire) return std::nullopt;
  const local_days last_day = floor<days>(*fire) + days{times.to <= times.from ? 1 : 0};
  return Span{zone.first_at(*fire), zone.last_at(last_day + times.to)};
}

std::optional<Span> last_span(const CronTimes& times, const Zone& zone,
                              sys_seconds until) noexcept {
  const auto fire = last_fire(times.cron, zone, until);
  if (!fire) return std::nullopt;
  Span span{zone.first_at(*fire), std::nullopt};
  if (times.duration) span.closes = span.opens + std::chrono::ceil<seconds>(*times.duration);
  return span;
}

std::optional<Span> last_span(const OneTime& times, const Zone& zone, sys_seconds until) noexcept {
  Span span{zone.first_at(times.at), std::nullopt};
  if (span.opens > until) return std::nullopt;
  if (times.until) span.closes = zone.last_at(*times.until);
  return span;
}

/// Whole seconds, within what a calendar has.
seconds whole_seconds(double count) noexcept {
  constexpr double end_of_9999 = 253402300799.0;
  if (!(count > 0.0)) return seconds{0};
  return seconds{static_cast<seconds::rep>(std::min(count, end_of_9999))};
}

seconds startup_of(const CompiledPolicy& policy, const Estimates& estimates) {
  if (policy.startup_expected) return std::chrono::ceil<seconds>(*policy.startup_expected);
  if (estimates.startup_seconds_p95)
    return whole_seconds(std::ceil(*estimates.startup_seconds_p95));
  return usual_startup;
}

/// One of the two bounds, as the schedules give it.
class ScheduledBound {
 public:
  void hold(sys_seconds since, std::optional<int> replicas) noexcept {
    if (!replicas || (held_ && since < since_)) return;
    held_ = replicas;
    since_ = since;
  }
  void open(std::optional<int> replicas) noexcept {
    if (replicas) open_ = std::max(open_.value_or(0), *replicas);
  }
  [[nodiscard]] std::optional<int> replicas() const noexcept { return open_ ? open_ : held_; }

 private:
  std::optional<int> held_;  // of the set-and-hold schedule whose time came last
  sys_seconds since_;
  std::optional<int> open_;  // the largest of the open windows
};

}  // namespace

Bounds scheduled_bounds(const CompiledPolicy& policy, double wall_time_seconds,
                        const Estimates& estimates) {
  ScheduledBound least;
  ScheduledBound most;
  const sys_seconds now{whole_seconds(wall_time_seconds)};
  const seconds ahead = startup_of(policy, estimates);
  for (const Schedule& schedule : policy.schedules) {
    const sys_seconds until = now + (schedule.start_ahead ? ahead : seconds{0});
    const auto span = std::visit(
        [&](const auto& times) { return last_span(times, schedule.zone, until); }, schedule.times);
    if (!span) continue;
    if (!span->closes) {
      least.hold(span->opens, schedule.min_replicas);
      most.hold(span->opens, schedule.max_replicas);
    } else if (now < *span->closes) {
      least.open(schedule.min_replicas);
      most.open(schedule.max_replicas);
    }
  }
  Bounds bounds{policy};
  bounds.min_replicas = least.replicas().value_or(bounds.min_replicas);
  bounds.max_replicas = most.replicas().value_or(bounds.max_replicas);
  bounds.is_min_scheduled = least.replicas().has_value();
  bounds.is_max_scheduled = most.replicas().has_value();
  if (bounds.max_replicas < bounds.min_replicas) {
    bounds.max_replicas = bounds.min_replicas;
    bounds.is_max_scheduled = true;
  }
  return bounds;
}

}  // namespace selfscale
