/// Policies, snapshots and readings in a line each.
#pragma once

#include <initializer_list>
#include <selfscale/decide.hpp>
#include <string>
#include <vector>

#include "decide/situation.hpp"

namespace selfscale::testing {

inline constexpr Instant start{Duration{1'732'272'000'000}};

inline Policy policy_of(const std::string& json) { return load_policies(json).policies.at(0); }

inline Instance instance(std::optional<Reading> reading) {
  Instance made;
  made.id = "i";
  made.ready = Ready::yes;
  made.metrics = {std::move(reading)};
  return made;
}

inline std::vector<Instance> instances(std::initializer_list<double> values) {
  std::vector<Instance> made;
  for (const double value : values) made.push_back(instance(Reading::of(value)));
  return made;
}

/// Of a service whose replicas all exist and are ready.
inline Snapshot snapshot(int replicas, std::vector<std::optional<Reading>> metrics = {},
                         Instant at = start) {
  Snapshot made;
  made.at = at;
  made.service = "backend";
  made.platform = {replicas, replicas, replicas, false, {}};
  made.metrics = std::move(metrics);
  return made;
}

inline ScalingEvent event(Instant at, int from, int to, Outcome outcome = Outcome::accepted) {
  ScalingEvent made;
  made.id = "01J0000000000000000000000A";
  made.service = "backend";
  made.started_at = at;
  made.accepted_at = at;
  made.from_replicas = from;
  made.to_replicas = to;
  made.outcome = outcome;
  return made;
}

}  // namespace selfscale::testing
