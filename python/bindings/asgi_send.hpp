/// AsgiSend: what an app gets as `send`. It holds what is known of the request and reads in passing
/// where its answer begins and ends; what the server's own `send` returns is returned as it is.
///
/// References go one way: awaitable → coroutine → its frame → this → the server's `send`.
#pragma once

#include "recorder.hpp"

namespace selfscale::python {

enum class Connection : std::uint8_t { http, websocket };

struct AsgiSend {
  PyObject_HEAD  // NOLINT
      vectorcallfunc vectorcall;
  Recorder* recorder;  ///< owned
  PyObject* scope;     ///< owned; null once the app's work has ended
  PyObject* send;      ///< owned; the server's
  Connection connection;
  Measured request;
  MeasuredSocket socket;
};

/// A connection begins. Null with an exception set when there is no memory.
AsgiSend* new_asgi_send(Recorder& recorder, Connection connection, PyObject* scope,
                        PyObject* send) noexcept;

/// The app's work has ended. No exception is set, or Undisturbed keeps it. Twice is harmless.
void end(AsgiSend& send, Ending ending) noexcept;

/// The same with Ending::raised or, for an exception that is none of Exception's kind, as
/// cancellations are, Ending::left.
void end_raising(AsgiSend& send, PyObject* raised) noexcept;

void add_asgi_send(py::module_& module);

}  // namespace selfscale::python
