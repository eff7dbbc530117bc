/// From what processes count and the host shows, tick by tick, to the readings that a policy asks
/// for.
///
/// A reading per instance: CPU, memory, disks, descriptors, threads, what its host or container
/// shows of itself, gauges and rates of counters. One reading for the service: all distributions
/// (merged exactly, so that a p95 is that of all requests), `error_rate`, and rates asked for as
/// `across: sum`; these miss nothing that an ended process has still counted.
///
/// Windows are made of at most 60 points, whatever the tick, and twice that where the window before
/// is asked for. A reading is given as soon as one whole tick lies in its window, and says how much
/// time it covers. Control thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <selfscale/instant.hpp>
#include <selfscale/snapshot.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "metrics/registry.hpp"
#include "policy/compiled.hpp"
#include "sampling/cgroup.hpp"
#include "sampling/pressure.hpp"

namespace selfscale::agent {

/// One process at one instant: its slot, and what the host tells of it.
struct ProcessView {
  std::string instance;
  pid_t pid = 0;
  int slot = 0;                  ///< 0: it has none and was sampled from outside
  std::uint32_t generation = 0;  ///< of the slot
  bool alive = true;             ///< false: ended, its last counts still in the slot
  bool waits = false;      ///< has children that work for it (a shell, a server's first process)
  bool is_hidden = false;  ///< /proc does not show it, though it lives
  bool has_thread = true;  ///< false: forked by a pool, it records and never reports
  bool reports = true;     ///< false: no heartbeat lately (stopped, hung); what it shows is old
  bool ready = false;
  bool draining = false;
  std::optional<Instant> started_at;
  std::vector<metrics::Entry> entries;
  std::optional<double> cpu_seconds;  ///< used since its start
  std::optional<double> memory_bytes;
  std::optional<int> open_files;
  std::optional<int> threads;
};

/// The host, or the container as its cgroup bounds it.
struct HostView {
  double cores = 1.0;
  double memory_bytes = 0.0;                 ///< total
  std::optional<double> cpu_limit_cores;     ///< cgroup quota
  std::optional<double> memory_limit_bytes;  ///< cgroup limit
  int cpu_limit_level = 0;  ///< the group whose quota that is; another level counts another group
  std::optional<double> group_cpu_seconds;  ///< used by the cgroup; read where there is a quota
  std::optional<sampling::Throttling> throttling;  ///< by that quota
  std::optional<double> group_memory_bytes;  ///< of the cgroup without inactive file pages; read
                                             ///< where there is a limit
  std::optional<double> cpu_percent;         ///< of the host's processors, busy since the last look
  std::optional<double> load_average;
  std::optional<double> network_bytes;  ///< received and sent since the interfaces came up
  sampling::Stalled stalled;            ///< since boot, or since the cgroup was made
};

/// What a replica has asked its platform for: what `"of": "request"` is a percentage of.
struct Requests {
  std::optional<double> cpu_cores;
  std::optional<double> memory_bytes;
};

struct Tick {
  Instant at{};
  std::vector<ProcessView> processes;
  std::vector<metrics::Entry> retired;  ///< sums of processes that are gone
  HostView host;
};

class Readings {
 public:
  /// `share_host`: the instances are processes of one host and cgroup (local workers). CPU is then
  /// counted against one core per process, and memory is that of all of them.
  explicit Readings(bool share_host, Requests requests = {});
  ~Readings();
  Readings(Readings&&) noexcept;
  Readings& operator=(Readings&&) noexcept;

  /// Keeps history for these from now on, and for no others; what is there of the same metric and
  /// window stays.
  void watch(const std::vector<MetricSpec>& specs);
  void feed(const Tick& tick);

  /// True: ask read_service(), the metric has no reading per instance.
  [[nodiscard]] bool is_service_level(const MetricSpec& spec) const;
  /// Such a metric adds up over the replicas: less is read where some cannot be heard.
  [[nodiscard]] bool is_sum(const MetricSpec& spec) const;
  /// A gauge or counter by a name of the app's own: it may be of the whole service, as a queue's
  /// length is. Requests are not; every instance has its own.
  [[nodiscard]] bool may_be_of_service(const MetricSpec& spec) const;
  /// `spec` must be watched. `now` is the instant of the snapshot, not before the last tick.
  [[nodiscard]] Reading read(const MetricSpec& spec, const std::string& instance,
                             Instant now) const;
  [[nodiscard]] Reading read_service(const MetricSpec& spec, Instant now) const;

  /// Instances of the last tick that have a living process.
  [[nodiscard]] std::set<std::string> instances() const;
  /// Such an instance's living processes: does one of them report, and when did the first start?
  [[nodiscard]] bool is_reporting(const std::string& instance) const;
  [[nodiscard]] std::optional<Instant> started_at(const std::string& instance) const;
  /// Has requests or jobs in hand: in_flight or busy_workers over zero.
  [[nodiscard]] bool is_busy(const std::string& instance) const;
  /// Jobs a second of one busy replica, learned from the last hour. Empty: not known yet.
  [[nodiscard]] std::optional<Throughput> throughput() const;
  /// The longest piece of work of all that was recorded here (drivers::durations_of_work), since
  /// the memory was made in which the processes of this host count. Empty: none. What is still in
  /// hand is not in it, nor what other hosts do.
  [[nodiscard]] std::optional<drivers::LongestWork> longest_work() const;
  /// Names of all metrics that exist here: built-in ones whose source is there, and recorded ones.
  [[nodiscard]] std::set<std::string> metrics() const;

 private:
  struct History;
  std::unique_ptr<History> history_;
};

}  // namespace selfscale::agent
