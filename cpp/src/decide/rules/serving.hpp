/// One value of a metric over the instances that serve, beside what is not known of the others.
#pragma once

#include "decide/readings.hpp"

namespace selfscale {

struct ServingValue {
  double value = 0.0;    ///< of those that report
  double for_up = 0.0;   ///< those that do not report count as idle
  bool is_whole = true;  ///< all report: without that nothing is taken away
};

/// Empty: there is no usable reading. `across` is how instances' values become one.
std::optional<ServingValue> serving_value(const Situation& seen, std::size_t metric,
                                          Across across) noexcept;

}  // namespace selfscale
