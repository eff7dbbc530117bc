#include "asgi_send.hpp"

#include <structmember.h>

#include <string_view>

#include "metric_types.hpp"

namespace selfscale::python {
namespace {

bool is_last_body(const Keys& keys, PyObject* message) {
  PyObject* more = at(message, keys.more_body);
  if (more == nullptr || more == Py_False) return true;
  const int is_more = PyObject_IsTrue(more);
  if (is_more < 0) PyErr_Clear();
  return is_more != 1;
}

/// Also of an http.HTTPStatus; 0 when it is no number.
int status_in(const Keys& keys, PyObject* message) {
  PyObject* status = at(message, keys.status);
  if (status == nullptr || PyLong_Check(status) == 0) return 0;
  int overflow = 0;
  const long value = PyLong_AsLongAndOverflow(status, &overflow);
  return overflow == 0 ? static_cast<int>(value) : 0;
}

/// HTTP/1 alone has connections that a response can end.
bool can_close(const AsgiSend& send) {
  if (send.scope == nullptr) return false;
  PyObject* version = at(send.scope, send.recorder->metrics.keys().http_version);
  return version != nullptr && ascii_of(version).starts_with('1');
}

/// The start of a response with `connection: close` added; null when it cannot be made.
py::object with_close(const Recorder& recorder, PyObject* message) {
  const py::object& key = recorder.metrics.keys().headers;
  PyObject* headers = at(message, key);
  const auto longer = py::reinterpret_steal<py::object>(
      headers != nullptr ? PySequence_List(headers) : PyList_New(0));
  auto copy = py::reinterpret_steal<py::object>(longer ? PyDict_Copy(message) : nullptr);
  const bool is_made = copy && PyList_Append(longer.ptr(), recorder.closing.header.ptr()) == 0 &&
                       PyDict_SetItem(copy.ptr(), key.ptr(), longer.ptr()) == 0;
  if (is_made) return copy;
  PyErr_Clear();
  return {};
}

/// Notes what passes, and returns what to send instead of `message`; null: send it as it is.
py::object note_http(AsgiSend& send, PyObject* message) {
  RequestMetrics& metrics = send.recorder->metrics;
  PyObject* type = at(message, metrics.keys().type);
  // Message types hold dots, so they are not interned: they are compared by their characters.
  const std::string_view name = type != nullptr ? ascii_of(type) : std::string_view{};
  if (is(name, "http.response.body")) {
    if (is_last_body(metrics.keys(), message)) metrics.answered(send.request, send.scope);
  } else if (is(name, "http.response.start")) {
    send.request.status = status_in(metrics.keys(), message);
    if (send.recorder->closing.is_due() && can_close(send))
      return with_close(*send.recorder, message);
  } else if (is(name, "http.response.pathsend")) {
    metrics.answered(send.request, send.scope);
  }
  return {};
}

void note_websocket(AsgiSend& send, PyObject* message) {
  PyObject* type = at(message, send.recorder->metrics.keys().type);
  if (type != nullptr && is(ascii_of(type), "websocket.accept"))
    send.recorder->metrics.accepted(send.socket);
}

/// Takes the message by position or, as some apps do, by name.
PyObject* send_call(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) {
  auto& send = *as<AsgiSend>(self);
  if (send.send == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "send() of a request that was collected as garbage");
    return nullptr;
  }
  const Py_ssize_t by_name = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
  py::object changed;
  if (PyVectorcall_NARGS(flags) + by_name == 1 && PyDict_Check(arguments[0]) != 0) {
    if (send.connection == Connection::http) {
      changed = note_http(send, arguments[0]);
    } else {
      note_websocket(send, arguments[0]);
    }
  }
  if (!changed) return PyObject_Vectorcall(send.send, arguments, flags, names);
  return PyObject_CallOneArg(send.send, changed.ptr());
}

bool has_left(const AsgiSend& send) noexcept {
  return send.connection == Connection::http ? send.request.has_left : send.socket.has_left;
}

void leave(AsgiSend& send, Ending ending) noexcept {
  RequestMetrics& metrics = send.recorder->metrics;
  if (send.connection == Connection::http) {
    metrics.leave(send.request, send.scope, ending);
  } else {
    metrics.leave(send.socket, ending);
  }
  if (send.scope == nullptr) return;
  send.recorder->mark.take_off(metrics.keys(), send.scope);
  Py_CLEAR(send.scope);  // an app may have put `send` into it
}

int send_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& send = *as<AsgiSend>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object_of(send.recorder));
  Py_VISIT(send.scope);
  Py_VISIT(send.send);
  return 0;
}

