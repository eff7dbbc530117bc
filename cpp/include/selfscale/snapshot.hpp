/// All that is known about one service at one instant: the input of decide().
///
/// A snapshot belongs to one policy: readings stand in the order of that policy's metrics, and
/// names exist only in the JSON form (`snapshot_from_json`, `to_json` in <selfscale/decide.hpp>).
/// Plain values; copy freely, share between threads only while nobody writes.
#pragma once

#include <cstdint>
#include <optional>
#include <selfscale/instant.hpp>
#include <string>
#include <vector>

namespace selfscale {

/// Why a reading has no value. A missing reading is not zero.
enum class Missing : std::uint8_t {
  no,            ///< not missing
  not_reported,  ///< nobody has reported it (yet)
  timed_out,     ///< the source did not answer in time
  stale,         ///< older than its window
  incomplete,    ///< the window is not filled yet
  refused,       ///< NaN, infinite or negative: refused at the gate
  denied,        ///< the source lacks a permission
  unknown,       ///< no such metric here
  unheard,       ///< the replica may record it, where it is not heard from here
};

/// A metric's value over its window, with its age.
struct Reading {
  double value = 0.0;  ///< finite and not negative, in the metric's unit; meaningless when missing
  Missing missing = Missing::not_reported;
  Duration age{0};                 ///< since the newest observation in it
  Duration window{0};              ///< the time it covers; 0: an instant
  std::optional<double> amount;    ///< absolute amount behind a percentage (cores, bytes)
  std::optional<double> capacity;  ///< what `amount` is a percentage of
  std::optional<double> error;     ///< of a quantile: relative, at most; 0.0055 is 0.55 %
  std::optional<double> previous;  ///< the value over the window before this one
  std::optional<double>
      short_value;  ///< the value over `short_window` (concurrency's panic window)
  Duration short_window{0};
  std::string detail;  ///< for people: cause of a missing reading

  [[nodiscard]] bool is_missing() const noexcept { return missing != Missing::no; }
  /// A present reading; one that is not finite or is negative becomes `refused`.
  static Reading of(double value) noexcept;
  static Reading absent(Missing why, std::string detail = {});
  bool operator==(const Reading&) const = default;
};

/// Life cycle of an instance, in Kubernetes' words.
enum class Phase : std::uint8_t { running, pending, failed, succeeded, unknown };

/// Whether an instance can serve, as Kubernetes' condition `Ready` says it.
enum class Ready : std::uint8_t {
  yes,
  no,
  unknown,     ///< the platform has lost sight of it
  unreported,  ///< the platform reports no readiness of it (yet)
};

/// A replica as it reports itself, or as the platform lists it.
struct Instance {
  std::string id;
  Phase phase = Phase::running;
  bool listed = true;  ///< false: it reports, and the platform does not list it
  bool deleting = false;
  Ready ready = Ready::yes;
  std::optional<Instant> ready_changed_at;        ///< empty: since the start
  std::optional<Instant> started_at = Instant{};  ///< empty: not started; by default long ago
  bool busy = false;                              ///< has work in hand that a stop would interrupt
  std::string release;
  /// In the order of the policy's metrics; empty optional where the metric has no reading per
  /// instance.
  std::vector<std::optional<Reading>> metrics;
  bool operator==(const Instance&) const = default;
};

/// What the platform says of the service.
struct PlatformCounts {
  int desired_replicas = 0;           ///< asked for
  int current_replicas = 0;           ///< exist
  std::optional<int> ready_replicas;  ///< can serve; empty where the platform does not say
  bool updating = false;              ///< a deployment is under way
  std::string error;  ///< why it could not be read; the counts are then the last known
  bool operator==(const PlatformCounts&) const = default;
};

/// What the service shares with others.
struct Shared {
  std::optional<int> other_replicas;          ///< replicas of all other services of the document
  std::optional<double> available_memory_mb;  ///< on this host, in units of 2^20 bytes
  /// What other services take of each budget, in the order of the policy's `uses`; empty: not
  /// known.
  std::vector<std::optional<double>> budgets_used;
  /// Scaling events of all other services of the document within the last hour.
  int other_events_last_hour = 0;
  bool operator==(const Shared&) const = default;
};

/// Jobs that one busy replica finishes in a second, as learned from what it has finished.
struct Throughput {
  double value = 0.0;  ///< per second
  double low = 0.0;    ///< lower end of its confidence interval
  int samples = 0;     ///< jobs it was learned from
  bool operator==(const Throughput&) const = default;
};

/// Something learned, with its uncertainty.
struct Estimates {
  std::optional<double> startup_seconds_p50;  ///< from the accepted write to ready
  std::optional<double> startup_seconds_p95;
  int startup_samples = 0;  ///< starts that these were learned from
  std::optional<Throughput> throughput_per_replica;
  bool operator==(const Estimates&) const = default;
};

struct Snapshot {
  Instant at{};                    ///< engine time: windows, cooldowns and ages use it
  double wall_time_seconds = 0.0;  ///< wall time: schedules alone read it
  std::string service;
  PlatformCounts platform;
  std::vector<Instance> instances;
  /// In the order of the policy's metrics; empty optional where the metric is read per instance
  /// instead.
  std::vector<std::optional<Reading>> metrics;
  Shared shared;
  Estimates estimates;
  /// Somebody who is no replica of this service could write its count: a candidate elsewhere.
  /// Without one the last replica stays.
  bool can_be_woken = true;
  /// Requests are routed to it. Where none are, a concurrency rule may go down at once.
  bool is_reachable = true;
  bool operator==(const Snapshot&) const = default;
};

}  // namespace selfscale
