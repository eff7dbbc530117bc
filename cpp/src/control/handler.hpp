/// What people can ask of a running agent: the HTTP routes, apart from any socket.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "http/server.hpp"
#include "model/result.hpp"

namespace selfscale::control {

/// An order to scale, as it was taken.
struct Order {
  std::int64_t serial = 0;
  int replicas = 0;  ///< how many are aimed for: within the policy's bounds
};

/// A running agent, as far as people may ask something of it. Called on the control thread. JSON
/// goes out as everywhere inside, with times in seconds; the handler writes them as RFC 3339.
/// A service that the agent does not know is Errc::not_found.
class Controlled {
 public:
  virtual ~Controlled() = default;

  virtual double wall_time_seconds() = 0;  ///< since the epoch
  virtual double uptime_seconds() = 0;

  virtual Result<std::string> status_json() = 0;           ///< an object
  virtual Result<std::string> policies_json() = 0;         ///< an array, one policy each
  virtual Result<std::string> recommendations_json() = 0;  ///< an array, one Recommendation each
  /// An array of ScalingEvents, newest first.
  virtual Result<std::string> history_json(const std::string& service, int limit) = 0;
  /// A DecisionRecord with its policy as the key "policy"; `id` may be an event's.
  virtual Result<std::string> decision_json(const std::string& id) = 0;

  /// An empty service: the global switch. `by` says who, for status.
  virtual boost::asio::awaitable<Result<void>> enable(std::string service, bool enabled,
                                                      std::string by) = 0;
  /// Without `until`: until resumed. `by` says who, for the log.
  virtual boost::asio::awaitable<Result<void>> pause(std::string service,
                                                     std::optional<double> until_wall_seconds,
                                                     std::string by) = 0;
  virtual boost::asio::awaitable<Result<void>> resume(std::string service, std::string by) = 0;
  /// Orders exactly `replicas`; the leader acts on it later.
  virtual boost::asio::awaitable<Result<Order>> scale(std::string service, int replicas,
                                                      std::string by) = 0;
};

/// Answers one request; never throws. `agent` outlives the coroutine.
///
///     GET  /health, /api/health
///     GET  /api/autoscaling/status | policies | recommendations
///     GET  /api/autoscaling/history/{service}?limit=50
///     GET  /api/autoscaling/decisions/{id}       the record as journalled, times in seconds
///     POST /api/autoscaling/enable               {"enabled": true, "service"?: "backend"}
///     POST /api/autoscaling/pause/{service}      {"until"?: "2026-01-19T10:30:00Z"}
///     POST /api/autoscaling/resume/{service}
///     POST /api/autoscaling/test/{service}       {"replicas": 3}; answers what is aimed for
///
/// Bodies are {"success": true, …} or {"success": false, "error": {"code", "message", "details"}}.
boost::asio::awaitable<http::Response> handle(http::Request request, Controlled& agent);

}  // namespace selfscale::control
