/// Metrics by route template and method. Routes are told apart by identity, so that a template is
/// read once.
#pragma once

#include <array>
#include <memory>
#include <selfscale/agent.hpp>
#include <string>
#include <utility>

#include "keys.hpp"
#include "recording.hpp"

namespace selfscale::python {

/// One route's metrics.
struct RouteSeries {
  metrics::Held<Counter> requests;
  metrics::Held<Counter> errors;
  metrics::Held<Distribution> response_time;
};

/// Holds strong references to the routes it knows. Bounded: routes past the limit have no series of
/// their own. All members: with the interpreter lock, and no exception set; none is left behind.
class RouteTable {
 public:
  static constexpr std::size_t most_routes = 100;

  /// `keys` outlives the table.
  RouteTable(std::shared_ptr<Agent> agent, const Keys& keys)
      : agent_{std::move(agent)}, keys_{keys} {}
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable() { clear(); }

  /// The series of the route that an ASGI scope was routed to; null when it has none. The route is
  /// an object with a `path`, as Starlette's, or the template itself.
  const RouteSeries* of_scope(PyObject* scope);
  /// The same of a WSGI environ's `selfscale.route`.
  const RouteSeries* of_environ(PyObject* environ);
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  /// A route asked for by one method; methods are compared by the address of their known name.
  struct Place {
    PyObject* route = nullptr;  ///< null: the place is free
    const char* method = nullptr;
    std::unique_ptr<RouteSeries> series;  ///< null: the route has no template
  };
  const RouteSeries* find(PyObject* route, PyObject* method);
  const RouteSeries* fill(Place& place, PyObject* route, const char* method);
  [[nodiscard]] std::string template_of(PyObject* route) const;
  Place& place_of(PyObject* route, const char* method) noexcept;

  std::shared_ptr<Agent> agent_;
  const Keys& keys_;
  std::array<Place, 256> places_;  ///< searched from a route's hash on; never full
  std::size_t count_ = 0;
};

}  // namespace selfscale::python
