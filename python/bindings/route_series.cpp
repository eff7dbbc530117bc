#include "route_series.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <string_view>

#include "metrics/registry.hpp"

namespace selfscale::python {
namespace {

using namespace std::string_view_literals;

constexpr std::array methods{"GET"sv,    "POST"sv, "PUT"sv,     "PATCH"sv,
                             "DELETE"sv, "HEAD"sv, "OPTIONS"sv, "other"sv};
constexpr auto other_method = methods.size() - 1;

std::string labels_of(std::string_view path, std::size_t method) {
  return "route=" + std::string{path} + ",method=" + std::string{methods[method]};
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

/// Out of the line of every request. A status that is none (an app may send any number, or nothing)
/// is "other".
metrics::Held<Counter> RouteSeries::first_with(int status) {
  const bool is_status = status >= 100 && status <= 599;
  if (!is_status && status != 0) return requests(0);
  const bool is_overflow = labels_ == metrics::overflow_labels;
  try {
    const auto named = ",status=" + (is_status ? std::to_string(status) : "other");
    const auto labels = is_overflow ? labels_ : labels_ + named;
    answered_.push_back({status, agent_.counter("requests_total", labels)});
    return answered_.back().requests;
  } catch (const std::exception&) {  // labels that are too long with the status
    answered_.push_back({status, agent_.counter("requests_total", metrics::overflow_labels)});
    return answered_.back().requests;
  }
}

RouteSeries* RouteTable::of_scope(PyObject* scope) {
  return find(route_in(scope, keys_), at(scope, keys_.method));
}

RouteSeries* RouteTable::of_environ(PyObject* environ) {
  return find(at(environ, keys_.selfscale_route), at(environ, keys_.request_method));
}

/// Methods are whatever a client writes: only the known ones become labels.
RouteTable::Method RouteTable::method_of(PyObject* name) {
  static_assert(methods.size() == method_count);
  const std::string_view given = name != nullptr ? ascii_of(name) : ""sv;
  if (is(given, "GET")) return 0;
  const auto* known = std::find(methods.begin(), methods.begin() + other_method, given);
  return static_cast<Method>(known - methods.begin());
}

RouteSeries* RouteTable::find(PyObject* route, PyObject* method) {
  const Method known = method_of(method);
  if (route == nullptr || route == Py_None) return unrouted(known);
  Py_INCREF(route);
  // Templates that are equal are one route.
  if (PyUnicode_CheckExact(route) != 0) PyUnicode_InternInPlace(&route);
  RouteSeries* series = find(route, known);
  Py_DECREF(route);
  return series;
}

RouteSeries* RouteTable::find(PyObject* route, Method method) {
  Place& place = place_of(route, method);
  if (place.series) return place.series.get();
  if (place.route == nullptr && count_ < most_routes) fill(place, route, method);
  if (place.series) return place.series.get();
  return place.has_template ? overflow() : unrouted(method);
}

RouteTable::Place& RouteTable::place_of(PyObject* route, Method method) noexcept {
  auto at = (reinterpret_cast<std::uintptr_t>(route) >> 4U) + method * std::uintptr_t{31};
  at ^= at >> 8U;
  for (;; ++at) {
    Place& place = places_[at % places_.size()];
    if (place.route == nullptr || (place.route == route && place.method == method)) return place;
  }
}

/// Reading a template may run Python, which may come back here: the place is taken before.
void RouteTable::fill(Place& place, PyObject* route, Method method) {
  ++count_;
  place.route = Py_NewRef(route);
  place.method = method;
  const std::string path = template_of(route);
  place.has_template = !path.empty();
  if (place.has_template) make(place.series, labels_of(path, method));
}

/// Labels that the registry refuses cost this route its series, nothing else.
RouteSeries* RouteTable::make(std::unique_ptr<RouteSeries>& series, std::string labels) noexcept {
  try {
    if (!series) series = std::make_unique<RouteSeries>(*agent_, std::move(labels));
  } catch (const std::exception&) {
  }
  return series.get();
}

RouteSeries* RouteTable::unrouted(Method method) noexcept {
  auto& series = unrouted_[method];
  return series ? series.get() : make(series, labels_of("", method));
}

RouteSeries* RouteTable::overflow() noexcept {
  return overflow_ ? overflow_.get() : make(overflow_, std::string{metrics::overflow_labels});
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
  for (auto& series : unrouted_) series.reset();
  overflow_.reset();
  count_ = 0;
}

}  // namespace selfscale::python
