#include <pybind11/stl.h>

#include <string_view>
#include <utility>

#include "asgi_call.hpp"
#include "asgi_middleware.hpp"
#include "asgi_send.hpp"
#include "bindings.hpp"
#include "clock_skews.hpp"
#include "recorder.hpp"
#include "request_start.hpp"
#include "wsgi_request.hpp"

namespace selfscale::python {

void bind_requests(py::module_& module) {
  py::class_<ClockSkews>(module, "ClockSkews", "What the clocks of proxies add to waits.")
      .def(py::init<>())
      .def("waited", &ClockSkews::waited, py::arg("host"), py::arg("reported"), py::arg("now"),
           "Of a wait that a host reported the part that is one.");
  add_asgi_send(module);
  add_asgi_call(module);
  add_wsgi_request(module);
  add_recorder(module);
  add_asgi_middleware(module);
  module.def(
      "read_request_start",
      [](const py::bytes& value, double now) {
        const RequestStart start = read_request_start(std::string_view{value}, now);
        return std::make_pair(start.queue_seconds, start.refused);
      },
      py::arg("value"), py::arg("now"),
      "Seconds since the earliest valid start in a header's value, or None; and whether any was "
      "refused.");
}

}  // namespace selfscale::python
