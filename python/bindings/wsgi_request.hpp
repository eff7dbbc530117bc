/// WsgiRequest: what an app gets as `start_response`. It reads the status in passing; the server's
/// `write` is returned as it is.
#pragma once

#include "recorder.hpp"

namespace selfscale::python {

/// A request begins. Null with an exception set when there is no memory.
PyObject* new_wsgi_request(Recorder& recorder, PyObject* environ, PyObject* start_response);

void add_wsgi_request(py::module_& module);

}  // namespace selfscale::python
