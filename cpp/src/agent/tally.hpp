/// What was counted between one tick and the next: by each instance, and by the service as a whole.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/readings.hpp"
#include "metrics/registry.hpp"

namespace selfscale::agent {

/// What was counted, by name.
struct Counts {
  std::map<std::string, std::uint64_t, std::less<>> counters;
  std::map<std::string, metrics::Buckets, std::less<>> distributions;
  std::map<std::string, double, std::less<>> gauges;

  /// Adds the series without labels, which are totals; of a name that has none, all of them.
  void add(const std::vector<metrics::Entry>& entries);
};

/// What an instance did in one tick, and what was seen of it at the end.
struct InstanceTick {
  int processes = 0;                  ///< living; those that wait for their children left out
  bool is_hidden = false;             ///< /proc does not show one of them: nobody knows the sums
  bool reports = false;               ///< at least one of them
  std::optional<Instant> started_at;  ///< the first of them
  bool shows_cpu = false;
  bool hides_files = false;  ///< the same of open files, which less is needed to hide
  std::map<std::string, double, std::less<>> increments;
  std::map<std::string, double, std::less<>> gauges;
  std::optional<double> cpu_seconds;  ///< used in this tick; empty for one just seen
  std::optional<double> memory_bytes;
  std::optional<double> open_files;
  std::optional<double> threads;
};

/// What the host, or the container, did in one tick. Empty: not told, or not told before.
struct HostTick {
  std::optional<double> quota_periods;  ///< of the CPU quota, in which there was something to do
  std::optional<double> throttled_periods;  ///< those in which it was used up
  std::optional<double> network_bytes;
  std::optional<double> cpu_stalled_seconds;
  std::optional<double> memory_stalled_seconds;
  std::optional<double> io_stalled_seconds;
};

class Tally {
 public:
  struct Interval {
    Instant from{};
    Instant to{};
  };

  void feed(const Tick& tick, bool share_host);

  /// One tick alone tells no rate: nobody knows since when it was counted.
  [[nodiscard]] bool is_first() const noexcept { return ticks_ < 2; }
  [[nodiscard]] const Interval& interval() const noexcept { return interval_; }
  [[nodiscard]] const HostView& host() const noexcept { return host_; }
  [[nodiscard]] const HostTick& host_tick() const noexcept { return host_tick_; }
  /// Those with a living process.
  [[nodiscard]] const std::map<std::string, InstanceTick>& instances() const noexcept {
    return instances_;
  }
  /// Of all recorded names ever seen.
  [[nodiscard]] const std::map<std::string, metrics::Kind, std::less<>>& kinds() const noexcept {
    return kinds_;
  }
  [[nodiscard]] bool anybody_reports() const;
  [[nodiscard]] std::optional<double> memory_of_all() const;

  /// What the whole service counted, whether the process that did is alive, dead or gone. Empty: no
  /// such counter.
  [[nodiscard]] std::optional<double> counted(std::string_view counter) const;
  [[nodiscard]] std::optional<metrics::Buckets> observed(std::string_view distribution) const;
  /// The same since counting began; null: no such distribution.
  [[nodiscard]] const metrics::Buckets* ever_observed(std::string_view distribution) const;

 private:
  /// What a process had counted at the last tick.
  struct Before {
    std::uint32_t generation = 0;
    pid_t pid = 0;
    Counts counts;
    std::optional<double> cpu_seconds;
  };

  void collect(const ProcessView& process, const Before& now, const Before* then);
  void collect_counters(InstanceTick& instance, const Counts& now, const Before* then) const;
  void take_group_cpu(const HostView& before, bool share_host);

  int ticks_ = 0;  ///< 0, 1, or 2 for all that follow
  Interval interval_;
  HostView host_;
  HostTick host_tick_;
  std::map<std::string, InstanceTick> instances_;
  std::map<std::string, metrics::Kind, std::less<>> kinds_;
  std::unordered_map<long, Before>
      before_;     ///< by slot, or by the negative pid of one without a slot
  Counts totals_;  ///< of living, dead and retired
  Counts totals_before_;
};

}  // namespace selfscale::agent
