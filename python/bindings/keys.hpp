/// The keys by which scopes, messages and environs are read, interned once: a look-up then compares
/// addresses.
#pragma once

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstring>
#include <string_view>

namespace selfscale::python {

namespace py = pybind11;

class Keys {
 public:
  /// In a scope or environ: who measures it.
  const py::object measured_by = interned("selfscale.measured_by");

  // ASGI
  const py::object type = interned("type");
  const py::object http = interned("http");
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

  // WSGI
  const py::object request_method = interned("REQUEST_METHOD");
  const py::object request_start = interned("HTTP_X_REQUEST_START");
  const py::object queue_start = interned("HTTP_X_QUEUE_START");
  const py::object remote_address = interned("REMOTE_ADDR");
  const py::object selfscale_route = interned("selfscale.route");
  const py::object werkzeug_request = interned("werkzeug.request");
  const py::object url_rule = interned("url_rule");
  const py::object rule = interned("rule");

 private:
  static py::object interned(const char* text) {
    return py::reinterpret_steal<py::object>(PyUnicode_InternFromString(text));
  }
};

/// The value of a key, borrowed; null when it is not there or `dict` is none. Leaves no exception
/// behind; none may be set before.
inline PyObject* at(PyObject* dict, const py::object& key) noexcept {
  if (dict == nullptr || PyDict_Check(dict) == 0) return nullptr;
  PyObject* found = PyDict_GetItemWithError(dict, key.ptr());
  if (found == nullptr && PyErr_Occurred() != nullptr) PyErr_Clear();
  return found;
}

/// The characters of a plain string of ASCII, for as long as it lives; empty for anything else.
inline std::string_view ascii_of(PyObject* object) noexcept {
  if (PyUnicode_CheckExact(object) == 0 || PyUnicode_IS_COMPACT_ASCII(object) == 0) return {};
  return {static_cast<const char*>(PyUnicode_DATA(object)),
          static_cast<std::size_t>(PyUnicode_GET_LENGTH(object))};
}

/// Whether a text is one that is known here: with its length known, too, nothing is called.
template <std::size_t Size>
bool is(std::string_view text, const char (&known)[Size]) noexcept {
  return text.size() == Size - 1 && std::memcmp(text.data(), known, Size - 1) == 0;
}

}  // namespace selfscale::python
