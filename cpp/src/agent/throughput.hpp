/// How many jobs a busy replica finishes: what `"throughputPerReplica": "learned"` of a backlog
/// rule goes by.
#pragma once

#include <optional>
#include <selfscale/snapshot.hpp>
#include <string_view>

#include "agent/series.hpp"
#include "agent/tally.hpp"

namespace selfscale::agent {

/// The counter that says how many jobs have been finished, well or not.
inline constexpr std::string_view jobs_finished_total = "jobs_finished_total";

/// Has work in hand: `busy_workers` or `in_flight` over zero.
bool is_busy(const InstanceTick& instance);

/// Jobs finished per second in which a replica was busy, over the last hour. A replica is busy in a
/// tick at whose end it has work in hand; one that shows neither gauge, while it finishes jobs.
/// Control thread only.
class JobThroughput {
 public:
  void feed(const Tally& tally);
  /// Empty before ten jobs. `low` is the lower end of the 95 % confidence interval of a Poisson
  /// count: Wilson and Hilferty's approximation to the chi-squared limit, n (1 − 1/9n − z/3√n)³
  /// with z = 1.96 (PNAS 17, 1931). `samples` is n, the jobs.
  [[nodiscard]] std::optional<Throughput> per_replica() const;

 private:
  static constexpr Duration remembered = std::chrono::hours{1};
  static constexpr Duration resolution = std::chrono::minutes{1};

  Series<Amount> finished_{resolution, remembered};
  Series<Amount> busy_seconds_{resolution, remembered};
};

}  // namespace selfscale::agent
