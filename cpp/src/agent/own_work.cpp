#include "agent/own_work.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

#include "agent/candidacy.hpp"
#include "agent/clock.hpp"
#include "agent/tally.hpp"
#include "drivers/finding.hpp"

namespace selfscale::agent {
namespace {

namespace asio = boost::asio;

/// What takes less ends by itself before the replica must; and the platform is not asked at each
/// job of many.
constexpr Duration worth_telling{5'000};
constexpr std::int64_t silent_after_ms = 5'000;  // processes report at least once a second

bool has_jobs(const std::vector<metrics::Entry>& entries) {
  Counts counts;
  counts.add(entries);
  const auto found = counts.gauges.find("busy_workers");
  return found != counts.gauges.end() && found->second > 0.0;
}

bool have_jobs(House& house) {
  auto* segment = house.seat.segment();
  if (segment == nullptr) return has_jobs(metrics::read(house.seat.own_metrics()));
  return std::ranges::any_of(segment->read().processes, [&house](const auto& process) {
    const bool is_of_replica = process.view.instance == house.settings.instance;
    return process.view.alive && is_of_replica && has_jobs(process.entries);
  });
}

/// The processes of this replica that report, before this one.
std::set<pid_t> those_before(const House& house, const segment::Segment& segment) {
  std::set<pid_t> pids;
  for (const auto& slot : segment.slots()) {
    if (slot.pid == ::getpid()) break;
    const bool reports = boot_milliseconds() - slot.heartbeat_ms < silent_after_ms;
    const bool is_of_replica = slot.alive && slot.instance == house.settings.instance;
    if (is_of_replica && reports) pids.insert(slot.pid);
  }
  return pids;
}

/// Of the processes that can tell this is the first. Who has said nothing yet may be none: that two
/// tell for a moment does no harm.
bool is_first(House& house) {
  const auto* segment = house.seat.segment();
  if (segment == nullptr) return true;
  const auto before = those_before(house, *segment);
  if (before.empty()) return true;
  return std::ranges::none_of(segment->told_by_others(), [&before](const segment::Told& told) {
    if (!before.contains(told.pid)) return false;
    const auto its = parse_candidacy(told.text);
    return its && its->can_tell_of_work;
  });
}

}  // namespace

bool OwnWork::lasts(bool has_jobs, Instant now) {
  if (!has_jobs) {
    busy_since_.reset();
    return false;
  }
  if (!busy_since_) busy_since_ = now;
  return now - *busy_since_ >= worth_telling;
}

asio::awaitable<void> OwnWork::tell(bool may_tell) {
  if (!may_tell || !is_first(house_)) {
    busy_since_.reset();
    co_return;
  }
  const bool is_busy = have_jobs(house_);
  // What the process before this one told of a job in hand stays.
  if (!lasts(is_busy, house_.clock.now()) && is_busy) co_return;
  const auto told = co_await house_.driver->keep_busy_replica(is_busy);
  if (told) {
    house_.log.recovered("own work");
  } else {
    house_.log.trouble("own work",
                       "this replica cannot keep the platform from ending it while it "
                       "works: " +
                           drivers::with_permission(told.error()));
  }
}

}  // namespace selfscale::agent
