/// What the parts of the extension module know of each other.
#pragma once

#include <pybind11/pybind11.h>

namespace selfscale::python {

namespace py = pybind11;

/// What a user's function raised, as C++ exceptions go: a selfscale.Error keeps its code, a
/// DriverError its permission and how long to wait besides; any other is Errc::failed with its type
/// and words. Under the interpreter lock.
[[noreturn]] void throw_as_error(const py::error_already_set& raised);

void bind_errors(py::module_& module);
void bind_policy(py::module_& module);
void bind_decide(py::module_& module);
void bind_stages(py::module_& module);
void bind_metrics(py::module_& module);
void bind_requests(py::module_& module);
void bind_agent(py::module_& module);
void bind_simulate(py::module_& module);
void bind_journal(py::module_& module);

}  // namespace selfscale::python
