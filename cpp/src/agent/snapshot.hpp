/// From what was observed and measured to the snapshot that decide() reads.
#pragma once

#include <map>
#include <optional>
#include <selfscale/policy.hpp>
#include <selfscale/snapshot.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/readings.hpp"
#include "drivers/driver.hpp"

namespace selfscale::agent {

/// What there is besides readings.
struct Surroundings {
  Instant at{};
  double wall_time_seconds = 0.0;
  /// The platform's word; empty without a driver: the instances seen are then all there is.
  std::optional<drivers::Observation> observation;
  std::string failure;  ///< why there is none although there is a driver
  Shared shared;
  Estimates estimates;
  std::string own_instance;  ///< of the process that decides
  bool is_replica = true;    ///< false: that process does not count as one
  /// That process is a replica whose agent meets those of other hosts: what other replicas record
  /// is not read here.
  bool others_report_elsewhere = false;
};

/// Lists every replica that the platform says exists: those that it names, else those that report
/// from inside, and in the place of others instances without readings. Remembers, between one
/// snapshot and the next, when an instance's readiness changed and what the platform said last.
class SnapshotMaker {
 public:
  Snapshot make(const Policy& policy, const Readings& readings, const Surroundings& now);
  /// Whether the platform has ever said how many replicas there are.
  [[nodiscard]] bool knows_platform() const noexcept { return last_.has_value(); }
  /// Whether the last snapshot's counts are counts: false where nobody says how many there are.
  [[nodiscard]] bool has_counted() const noexcept { return has_counted_; }

 private:
  [[nodiscard]] PlatformCounts counts(const Readings& readings, const Surroundings& now);
  void note_readiness(std::vector<Instance>& instances, Instant at);

  struct Readiness {
    bool ready = false;
    std::optional<Instant> changed_at;
  };
  std::map<std::string, Readiness> readiness_;  ///< by instance
  bool has_looked_ = false;
  std::optional<PlatformCounts> last_;
  bool has_counted_ = false;
};

/// Adds to `shared` what another service of the document takes, as its leader published it. What
/// nobody has published stays unknown.
void add_other_service(const Policy& own, const Policy& other, std::string_view published,
                       Shared& shared);

/// Readings that are NaN, infinite or negative: an app's gauge may be lowered below zero.
std::uint64_t count_refused(const Snapshot& snapshot);

/// Those that may go, in that order: idle before busy, then the newest, and `own`, the one that
/// decides, after all others. Only instances known to be ready.
std::vector<std::string> victims(const Snapshot& snapshot, const std::string& own);

/// Those that may go where a step up is taken back: who is not ready, then who has become ready
/// since the snapshot, then `may_go`, those of the snapshot, and `own` after all others. `seen`:
/// observed last.
std::vector<std::string> victims_of_rollback(const std::vector<drivers::Replica>& seen,
                                             const std::vector<std::string>& may_go,
                                             const std::string& own);

}  // namespace selfscale::agent
