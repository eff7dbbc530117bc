#include "recorder.hpp"

#include <new>

#include "asgi_call.hpp"
#include "metric_types.hpp"
#include "wsgi_request.hpp"

namespace selfscale::python {

bool Closing::is_due() noexcept {
  if (is_draining) return true;
  if (every == 0 || --until_next > 0) return false;
  until_next = every;
  return true;
}

void Mark::put_on(const Keys& keys, PyObject* context) const noexcept {
  if (!agent_ || PyDict_Check(context) == 0) return;
  if (PyDict_SetItem(context, keys.measured_by.ptr(), agent_.ptr()) != 0) PyErr_Clear();
}

void Mark::take_off(const Keys& keys, PyObject* context) const noexcept {
  if (is_on(keys, context) && PyDict_DelItem(context, keys.measured_by.ptr()) != 0) PyErr_Clear();
}

namespace {

PyObject* recorder_share(PyObject* self, PyObject* agent) {
  as<Recorder>(self)->mark.share(py::reinterpret_borrow<py::object>(agent));
  Py_RETURN_NONE;
}

PyObject* recorder_drain(PyObject* self, PyObject*) {
  as<Recorder>(self)->closing.is_draining = true;
  Py_RETURN_NONE;
}

PyObject* recorder_enter_wsgi(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2) {
    return PyErr_Format(PyExc_TypeError,
                        "enter_wsgi() takes environ and start_response (%zd arguments given)",
                        count);
  }
  auto& recorder = *as<Recorder>(self);
  if (recorder.mark.is_on(recorder.metrics.keys(), arguments[0])) Py_RETURN_NONE;
  return new_wsgi_request(recorder, arguments[0], arguments[1]);
}

int recorder_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& recorder = *as<Recorder>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(recorder.types.call.ptr());
  Py_VISIT(recorder.types.send.ptr());
  Py_VISIT(recorder.types.wsgi.ptr());
  Py_VISIT(recorder.mark.agent());
  return recorder.metrics.traverse(visit, arg);
}

int recorder_clear(PyObject* self) {
  as<Recorder>(self)->metrics.clear();
  as<Recorder>(self)->mark.clear();
  return 0;
}

void recorder_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  auto& recorder = *as<Recorder>(self);
  std::destroy_at(&recorder.sends);
  std::destroy_at(&recorder.calls);
  std::destroy_at(&recorder.closing);
  std::destroy_at(&recorder.types);
  std::destroy_at(&recorder.mark);
  std::destroy_at(&recorder.metrics);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMethodDef recorder_methods[] = {
    {"enter_wsgi", fast_method(recorder_enter_wsgi), METH_FASTCALL,
     "enter_wsgi($self, environ, start_response, /)\n--\n\nA WSGI request is in flight from now "
     "on. What is returned stands for `start_response`; None where another one measures it."},
    {"share", recorder_share, METH_O,
     "share($self, agent, /)\n--\n\nOthers measure for this agent, too: a request counts in the "
     "first that it meets."},
    {"drain", recorder_drain, METH_NOARGS,
     "drain($self)\n--\n\nFrom now on every response asks its client to connect anew."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot recorder_slots[] = {{Py_tp_traverse, slot(&recorder_traverse)},
                                {Py_tp_clear, slot(&recorder_clear)},
                                {Py_tp_dealloc, slot(&recorder_deallocate)},
                                {Py_tp_methods, recorder_methods},
                                {Py_tp_doc, const_cast<char*>("Measures requests on an agent's "
                                                              "metrics.")},
                                {0, nullptr}};

PyType_Spec recorder_specification{"selfscale._core.Recorder", sizeof(Recorder), 0,
                                   internal_type_flags, recorder_slots};

}  // namespace

RecorderObject new_recorder(const py::module_& module, const std::shared_ptr<Agent>& agent,
                            int close_every) {
  RequestTypes types{module.attr("AsgiCall"), module.attr("AsgiSend"), module.attr("WsgiRequest")};
  py::object header = py::make_tuple(py::bytes("connection"), py::bytes("close"));
  auto* type = as<PyTypeObject>(module.attr("Recorder").ptr());
  auto* recorder = PyObject_GC_New(Recorder, type);
  if (recorder == nullptr) throw py::error_already_set{};
  try {
    new (&recorder->metrics) RequestMetrics{agent};
  } catch (...) {
    PyObject_GC_Del(recorder);
    Py_DECREF(type);
    throw;
  }
  new (&recorder->mark) Mark;
  new (&recorder->types) RequestTypes{std::move(types)};
  new (&recorder->closing) Closing{close_every, close_every, false, std::move(header)};
  new (&recorder->calls) FreeList<AsgiCall>;
  new (&recorder->sends) FreeList<AsgiSend>;
  PyObject_GC_Track(object_of(recorder));
  return py::reinterpret_steal<RecorderObject>(object_of(recorder));
}

bool is_recorder(PyObject* object) noexcept {
  return Py_TYPE(object)->tp_dealloc == &recorder_deallocate;
}

void add_recorder(py::module_& module) { add_type(module, "Recorder", recorder_specification); }

}  // namespace selfscale::python
