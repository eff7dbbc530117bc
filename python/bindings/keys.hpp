/// The keys by which scopes and messages are read, interned once: a look-up then compares
/// addresses.
#pragma once

#include <pybind11/pybind11.h>

namespace selfscale::python {

namespace py = pybind11;

class Keys {
 public:
  const py::object type = interned("type");
  const py::object status = interned("status");
  const py::object headers = interned("headers");
  const py::object client = interned("client");
  const py::object more_body = interned("more_body");
  const py::object http_version = interned("http_version");
  const py::object method = interned("method");
  const py::object route = interned("route");
  const py::object path = interned("path");
  const py::object fastapi = interned("fastapi");
  const py::object effective_route_context = interned("effective_route_context");

 private:
  static py::object interned(const char* text) {
    return py::reinterpret_steal<py::object>(PyUnicode_InternFromString(text));
  }
};

/// The value of a key, borrowed; null when it is not there or `dict` is no dict. Raises nothing.
inline PyObject* at(PyObject* dict, const py::object& key) noexcept {
  return PyDict_Check(dict) != 0 ? PyDict_GetItem(dict, key.ptr()) : nullptr;
}

}  // namespace selfscale::python
