/// Backlog rules: enough replicas to finish what is due within the target latency. Source: AWS,
/// "Scaling policy based on Amazon SQS": acceptable backlog per replica = acceptable latency × jobs
/// that one replica finishes in a second; and Little's law.
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

/// What is waiting, and how fast one replica works.
struct Backlog {
  double due = 0.0;                  ///< jobs that could be worked on now
  double in_hand = 0.0;              ///< due and running: what a step down must leave room for
  bool may_lower = true;             ///< all that counts for a step down is known
  std::optional<double> oldest_age;  ///< seconds
  double throughput = 0.0;           ///< jobs a second of one replica
  double surest_throughput = 0.0;    ///< the lower end of what it may be: decides on the way down
  int starting = 0;                  ///< replicas that were asked for and do not work yet
};

Proposal judge_backlog(const BacklogRule& rule, const Backlog& backlog, int current) noexcept;

Proposal propose_backlog(const BacklogRule& rule, const Situation& seen,
                         std::size_t metric) noexcept;

}  // namespace selfscale
