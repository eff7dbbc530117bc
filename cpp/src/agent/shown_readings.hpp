/// What people see of the readings: those that the policy asks for and, so that what is measured
/// can be seen before any policy names it, the usual ones.
#pragma once

#include <selfscale/policy.hpp>
#include <selfscale/snapshot.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "agent/readings.hpp"
#include "policy/compiled.hpp"

namespace selfscale::agent {

struct ShownReading {
  std::string name;       ///< as the policy calls it
  std::string instance;   ///< empty: of the service
  std::string_view unit;  ///< empty: none, or the app's own
  Reading reading;
};

/// What Readings is to watch, so that shown_readings() finds it.
std::vector<MetricSpec> shown_metrics(const Policy& policy);
/// In the order of shown_metrics(); of the usual ones those that exist here.
std::vector<ShownReading> shown_readings(const Policy& policy, const Readings& readings,
                                         Instant now);

}  // namespace selfscale::agent
