#include "agent/seat.hpp"

#include <utility>

#include "agent/clock.hpp"
#include "sampling/process.hpp"

namespace selfscale::agent {
namespace {

constexpr std::string_view segments_replaced = "selfscale_segments_replaced_total";

std::uint64_t refused_in(const std::vector<metrics::Entry>& entries) {
  std::uint64_t count = 0;
  for (const auto& entry : entries) {
    if (entry.name == metrics::refused_name) count += entry.count;
  }
  return count;
}

}  // namespace

Seat::~Seat() { leave(); }

void Seat::take(const segment::Place& place, const std::string& instance, bool claim) {
  const bool same_place = place.service == place_.service && place.release == place_.release &&
                          place.run_directory == place_.run_directory;
  if (!same_place) {
    leave();
    segment_.reset();
  }
  place_ = place;
  instance_ = instance;
  claims_ = claim;
  degraded_.clear();
  if (!segment_ || segment_->is_stale()) open_segment();
  if (segment_ && claim) claim_slot();
}

/// What was counted into a file that is gone goes along to the new one; until there is one,
/// recording goes on where it was.
void Seat::open_segment() {
  auto opened = segment::Segment::open(place_);
  if (!opened) {
    degraded_ = "measures this process alone: " + opened.error().message +
                "; name a directory that this user may write to in SELFSCALE_RUN_DIR";
    return;
  }
  const bool is_replaced = segment_ != nullptr;
  segment_ = std::move(*opened);
  if (is_replaced) registry_.counter(segments_replaced).inc();
}

void Seat::claim_slot() {
  const auto slot = segment_->claim(instance_, place_.release);
  if (!slot) {
    degraded_ = "others do not see this process: " + slot.error().message;
    return;
  }
  degraded_.clear();
  registry_.move_to(segment_->own_metrics());
}

void Seat::keep() {
  if (segment_ && !segment_->is_stale()) {
    if (claims_ && segment_->own_metrics().empty()) claim_slot();  // one may have become free
    return registry_.settle();
  }
  if (!place_.run_directory.empty()) take(place_, instance_, claims_);
}

void Seat::heartbeat() noexcept {
  if (segment_) segment_->heartbeat(boot_milliseconds(), {readiness, drains});
}

void Seat::show_cost() {
  count_usage();
  cpu_seconds_.set(thread_cpu_seconds());
  const auto stat = own_stat_.read(buffer_);
  if (const auto process = stat ? sampling::parse_process(*stat) : std::nullopt) {
    resident_bytes_.set(process->resident_bytes);
  }
}

void Seat::count_usage() noexcept {
  count_up(agent_cpu_, counted_agent_cpu_, static_cast<std::uint64_t>(thread_cpu_seconds() * 1e6));
  used_.count();
}

std::uint64_t Seat::refused() const {
  if (!segment_) return registry_.refused();
  const auto contents = segment_->read();
  std::uint64_t count = refused_in(contents.retired);
  for (const auto& process : contents.processes) count += refused_in(process.entries);
  return count;
}

void Seat::leave() noexcept {
  if (!segment_) return;
  registry_.move_home();
  segment_->drop_control();
  segment_->release();
}

void Seat::begin_anew_in_child() noexcept {
  readiness = segment::Readiness::unsaid;
  drains = false;
  used_.begin_anew();
  counted_agent_cpu_ = 0;
  own_stat_.close();
  const bool sits = segment_ && claims_ && segment_->claim_after_fork() != 0;
  if (sits) {
    registry_.restart_in(segment_->own_metrics());
  } else {
    registry_.restart_at_home();
  }
}

void Seat::drop_control() noexcept {
  if (segment_) segment_->drop_control();
}

}  // namespace selfscale::agent
