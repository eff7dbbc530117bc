/// Metrics by route template, method and, of requests, status. Routes are told apart by identity,
/// so that a template is read once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <selfscale/agent.hpp>
#include <string>
#include <utility>
#include <vector>

#include "keys.hpp"
#include "recording.hpp"

namespace selfscale::python {

/// One route's metrics, by one method.
class RouteSeries {
 public:
  /// Throws what the agent throws of labels that it refuses.
  RouteSeries(Agent& agent, std::string labels)
      : errors{agent.counter("errors_total", labels)},
        response_time{agent.distribution("response_time", labels)},
        agent_{agent},
        labels_{std::move(labels)} {}

  /// The requests that were answered with a status; 0: not at all. Each status has its counter from
  /// its first time on, which then is found by its number.
  metrics::Held<Counter> requests(int status) {
    for (const Answered& known : answered_) {
      if (known.status == status) return known.requests;
    }
    return first_with(status);
  }

  metrics::Held<Counter> errors;
  metrics::Held<Distribution> response_time;

 private:
  struct Answered {
    int status;
    metrics::Held<Counter> requests;
  };
  metrics::Held<Counter> first_with(int status);

  Agent& agent_;
  std::string labels_;
  std::vector<Answered> answered_;  ///< what a route has answered with; the first often most
};

/// Every request has a series, so that the sum over all is what was served: one that was routed
/// nowhere (404), or by a route without a template, that of an empty template; one of a route past
/// the limit, or that the registry refuses, that of the registry's overflow.
///
/// Holds strong references to the routes it knows. All members: with the interpreter lock, and no
/// exception set; none is left behind.
class RouteTable {
 public:
  static constexpr std::size_t most_routes = 100;

  /// `keys` outlives the table.
  RouteTable(std::shared_ptr<Agent> agent, const Keys& keys)
      : agent_{std::move(agent)}, keys_{keys} {}
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable() { clear(); }

  /// The series of the route that an ASGI scope was routed to: an object with a `path`, as
  /// Starlette's, or the template itself. Null when there is no memory for it.
  RouteSeries* of_scope(PyObject* scope);
  /// The same of a WSGI environ's `selfscale.route`.
  RouteSeries* of_environ(PyObject* environ);
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  using Method = std::uint8_t;  ///< a known one, by number; else that of all others
  static constexpr std::size_t method_count = 8;

  /// A route asked for by one method.
  struct Place {
    PyObject* route = nullptr;  ///< null: the place is free
    Method method = 0;
    std::unique_ptr<RouteSeries> series;  ///< null: the route has none of its own
    bool has_template = true;
  };
  static Method method_of(PyObject* name);
  RouteSeries* find(PyObject* route, PyObject* method);
  RouteSeries* find(PyObject* route, Method method);
  void fill(Place& place, PyObject* route, Method method);
  [[nodiscard]] std::string template_of(PyObject* route) const;
  Place& place_of(PyObject* route, Method method) noexcept;
  RouteSeries* make(std::unique_ptr<RouteSeries>& series, std::string labels) noexcept;
  RouteSeries* unrouted(Method method) noexcept;
  RouteSeries* overflow() noexcept;

  std::shared_ptr<Agent> agent_;
  const Keys& keys_;
  std::array<Place, 256> places_;  ///< searched from a route's hash on; never full
  std::size_t count_ = 0;
  std::array<std::unique_ptr<RouteSeries>, method_count> unrouted_;
  std::unique_ptr<RouteSeries> overflow_;
};

}  // namespace selfscale::python
