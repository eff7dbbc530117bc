/// Simulation: the decide() and record() that run live, against a model of a service, under virtual
/// time.
///
///     const auto load = selfscale::trace_from_csv(text);
///     const auto run = selfscale::simulate(policy, load, {.capacity_per_replica = 20,
///     .startup_seconds = 30}); std::cout << run.summary.p95_seconds << ' ' <<
///     run.summary.replica_seconds << '\n';
///
/// Pure: no clock, no file, no global. The same arguments give the same result, byte for byte, with
/// the same build.
#pragma once

#include <cstdint>
#include <selfscale/decision.hpp>
#include <selfscale/policy.hpp>
#include <string_view>
#include <vector>

namespace selfscale {

/// Offered load at one time; between two points it is interpolated linearly.
struct LoadPoint {
  double seconds = 0.0;
  double requests_per_second = 0.0;
  bool operator==(const LoadPoint&) const = default;
};

/// Reads a trace: comment lines (`# key: value`, of which `unit` and `step_s` are required), then
/// `t_seconds,value` and one row per bin of `step_s` seconds. The value is the bin's total, or a
/// rate when the unit says "per second". A point stands at each bin's centre. Throws
/// Error(malformed) that says which line is wrong and what to do.
SELFSCALE_API std::vector<LoadPoint> trace_from_csv(std::string_view text);

/// The service being scaled: replicas of equal capacity behind a fair balancer.
struct ServiceModel {
  double capacity_per_replica =
      0.0;  ///< requests per second that one ready replica can serve; above 0
  double startup_seconds =
      30.0;  ///< from the order until a replica is ready; it is paid for meanwhile
  double service_seconds = 0.1;   ///< response time of a request that waits for nothing
  double timeout_seconds = 30.0;  ///< a client that has waited this long gives up: an error
  double memory_percent = 25.0;   ///< memory_usage of every replica, at any load
  bool random_arrivals = false;   ///< Poisson noise on the arrivals, drawn from the seed
};

/// What one evaluation saw and said. Rates, errors and percentiles are of the time since the
/// evaluation before.
struct SimulationStep {
  double seconds = 0.0;
  double offered_per_second = 0.0;
  double served_per_second = 0.0;
  double errors = 0.0;
  double backlog = 0.0;      ///< requests waiting now
  double utilization = 0.0;  ///< of the ready replicas' capacity, 0 to 1
  double p50_seconds = 0.0;
  double p95_seconds = 0.0;
  int desired_replicas = 0;  ///< after this evaluation
  int current_replicas = 0;
  int ready_replicas = 0;
  int recommended_replicas = 0;
  Action action = Action::none;
  Code code = Code::all_hold;
};

/// A whole run. Percentiles are of all requests; one that timed out counts as an error and with the
/// timeout as its time.
struct SimulationSummary {
  double requests = 0.0;
  double errors = 0.0;
  double p50_seconds = 0.0;
  double p95_seconds = 0.0;
  double p99_seconds = 0.0;
  double replica_seconds = 0.0;  ///< from the order to the removal, start-up included
  int scale_events = 0;
  double offered_per_second = 0.0;  ///< mean
};

struct Simulation {
  std::vector<SimulationStep> steps;  ///< one per evaluation
  std::vector<ScalingEvent> events;   ///< times are trace time
  SimulationSummary summary;
};

/// Runs one policy on one load, from the load's first point to its last, starting with the policy's
/// initial replicas ready.
///
/// Arrivals beyond the capacity wait in one queue (fluid: backlog' = backlog + (load - ready x
/// capacity) dt); below it requests wait as in M/M/k with k = capacity x service time (Sakasegawa's
/// approximation). Starts never fail.
///
/// Readings the model has: cpu_usage (the utilization), memory_usage, in_flight,
/// requests_per_second, request_rate per replica; for the service, rates asked for as
/// `across: sum`, response_time, request_queue_time, error_rate, and by a worker's names
/// queue_length (the backlog), queue_latency, failure_rate. Others are missing; a preset's rules on
/// them are left out.
///
/// Throws Error(invalid_argument) for a load or a model that makes no sense.
SELFSCALE_API Simulation simulate(const Policy& policy, const std::vector<LoadPoint>& load,
                                  const ServiceModel& service, std::uint64_t seed = 0);

}  // namespace selfscale
