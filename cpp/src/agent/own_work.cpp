#include "agent/own_work.hpp"

#include <unistd.h>

#include <string>

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

/// The processes of this replica.
struct Seen {
  pid_t first = 0;  ///< of those that report; 0: none does
  bool have_jobs = false;
};

bool has_jobs(const std::vector<metrics::Entry>& entries) {
  Counts counts;
  counts.add(entries);
  const auto found = counts.gauges.find("busy_workers");
  return found != counts.gauges.end() && found->second > 0.0;
}

Seen look(House& house) {
  auto* segment = house.seat.segment();
  if (segment == nullptr) return {::getpid(), has_jobs(metrics::read(house.seat.own_metrics()))};
  Seen seen;
  for (const auto& [slot, entries] : segment->read().processes) {
    if (!slot.alive || slot.instance != house.settings.instance) continue;
    const bool reports = boot_milliseconds() - slot.heartbeat_ms < silent_after_ms;
    if (seen.first == 0 && reports) seen.first = slot.pid;
    seen.have_jobs = seen.have_jobs || has_jobs(entries);
  }
  return seen;
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
  const auto seen = look(house_);
  const bool is_busy = lasts(seen.have_jobs, house_.clock.now());
  if (!may_tell || seen.first != ::getpid()) co_return;
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
