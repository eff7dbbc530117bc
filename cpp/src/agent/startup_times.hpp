/// How long replicas take to start: from the accepted write of a step up until each new one is
/// ready.
#pragma once

#include <deque>
#include <selfscale/decision.hpp>
#include <selfscale/snapshot.hpp>
#include <vector>

namespace selfscale::agent {

class StartupTimes {
 public:
  /// What earlier processes saw: events, newest first. Of each that succeeded, the time of the last
  /// replica is known.
  void learn(const std::vector<ScalingEvent>& past);
  /// The platform took a step.
  void note_step(int from, int to, Instant accepted_at);
  /// So many replicas are ready. One that is started anew meanwhile cannot be told from a new one.
  void note_ready(int ready, Instant now);
  /// Nobody knows any more which of those still to come were asked for when.
  void forget_pending() noexcept { pending_.clear(); }

  /// Of the last hundred; empty before the first.
  [[nodiscard]] Estimates estimates() const;

 private:
  void add(Duration took);

  std::deque<double> seconds_;   ///< oldest first
  std::deque<Instant> pending_;  ///< of each replica that is not ready yet: when it was asked for
  int ready_ = 0;
};

}  // namespace selfscale::agent
