/// The service: what happens to the requests of one small step of time.
#pragma once

#include <selfscale/simulate.hpp>

namespace selfscale::sim {

class Latencies;

/// One step of the service, as its readings and its percentiles are made from it.
struct ServiceStep {
  double seconds = 0.0;  ///< length
  double arrivals = 0.0;
  double served = 0.0;
  double lost = 0.0;  ///< gave up
  double backlog = 0.0;
  double utilization = 0.0;
  int ready = 0;
  double queued_seconds = 0.0;   ///< wait of every arriving request, behind the backlog
  double waiting_share = 0.0;    ///< share of requests that wait although there is capacity ...
  double waiting_seconds = 0.0;  ///< ... exponentially, with this mean
  double service_seconds = 0.0;
  double timeout_seconds = 0.0;

  [[nodiscard]] double mean_wait() const noexcept {
    return queued_seconds + waiting_share * waiting_seconds;
  }
  /// Requests inside the replicas or waiting for them, by Little's law.
  [[nodiscard]] double in_flight() const noexcept;
  /// Adds the waits of a share of this step's requests, each lengthened by `base` seconds and none
  /// over `most`.
  void add_waits(double base, double share, double most, Latencies& latencies) const noexcept;
  /// Adds what the clients saw: response times, and the timeout for those that gave up.
  void add_responses(Latencies& latencies) const noexcept;
};

class ServiceQueue {
 public:
  explicit ServiceQueue(const ServiceModel& model) : model_{model} {}
  ServiceStep advance(double arrivals, int ready, double seconds) noexcept;

 private:
  ServiceModel model_;
  double backlog_ = 0.0;
};

}  // namespace selfscale::sim
