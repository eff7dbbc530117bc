/// A target rule: as many replicas as bring the load of one to the target. The arithmetic is that
/// of Kubernetes' HPA (replica_calculator.go), doubles in its order of operations.
#pragma once

#include "decide/readings.hpp"
#include "decide/rules/rule.hpp"

namespace selfscale {

/// Instances that carry nothing which is known, and the capacity they have.
struct Silent {
  int count = 0;
  double capacity = 0.0;  ///< of those whose capacity is known
  int unknown = 0;        ///< those whose capacity is not
};

/// A metric over the instances of a service, before anything is filled in.
struct InstanceLoad {
  explicit InstanceLoad(Across across) noexcept : values{across} {}
  Reduction values;
  double amount = 0.0;    ///< sum over those that report
  double capacity = 0.0;  ///< sum over those that report
  bool is_share = true;   ///< all report both: the load is sum ÷ sum, in percent
  int ready = 0;
  Silent missing;
  Silent unready;
};

/// `across`: how values become one; sum ÷ sum takes the place of an average where it can.
InstanceLoad gather_load(const Situation& seen, std::size_t metric, Across across) noexcept;
/// The load as it is reported: percent of capacity, or the values across instances.
double usage(const InstanceLoad& load) noexcept;

/// `target`: desired = ceil(usage ÷ target × ready instances), within tolerance the current count.
/// Missing instances count as loaded (max(100, target) percent of capacity, else the target) where
/// the result would be fewer, as idle where it would be more; unready ones as idle where it would
/// be more. What fills in may hold the count, never turn the direction round. Replicas that exist
/// beyond those listed (`unlisted`) are taken to be as loaded as the others.
Proposal judge_load(const TargetRule& rule, const InstanceLoad& load, int current, int unlisted,
                    bool is_percent) noexcept;

/// `targetPerReplica` on a metric of instances: their sum (`load` is gathered so) against what
/// `existing` replicas should carry; missing ones as above, with the target each.
Proposal judge_sum(const TargetRule& rule, const InstanceLoad& load, int current,
                   int existing) noexcept;

/// `target` on a reading of the service (HPA's Value): ceil(value ÷ target × ready).
Proposal judge_value(const TargetRule& rule, double value, int current, int ready) noexcept;

/// `targetPerReplica` on a reading of the service (HPA's AverageValue): ceil(value ÷ target).
Proposal judge_total(const TargetRule& rule, double value, int current, int existing) noexcept;

Proposal propose_target(const TargetRule& rule, const Situation& seen, std::size_t metric) noexcept;

}  // namespace selfscale
