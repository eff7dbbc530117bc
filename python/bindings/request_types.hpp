/// Recorder and Request: what the ASGI middleware measures with, as heap types on the C API.
///
///     request = recorder.enter(scope, send)     # in flight from here; time in the proxy's queue
///     await app(scope, receive, request)        # a request stands for `send` and sees the answer
///     pass request.leave(cancelled)                  # no longer in flight
///
/// A request is counted, with its response time to the last byte of the body, when that byte is
/// handed to the server; one that leaves without a whole answer is counted then. Whatever an app
/// does with its scope, messages and exceptions passes through.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <selfscale/agent.hpp>

namespace selfscale::python {

namespace py = pybind11;

/// A recorder; says so in signatures.
class RecorderObject : public py::object {
 public:
  using py::object::object;
};

/// A recorder on the agent's metrics. `close_every`: each so many responses ask the client to
/// connect anew; 0: none does.
RecorderObject new_recorder(const py::module_& module, std::shared_ptr<Agent> agent,
                            int close_every);

}  // namespace selfscale::python

template <>
struct pybind11::detail::handle_type_name<selfscale::python::RecorderObject> {
  static constexpr auto name = const_name("selfscale._core.Recorder");
};
