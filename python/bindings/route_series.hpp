/// Metrics by route template and method. Routes are told apart by identity, so that a template is
/// read once.
#pragma once

#include <map>
#include <memory>
#include <selfscale/agent.hpp>
#include <string>
#include <utility>

#include "keys.hpp"

namespace selfscale::python {

/// One route's metrics.
struct RouteSeries {
  Counter requests;
  Counter errors;
  Distribution response_time;
};

/// Holds strong references to the routes it knows. Bounded: routes past the limit have no series of
/// their own. All members: with the interpreter lock.
class RouteTable {
 public:
  static constexpr std::size_t most_routes = 100;

  /// `keys` outlives the table.
  RouteTable(std::shared_ptr<Agent> agent, const Keys& keys)
      : agent_{std::move(agent)}, keys_{keys} {}
  RouteTable(const RouteTable&) = delete;
  RouteTable& operator=(const RouteTable&) = delete;
  ~RouteTable() { clear(); }

  /// The series of the route that this scope was routed to; null when it has none. Leaves no Python
  /// exception behind.
  const RouteSeries* find(PyObject* scope);
  int traverse(visitproc visit, void* arg) const;
  void clear();

 private:
  using Key = std::pair<PyObject*, const char*>;  ///< route and method; methods are compared by the
                                                  ///< address of their name below
  [[nodiscard]] PyObject* route_in(PyObject* scope) const;
  [[nodiscard]] const char* method_in(PyObject* scope) const;
  [[nodiscard]] std::string template_of(PyObject* route) const;
  const RouteSeries* add(PyObject* route, const char* method);

  std::shared_ptr<Agent> agent_;
  const Keys& keys_;
  std::map<Key, std::unique_ptr<RouteSeries>> series_;  ///< null: the route has no template
};

}  // namespace selfscale::python
