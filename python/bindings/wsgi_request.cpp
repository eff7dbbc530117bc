#include "wsgi_request.hpp"

#include <structmember.h>

#include <charconv>
#include <string_view>

#include "metric_types.hpp"

namespace selfscale::python {
namespace {

struct WsgiRequest {
  PyObject_HEAD  // NOLINT
      vectorcallfunc vectorcall;
  Recorder* recorder;        ///< owned
  PyObject* environ;         ///< owned; null once the app's work has ended
  PyObject* start_response;  ///< owned; the server's
  Measured measured;
};

/// The number that "404 Not Found" begins with; 0 when it is none.
int status_in(PyObject* line) {
  const std::string_view text = ascii_of(line);
  int status = 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status;
}

/// The rule of the route that Flask's request has taken; empty without one. Leaves no exception
/// behind.
py::object flask_rule(const Keys& keys, PyObject* environ) {
  PyObject* request = at(environ, keys.werkzeug_request);
  if (request == nullptr || request == Py_None) return {};
  const auto route =
      py::reinterpret_steal<py::object>(PyObject_GetAttr(request, keys.url_rule.ptr()));
  auto rule = py::reinterpret_steal<py::object>(
      route && !route.is_none() ? PyObject_GetAttr(route.ptr(), keys.rule.ptr()) : nullptr);
  PyErr_Clear();
  return rule;
}

/// Flask's request is in the environ until its answer has begun, and so is its route: it is noted
/// where any route is looked up in the end.
void note_flask_route(const Keys& keys, PyObject* environ) {
  if (at(environ, keys.selfscale_route) != nullptr) return;
  const py::object rule = flask_rule(keys, environ);
  if (rule && PyDict_SetItem(environ, keys.selfscale_route.ptr(), rule.ptr()) != 0) PyErr_Clear();
}

/// Called again with exc_info, it replaces an answer that has not gone out: the last status counts.
PyObject* request_start(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) {
  auto& request = *as<WsgiRequest>(self);
  if (request.start_response == nullptr) {
    PyErr_SetString(PyExc_RuntimeError,
                    "start_response() of a request that was collected as garbage");
    return nullptr;
  }
  if (PyVectorcall_NARGS(flags) > 0) request.measured.status = status_in(arguments[0]);
  note_flask_route(request.recorder->metrics.keys(), request.environ);
  return PyObject_Vectorcall(request.start_response, arguments, flags, names);
}

PyObject* request_answered(PyObject* self, PyObject*) {
  auto& request = *as<WsgiRequest>(self);
  request.recorder->metrics.answered(request.measured, request.environ);
  Py_RETURN_NONE;
}

void end(WsgiRequest& request, Ending ending) {
  const Undisturbed kept;
  const Recorder& recorder = *request.recorder;
  request.recorder->metrics.leave(request.measured, request.environ, ending);
  recorder.mark.take_off(recorder.metrics.keys(), request.environ);
  Py_CLEAR(request.environ);
}

PyObject* request_leave(PyObject* self, PyObject* error) {
  auto& request = *as<WsgiRequest>(self);
  const bool is_failure = PyObject_IsInstance(error, PyExc_Exception) == 1;
  const Ending raising = is_failure ? Ending::raised : Ending::left;
  end(request, error == Py_None ? Ending::returned : raising);
  Py_RETURN_NONE;
}

int request_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& request = *as<WsgiRequest>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(object_of(request.recorder));
  Py_VISIT(request.environ);
  Py_VISIT(request.start_response);
  return 0;
}

int request_clear(PyObject* self) {
  // The recorder stays: what is dropped while in flight still has to leave.
  Py_CLEAR(as<WsgiRequest>(self)->environ);
  Py_CLEAR(as<WsgiRequest>(self)->start_response);
  return 0;
}

void request_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto& request = *as<WsgiRequest>(self);
  PyObject_GC_UnTrack(self);
  end(request, Ending::left);
  Py_CLEAR(request.start_response);
  Py_DECREF(object_of(request.recorder));
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMemberDef request_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(WsgiRequest, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyMethodDef request_methods[] = {
    {"answered", request_answered, METH_NOARGS,
     "answered($self)\n--\n\nThe whole answer has been handed to the server."},
    {"leave", request_leave, METH_O,
     "leave($self, error, /)\n--\n\nThe app's work has ended, by an exception or None. Twice is "
     "harmless."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot request_slots[] = {{Py_tp_call, slot(&PyVectorcall_Call)},
                               {Py_tp_traverse, slot(&request_traverse)},
                               {Py_tp_clear, slot(&request_clear)},
                               {Py_tp_dealloc, slot(&request_deallocate)},
                               {Py_tp_methods, request_methods},
                               {Py_tp_members, request_members},
                               {Py_tp_doc, const_cast<char*>("One WSGI request in flight; stands "
                                                             "for `start_response`.")},
                               {0, nullptr}};

PyType_Spec request_specification{"selfscale._core.WsgiRequest", sizeof(WsgiRequest), 0,
                                  internal_type_flags | Py_TPFLAGS_HAVE_VECTORCALL, request_slots};

}  // namespace

PyObject* new_wsgi_request(Recorder& recorder, PyObject* environ, PyObject* start_response) {
  auto* made = PyObject_GC_New(WsgiRequest, as<PyTypeObject>(recorder.types.wsgi.ptr()));
  if (made == nullptr) return nullptr;
  made->vectorcall = &request_start;
  made->recorder = as<Recorder>(Py_NewRef(object_of(&recorder)));
  made->environ = Py_NewRef(environ);
  made->start_response = Py_NewRef(start_response);
  recorder.metrics.enter(made->measured, Interface::wsgi);
  PyObject_GC_Track(object_of(made));
  recorder.mark.put_on(recorder.metrics.keys(), environ);
  recorder.metrics.record_start_of_environ(environ);
  return object_of(made);
}

void add_wsgi_request(py::module_& module) {
  add_type(module, "WsgiRequest", request_specification);
}

}  // namespace selfscale::python
