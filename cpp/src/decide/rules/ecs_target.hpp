/// Target rules "as": "ecs": Application Auto Scaling's target tracking. Its two alarms: above the
/// target for three minutes, below 90 % of it for fifteen (three of three and fifteen of fifteen
/// datapoints, one a minute). Source: AWS, "Target tracking scaling policies"; the formula is not
/// published, and current × value ÷ target, rounded up, is how it is understood.
#pragma once

#include "decide/rules/rule.hpp"

namespace selfscale {

inline constexpr Duration ecs_datapoint{60'000};
inline constexpr Duration ecs_high_alarm{180'000};
inline constexpr Duration ecs_low_alarm{900'000};
inline constexpr double ecs_low_share = 0.9;

Proposal propose_ecs_target(const EcsTargetRule& rule, const Situation& seen, std::size_t metric,
                            DecisionState::Memory& memory) noexcept;

}  // namespace selfscale
