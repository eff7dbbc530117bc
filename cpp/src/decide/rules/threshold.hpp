/// A threshold rule: up past one edge, down past another, nothing in between.
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

/// What is held against the edges. Where some instances do not report, the way up assumes that
/// they are at ease and the way down that they are fully loaded.
struct ThresholdInput {
  double value = 0.0;     ///< of those that report: what people see
  double for_up = 0.0;    ///< held against scaleUp
  double for_down = 0.0;  ///< held against scaleDown
  bool may_lower = true;  ///< false: too little is known to take anything away
  int silent = 0;         ///< instances that do not report,
  int counted = 0;        ///< of so many that serve; 0 of a reading of the service
};

/// Empty: no data.
std::optional<ThresholdInput> threshold_input(const ThresholdRule& rule, const Situation& seen,
                                              std::size_t metric) noexcept;

/// Edges are strict: "> 70" is not passed at 70. scaleUpFor and scaleDownFor ask that the edge has
/// been passed at every evaluation since; an evaluation without data is a break. A rule without
/// scaleDown abstains below its edge and holds on it.
/// A step up counts from the replicas that do not start any more.
Proposal judge_threshold(const ThresholdRule& rule, const ThresholdInput& input,
                         const Situation& seen, DecisionState::Memory& memory) noexcept;

Proposal propose_threshold(const ThresholdRule& rule, const Situation& seen, std::size_t metric,
                           DecisionState::Memory& memory) noexcept;

}  // namespace selfscale
