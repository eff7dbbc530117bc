/// AsgiCall: what a call of the middleware returns. It is awaited in place of the coroutine that
/// the app has returned, hands everything on to that, and so learns how it ends, without a
/// coroutine of its own.
///
/// To Python it is a collections.abc.Coroutine: tasks can be made of it, and debuggers find the
/// app's frame in it.
#pragma once

#include "asgi_send.hpp"

namespace selfscale::python {

struct AsgiCall {
  PyObject_HEAD           // NOLINT
      PyObject* awaited;  ///< owned: the app's coroutine, or what else it returned; null: over
  AsgiSend* send;         ///< owned
  sendfunc drive;  ///< sends into `awaited`; null: what can be driven has yet to be made of it
  bool is_running;
};

/// Takes both references, also when there is no memory: null with an exception set then.
PyObject* new_asgi_call(Recorder& recorder, PyObject* awaited, AsgiSend* send) noexcept;

void add_asgi_call(py::module_& module);

}  // namespace selfscale::python
