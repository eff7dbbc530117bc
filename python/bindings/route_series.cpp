#include "route_series.hpp"

#include <array>
#include <exception>

namespace selfscale::python {
namespace {

constexpr std::array methods{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
constexpr const char* other_method = "other";

}  // namespace

/// Methods are whatever a client writes: only the known ones become labels.
const char* RouteTable::method_in(PyObject* scope) const {
  PyObject* method = at(scope, keys_.method);
  if (method == nullptr || PyUnicode_Check(method) == 0) return other_method;
  for (const char* known : methods) {
    if (PyUnicode_CompareWithASCIIString(method, known) == 0) return known;
  }
  return other_method;
}

/// In newer versions of FastAPI the route of an included router knows the inner part of its path;
/// what knows the whole stands beside it.
PyObject* RouteTable::route_in(PyObject* scope) const {
  PyObject* fastapi = at(scope, keys_.fastapi);
  PyObject* whole = fastapi != nullptr ? at(fastapi, keys_.effective_route_context) : nullptr;
  return whole != nullptr && whole != Py_None ? whole : at(scope, keys_.route);
}

/// The route's template; empty when it has none.
std::string RouteTable::template_of(PyObject* route) const {
  std::string found;
  PyObject* path = PyObject_GetAttr(route, keys_.path.ptr());
  if (path != nullptr && PyUnicode_Check(path) != 0) {
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(path, &size);
    if (text != nullptr) found.assign(text, static_cast<std::size_t>(size));
  }
  Py_XDECREF(path);
  PyErr_Clear();
  return found;
}

const RouteSeries* RouteTable::find(PyObject* scope) {
  PyObject* route = route_in(scope);
  if (route == nullptr || route == Py_None) return nullptr;
  const char* method = method_in(scope);
  const auto known = series_.find(Key{route, method});
  if (known != series_.end()) return known->second.get();
  return add(route, method);
}

const RouteSeries* RouteTable::add(PyObject* route, const char* method) {
  if (series_.size() >= most_routes) return nullptr;
  const std::string path = template_of(route);
  std::unique_ptr<RouteSeries> made;
  if (!path.empty()) {
    const std::string labels = "route=" + path + ",method=" + method;
    try {
      made = std::make_unique<RouteSeries>(RouteSeries{
          agent_->counter("requests_total", labels), agent_->counter("errors_total", labels),
          agent_->distribution("response_time", labels)});
    } catch (const std::exception&) {
      // A label that the registry refuses costs this route its series, nothing else.
    }
  }
  Py_INCREF(route);
  return series_.emplace(Key{route, method}, std::move(made)).first->second.get();
}

int RouteTable::traverse(visitproc visit, void* arg) const {
  for (const auto& [key, series] : series_) Py_VISIT(key.first);
  return 0;
}

void RouteTable::clear() {
  const auto dropped = std::exchange(series_, {});
  for (const auto& [key, series] : dropped) Py_DECREF(key.first);
}

}  // namespace selfscale::python