int send_clear(PyObject* self) {
  // The recorder stays: what is dropped while in flight still has to leave.
  Py_CLEAR(as<AsgiSend>(self)->scope);
  Py_CLEAR(as<AsgiSend>(self)->send);
  return 0;
}

void send_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto& send = *as<AsgiSend>(self);
  Recorder* recorder = send.recorder;
  PyObject_GC_UnTrack(self);
  if (!has_left(send)) {
    const Undisturbed kept;
    leave(send, Ending::left);
  }
  Py_CLEAR(send.send);
  recorder->sends.give(&send);
  Py_DECREF(type);
  Py_DECREF(object_of(recorder));
}

PyObject* send_mark(PyObject* self, PyObject*) {
  const auto& send = *as<AsgiSend>(self);
  if (send.scope != nullptr) send.recorder->mark.put_on(send.recorder->metrics.keys(), send.scope);
  Py_RETURN_NONE;
}

PyMethodDef send_methods[] = {
    {"mark", send_mark, METH_NOARGS,
     "mark($self)\n--\n\nMark the scope as measured, as Recorder.share() has those marked that "
     "begin later."},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef send_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(AsgiSend, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot send_slots[] = {{Py_tp_call, slot(&PyVectorcall_Call)},
                            {Py_tp_traverse, slot(&send_traverse)},
                            {Py_tp_clear, slot(&send_clear)},
                            {Py_tp_dealloc, slot(&send_deallocate)},
                            {Py_tp_methods, send_methods},
                            {Py_tp_members, send_members},
                            {Py_tp_doc, const_cast<char*>("The `send` of a measured connection.")},
                            {0, nullptr}};

PyType_Spec send_specification{"selfscale._core.AsgiSend", sizeof(AsgiSend), 0,
                               internal_type_flags | Py_TPFLAGS_HAVE_VECTORCALL, send_slots};

}  // namespace

AsgiSend* new_asgi_send(Recorder& recorder, Connection connection, PyObject* scope,
                        PyObject* send) noexcept {
  AsgiSend* made = recorder.sends.take(as<PyTypeObject>(recorder.types.send.ptr()));
  if (made == nullptr) return nullptr;
  made->vectorcall = &send_call;
  made->recorder = as<Recorder>(Py_NewRef(object_of(&recorder)));
  made->scope = Py_NewRef(scope);
  made->send = Py_NewRef(send);
  made->connection = connection;
  made->socket = {};
  recorder.mark.put_on(recorder.metrics.keys(), scope);
  PyObject_GC_Track(object_of(made));
  if (connection == Connection::http) {
    recorder.metrics.enter(made->request, Interface::asgi);
    recorder.metrics.record_start_of_scope(scope);
  }
  return made;
}

void end(AsgiSend& send, Ending ending) noexcept {
  if (!has_left(send)) leave(send, ending);
}

void end_raising(AsgiSend& send, PyObject* raised) noexcept {
  const bool is_failure = PyErr_GivenExceptionMatches(raised, PyExc_Exception) != 0;
  end(send, is_failure ? Ending::raised : Ending::left);
}

void add_asgi_send(py::module_& module) { add_type(module, "AsgiSend", send_specification); }

}  // namespace selfscale::python
