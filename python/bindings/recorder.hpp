/// Recorder: what measures the requests of one process, as a heap type on the C API.
#pragma once

#include <memory>

#include "heap_type.hpp"
#include "request_metrics.hpp"

namespace selfscale::python {

struct AsgiCall;
struct AsgiSend;

/// The types of the objects that a request consists of.
struct RequestTypes {
  py::object call;
  py::object send;
  py::object wsgi;
};

/// Which responses ask their client to connect anew.
struct Closing {
  int every = 0;  ///< each so many; 0: none
  int until_next = 0;
  bool is_draining = false;  ///< all
  py::object header;         ///< (b"connection", b"close")

  /// Whether the response that begins now does.
  bool is_due() noexcept;
};

/// Where several middlewares measure for one agent, as around an app and around one that is mounted
/// in it, a request counts in the one that it meets first. That marks what it measures; a single
/// one does not.
class Mark {
 public:
  void share(py::object agent) { agent_ = std::move(agent); }
  /// Whether another one measures this scope or environ for the same agent.
  [[nodiscard]] bool is_on(const Keys& keys, PyObject* context) const noexcept {
    return agent_ && at(context, keys.measured_by) == agent_.ptr();
  }
  /// Neither leaves an exception behind; none may be set before.
  void put_on(const Keys& keys, PyObject* context) const noexcept;
  void take_off(const Keys& keys, PyObject* context) const noexcept;

  [[nodiscard]] PyObject* agent() const noexcept { return agent_.ptr(); }
  void clear() { agent_ = {}; }

 private:
  py::object agent_;  ///< null: nobody else measures for it
};

struct Recorder {
  PyObject_HEAD  // NOLINT
      RequestMetrics metrics;
  Mark mark;
  RequestTypes types;
  Closing closing;
  FreeList<AsgiCall> calls;
  FreeList<AsgiSend> sends;
};

/// A recorder; says so in signatures.
class RecorderObject : public py::object {
 public:
  using py::object::object;
};

/// A recorder on the agent's metrics. `close_every`: each so many responses ask the client to
/// connect anew; 0: none does.
RecorderObject new_recorder(const py::module_& module, const std::shared_ptr<Agent>& agent,
                            int close_every);

bool is_recorder(PyObject* object) noexcept;

void add_recorder(py::module_& module);

}  // namespace selfscale::python

template <>
struct pybind11::detail::handle_type_name<selfscale::python::RecorderObject> {
  static constexpr auto name = const_name("selfscale._core.Recorder");
};
