#include "route_series.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string_view>

namespace selfscale::python {
namespace {

using namespace std::string_view_literals;

constexpr std::array methods{"GET"sv,    "POST"sv, "PUT"sv,    "PATCH"sv,
                             "DELETE"sv, "HEAD"sv, "OPTIONS"sv};
constexpr auto other_method = "other"sv;

/// Methods are whatever a client writes: only the known ones become labels.
const char* known_method(PyObject* method) {
  const std::string_view given = method != nullptr ? ascii_of(method) : ""sv;
  if (is(given, "GET")) return methods.front().data();
  const auto* known = std::ranges::find(methods, given);
  return known != methods.end() ? known->data() : other_method.data();
}

/// In newer versions of FastAPI the route of an included router knows the inner part of its path;
/// what knows the whole stands beside it.
PyObject* route_in(PyObject* scope, const Keys& keys) {
  PyObject* fastapi = at(scope, keys.fastapi);
  PyObject* whole = fastapi != nullptr ? at(fastapi, keys.effective_route_context) : nullptr;
  return whole != nullptr && whole != Py_None ? whole : at(scope, keys.route);
}

std::string text_in(PyObject* object) {
  Py_ssize_t size = 0;
  const char* text =
      PyUnicode_Check(object) != 0 ? PyUnicode_AsUTF8AndSize(object, &size) : nullptr;
  return text != nullptr ? std::string{text, static_cast<std::size_t>(size)} : "";
}

}  // namespace

const RouteSeries* RouteTable::of_scope(PyObject* scope) {
  PyObject* route = route_in(scope, keys_);
  if (route == nullptr || route == Py_None) return nullptr;
  return find(route, at(scope, keys_.method));
}

const RouteSeries* RouteTable::of_environ(PyObject* environ) {
  PyObject* route = at(environ, keys_.selfscale_route);
  if (route == nullptr || route == Py_None) return nullptr;
  return find(route, at(environ, keys_.request_method));
}

const RouteSeries* RouteTable::find(PyObject* route, PyObject* method) {
  Py_INCREF(route);
  // Templates that are equal are one route.
  if (PyUnicode_CheckExact(route) != 0) PyUnicode_InternInPlace(&route);
  const char* known = known_method(method);
  Place& place = place_of(route, known);
  const RouteSeries* series = place.series.get();
  if (place.route == nullptr && count_ < most_routes) series = fill(place, route, known);
  Py_DECREF(route);
  return series;
}

RouteTable::Place& RouteTable::place_of(PyObject* route, const char* method) noexcept {
  auto at = (reinterpret_cast<std::uintptr_t>(route) >> 4U) +
            reinterpret_cast<std::uintptr_t>(method) * 31U;
  at ^= at >> 8U;
  for (;; ++at) {
    Place& place = places_[at % places_.size()];
    if (place.route == nullptr || (place.route == route && place.method == method)) return place;
  }
}

/// Reading a template may run Python, which may come back here: the place is taken before.
const RouteSeries* RouteTable::fill(Place& place, PyObject* route, const char* method) {
  ++count_;
  place.route = Py_NewRef(route);
  place.method = method;
  const std::string path = template_of(route);
  if (path.empty()) return nullptr;
  const std::string labels = "route=" + path + ",method=" + method;
  try {
    place.series = std::make_unique<RouteSeries>(RouteSeries{
        agent_->counter("requests_total", labels), agent_->counter("errors_total", labels),
        agent_->distribution("response_time", labels)});
  } catch (const std::exception&) {
    // A label that the registry refuses costs this route its series, nothing else.
  }
  return place.series.get();
}

/// The route's template; empty when it has none.
std::string RouteTable::template_of(PyObject* route) const {
  if (PyUnicode_Check(route) != 0) return text_in(route);
  PyObject* path = PyObject_GetAttr(route, keys_.path.ptr());
  const std::string found = path != nullptr ? text_in(path) : "";
  Py_XDECREF(path);
  PyErr_Clear();
  return found;
}

int RouteTable::traverse(visitproc visit, void* arg) const {
  for (const Place& place : places_) Py_VISIT(place.route);
  return 0;
}

void RouteTable::clear() {
  for (Place& place : places_) {
    place.series.reset();
    Py_CLEAR(place.route);
  }
  count_ = 0;
}

}  // namespace selfscale::python
