/// What every request is measured by, whichever way it reaches the app.
///
/// A request is counted, with its response time to the last byte of the body, when that byte is
/// handed to the server; one whose work ends without a whole answer is counted then.
#pragma once

#include <cstdint>
#include <memory>
#include <selfscale/agent.hpp>
#include <string_view>

#include "clock_skews.hpp"
#include "keys.hpp"
#include "recording.hpp"
#include "request_start.hpp"
#include "route_series.hpp"

namespace selfscale::python {

enum class Interface : std::uint8_t { asgi, wsgi };

/// How the app's work on a request ended.
enum class Ending : std::uint8_t {
  returned,
  raised,
  left,  ///< cancelled, closed, or dropped: nobody waits for the answer
};

/// One request in flight.
struct Measured {
  std::int64_t started = 0;  ///< nanoseconds of the monotonic clock
  int status = 0;            ///< 0: the answer has not begun
  Interface interface = Interface::asgi;
  bool is_counted = false;
  bool has_left = false;
};

/// A web socket's connection.
struct MeasuredSocket {
  bool is_open = false;
  bool has_left = false;
};

/// The metrics of requests, by the names that policies know. All members: with the interpreter
/// lock, and no exception set; none is left behind.
class RequestMetrics {
 public:
  explicit RequestMetrics(const std::shared_ptr<Agent>& agent);

  /// A request begins now.
  void enter(Measured& request, Interface interface) const noexcept;
  /// Records how long the request has waited in front of the app, if a proxy has said so.
  void record_start_of_scope(PyObject* scope);
  void record_start_of_environ(PyObject* environ);
  /// The whole answer is out. `context`: the request's scope or environ.
  void answered(Measured& request, PyObject* context);
  /// The app's work has ended. Twice is harmless.
  void leave(Measured& request, PyObject* context, Ending ending);

  void accepted(MeasuredSocket& socket) const noexcept;
  void leave(MeasuredSocket& socket, Ending ending) const noexcept;

  [[nodiscard]] const Keys& keys() const noexcept { return keys_; }
  [[nodiscard]] int traverse(visitproc visit, void* arg) const {
    return routes_.traverse(visit, arg);
  }
  void clear() { routes_.clear(); }

 private:
  struct Answer {
    int status;     ///< 0: nobody got one
    bool is_error;  ///< also of one that broke off
    bool is_timed;  ///< its response time means something
  };
  void count(Measured& request, PyObject* context, Answer answer);
  void record_start(const RequestStart& start, std::string_view host, double now);

  Keys keys_;
  metrics::Held<Counter> requests_;
  metrics::Held<Counter> errors_;
  Gauge in_flight_;
  metrics::Held<Distribution> response_time_;
  metrics::Held<Distribution> queue_time_;
  metrics::Held<Counter> refused_starts_;
  RouteTable routes_;
  ClockSkews skews_;
  metrics::Held<Counter> sockets_;
  metrics::Held<Counter> socket_errors_;
  Gauge open_sockets_;
};

}  // namespace selfscale::python
