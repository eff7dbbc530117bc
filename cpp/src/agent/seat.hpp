/// This process's place among those that serve together: its slot of the segment, or private memory
/// when it has none.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "agent/usage.hpp"
#include "metrics/registry.hpp"
#include "sampling/kept_file.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {

/// Control thread, or while that does not run; but for what says otherwise.
class Seat {
 public:
  explicit Seat(metrics::Registry& registry)
      : registry_{registry},
        cpu_seconds_{registry.gauge("agent_cpu_seconds")},
        resident_bytes_{registry.gauge("agent_process_resident_bytes")},
        used_{registry},
        agent_cpu_{registry.counter("agent_cpu_microseconds")} {}
  ~Seat();
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  /// Opens the segment and, with `claim`, takes a slot, to which recording moves. What fails leaves
  /// recording where it is, and is said by degraded().
  void take(const segment::Place& place, const std::string& instance, bool claim);
  /// Takes a place anew when the segment was removed or replaced, and a slot once one is free.
  void keep();
  void heartbeat() noexcept;
  /// Records what the agent costs. Control thread.
  void show_cost();
  /// Counts what this process and the agent's thread have used since the last time, so that it
  /// stays in the sums when the process ends. Control thread.
  void count_usage() noexcept;
  /// Gives the slot up; recording goes on in private memory.
  void leave() noexcept;
  /// In a fork's child: a slot of its own, or private memory; counts begin at zero. No lock, no
  /// allocation.
  void begin_anew_in_child() noexcept;

  /// Null without a segment.
  [[nodiscard]] segment::Segment* segment() noexcept { return segment_.get(); }
  [[nodiscard]] bool is_told_to_go() const noexcept { return segment_ && segment_->is_draining(); }
  bool hold_control() noexcept { return !segment_ || segment_->hold_control(); }
  void drop_control() noexcept;
  [[nodiscard]] const std::string& degraded() const noexcept { return degraded_; }

  /// Recordings that were refused: of all processes with a slot here, else of this one.
  [[nodiscard]] std::uint64_t refused() const;
  /// The metrics of this process.
  [[nodiscard]] std::span<const std::byte> own_metrics() const noexcept {
    return registry_.block();
  }

  // What this process says of itself; any thread.
  std::atomic<segment::Readiness> readiness{segment::Readiness::unsaid};
  std::atomic<bool> drains{false};

 private:
  void open_segment();
  void claim_slot();

  metrics::Registry& registry_;
  Gauge cpu_seconds_;     ///< of the control thread
  Gauge resident_bytes_;  ///< of the process: a thread has none of its own
  Usage used_;
  Counter agent_cpu_;
  std::uint64_t counted_agent_cpu_ = 0;  ///< microseconds of the control thread that runs now
  sampling::KeptFile own_stat_{"/proc/self/stat"};
  std::string buffer_;
  std::unique_ptr<segment::Segment> segment_;
  segment::Place place_;
  std::string instance_;
  bool claims_ = false;
  std::string degraded_;
};

}  // namespace selfscale::agent
