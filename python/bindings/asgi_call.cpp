#include "asgi_call.hpp"

#include "metric_types.hpp"

namespace selfscale::python {
namespace {

/// The app's work has ended, and no exception is being raised. Its coroutine is let go, and its
/// frame with what that refers to.
void finish(AsgiCall& call, Ending ending) noexcept {
  end(*call.send, ending);
  Py_CLEAR(call.awaited);
}

/// It has ended by the exception that is being raised: that stays.
void finish_raising(AsgiCall& call) noexcept {
  const Undisturbed kept;
  if (PyErr_GivenExceptionMatches(kept.type(), PyExc_StopIteration) != 0) {
    end(*call.send, Ending::returned);  // what a coroutine has returned, in the way of iterators
  } else {
    end_raising(*call.send, kept.type());
  }
  Py_CLEAR(call.awaited);
}

/// False with an exception set when nothing can be sent into the app.
bool can_go_on(const AsgiCall& call) {
  if (call.awaited == nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
  } else if (call.is_running) {
    PyErr_SetString(PyExc_ValueError, "coroutine already executing");
  } else {
    return true;
  }
  return false;
}

/// What `await` would drive of an object that is no coroutine; null with an exception set.
PyObject* iterator_of(PyObject* awaitable) {
  PyTypeObject* type = Py_TYPE(awaitable);
  const unaryfunc await = type->tp_as_async != nullptr ? type->tp_as_async->am_await : nullptr;
  if (await == nullptr) {
    return PyErr_Format(PyExc_TypeError, "object %.100s can't be used in 'await' expression",
                        type->tp_name);
  }
  PyObject* iterator = await(awaitable);
  if (iterator == nullptr || PyIter_Check(iterator) != 0) return iterator;
  PyErr_Format(PyExc_TypeError, "__await__() returned non-iterator of type '%.100s'",
               Py_TYPE(iterator)->tp_name);
  Py_DECREF(iterator);
  return nullptr;
}

/// Once, at the first step: an app that returns no awaitable fails where it is awaited.
bool make_iterator(AsgiCall& call) {
  if (call.drive != nullptr) return true;
  PyObject* iterator = iterator_of(call.awaited);
  if (iterator == nullptr) {
    finish_raising(call);
    return false;
  }
  Py_SETREF(call.awaited, iterator);
  call.drive = &PyIter_Send;
  return true;
}

PySendResult call_send(PyObject* self, PyObject* value, PyObject** result) {
  auto& call = *as<AsgiCall>(self);
  *result = nullptr;
  if (!can_go_on(call) || !make_iterator(call)) return PYGEN_ERROR;
  call.is_running = true;
  const PySendResult outcome = call.drive(call.awaited, value, result);
  call.is_running = false;
  if (outcome == PYGEN_RETURN) finish(call, Ending::returned);
  if (outcome == PYGEN_ERROR) finish_raising(call);
  return outcome;
}

/// What a coroutine has returned, in the way of iterators.
PyObject* stop_iteration(PyObject* returned) {
  if (returned == Py_None) {
    PyErr_SetNone(PyExc_StopIteration);
  } else if (PyObject* stop = PyObject_CallOneArg(PyExc_StopIteration, returned)) {
    PyErr_SetObject(PyExc_StopIteration, stop);
    Py_DECREF(stop);
  }
  Py_DECREF(returned);
  return nullptr;
}

PyObject* call_send_method(PyObject* self, PyObject* value) {
  PyObject* result = nullptr;
  const PySendResult outcome = call_send(self, value, &result);
  return outcome == PYGEN_RETURN ? stop_iteration(result) : result;
}

PyObject* call_next(PyObject* self) { return call_send_method(self, Py_None); }

/// Raises what throw() was given where there is nothing that it could be raised in.
PyObject* raise_given(PyObject* const* arguments, Py_ssize_t count) {
  PyObject* given = arguments[0];
  if (PyExceptionInstance_Check(given) != 0) {
    PyErr_SetObject(PyExceptionInstance_Class(given), given);
  } else if (PyExceptionClass_Check(given) != 0) {
    PyErr_SetObject(given, count > 1 && arguments[1] != Py_None ? arguments[1] : nullptr);
  } else {
    PyErr_SetString(PyExc_TypeError,
                    "exceptions must be classes or instances deriving from BaseException");
  }
  return nullptr;
}

PyObject* call_throw(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  auto& call = *as<AsgiCall>(self);
  if (count < 1 || count > 3) {
    return PyErr_Format(PyExc_TypeError, "throw() takes 1 to 3 arguments (%zd given)", count);
  }
  if (!can_go_on(call) || !make_iterator(call)) return nullptr;
  PyObject* method = PyObject_GetAttrString(call.awaited, "throw");
  if (method == nullptr) {
    PyErr_Clear();
    raise_given(arguments, count);
    finish_raising(call);
    return nullptr;
  }
  call.is_running = true;
  PyObject* yielded =
      PyObject_Vectorcall(method, arguments, static_cast<std::size_t>(count), nullptr);
  call.is_running = false;
  Py_DECREF(method);
  if (yielded == nullptr) finish_raising(call);
  return yielded;
}

PyObject* call_close(PyObject* self, PyObject*) {
  auto& call = *as<AsgiCall>(self);
  if (call.awaited == nullptr) Py_RETURN_NONE;
  if (!can_go_on(call)) return nullptr;
  PyObject* method = PyObject_GetAttrString(call.awaited, "close");
  if (method == nullptr) {  // an awaitable that has not begun, or an iterator
    PyErr_Clear();
    finish(call, Ending::left);
    Py_RETURN_NONE;
  }
  call.is_running = true;
  PyObject* closed = PyObject_CallNoArgs(method);
  call.is_running = false;
  Py_DECREF(method);
  if (closed != nullptr) {
    finish(call, Ending::left);
  } else {
    finish_raising(call);
  }
  return closed;
}

/// An attribute of the app's coroutine, under the same name; None when it is over or has none.
PyObject* call_attribute(PyObject* self, void* name) {
  PyObject* awaited = as<AsgiCall>(self)->awaited;
  PyObject* found = awaited != nullptr
                        ? PyObject_GetAttrString(awaited, static_cast<const char*>(name))
                        : nullptr;
  if (found != nullptr) return found;
  PyErr_Clear();
  Py_RETURN_NONE;
}

PyObject* call_name(PyObject* self, void* name) {
  PyObject* found = call_attribute(self, name);
  if (PyUnicode_Check(found) != 0) return found;
  Py_DECREF(found);
  return PyUnicode_FromString("AsgiCall");
}

PyObject* call_is_running(PyObject* self, void*) {
  return PyBool_FromLong(as<AsgiCall>(self)->is_running);
}

int call_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& call = *as<AsgiCall>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(call.awaited);
  Py_VISIT(object_of(call.send));
  return 0;
}

int call_clear(PyObject* self) {
  Py_CLEAR(as<AsgiCall>(self)->awaited);
  return 0;
}

/// One that is dropped before its end lets the app clean up first: that may answer yet.
void call_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto& call = *as<AsgiCall>(self);
  PyObject_GC_UnTrack(self);
  AsgiSend* send = call.send;
  if (call.awaited != nullptr) {
    const Undisturbed kept;
    Py_CLEAR(call.awaited);
    end(*send, Ending::left);
  }
  send->recorder->calls.give(&call);
  Py_DECREF(type);
  Py_DECREF(object_of(send));
}

char frame_name[] = "cr_frame";
char await_name[] = "cr_await";
char code_name[] = "cr_code";
char origin_name[] = "cr_origin";
char name_name[] = "__name__";
char qualified_name[] = "__qualname__";

PyGetSetDef call_attributes[] = {
    {"cr_frame", call_attribute, nullptr, "The app's frame.", frame_name},
    {"cr_await", call_attribute, nullptr, "What the app awaits.", await_name},
    {"cr_code", call_attribute, nullptr, "The app's code.", code_name},
    {"cr_origin", call_attribute, nullptr, "Where the app was called.", origin_name},
    {"cr_running", call_is_running, nullptr, "Whether the app runs just now.", nullptr},
    {"__name__", call_name, nullptr, "The app's name.", name_name},
    {"__qualname__", call_name, nullptr, "The app's qualified name.", qualified_name},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef call_methods[] = {
    {"send", call_send_method, METH_O,
     "send($self, value, /)\n--\n\nGo on with a value, to the next suspension."},
    {"throw", fast_method(call_throw), METH_FASTCALL,
     "throw($self, type, value=None, traceback=None, /)\n--\n\nGo on with an exception, to the "
     "next "
     "suspension."},
    {"close", call_close, METH_NOARGS, "close($self)\n--\n\nEnd the app's work."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot call_slots[] = {{Py_am_await, slot(&PyObject_SelfIter)},
                            {Py_am_send, slot(&call_send)},
                            {Py_tp_iter, slot(&PyObject_SelfIter)},
                            {Py_tp_iternext, slot(&call_next)},
                            {Py_tp_traverse, slot(&call_traverse)},
                            {Py_tp_clear, slot(&call_clear)},
                            {Py_tp_dealloc, slot(&call_deallocate)},
                            {Py_tp_methods, call_methods},
                            {Py_tp_getset, call_attributes},
                            {Py_tp_doc, const_cast<char*>("An app's work on one connection.")},
                            {0, nullptr}};

PyType_Spec call_specification{"selfscale._core.AsgiCall", sizeof(AsgiCall), 0, internal_type_flags,
                               call_slots};

/// What types.coroutine has made of a generator.
bool is_iterable_coroutine(PyObject* object) noexcept {
  if (PyGen_CheckExact(object) == 0) return false;
  constexpr int iterable_coroutine = 0x100;  // CO_ITERABLE_COROUTINE
  const auto code = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, "gi_code"));
  const auto flags = py::reinterpret_steal<py::object>(
      code ? PyObject_GetAttrString(code.ptr(), "co_flags") : nullptr);
  const bool is_one = flags && (PyLong_AsLong(flags.ptr()) & iterable_coroutine) != 0;
  PyErr_Clear();
  return is_one;
}

/// How an object is driven that can be as it is; null for any other.
sendfunc drive_of(PyObject* object) noexcept {
  if (PyCoro_CheckExact(object) != 0) return Py_TYPE(object)->tp_as_async->am_send;
  return is_iterable_coroutine(object) ? &PyIter_Send : nullptr;
}

}  // namespace

PyObject* new_asgi_call(Recorder& recorder, PyObject* awaited, AsgiSend* send) noexcept {
  AsgiCall* made = recorder.calls.take(as<PyTypeObject>(recorder.types.call.ptr()));
  if (made == nullptr) {
    Py_DECREF(awaited);
    Py_DECREF(object_of(send));
    return nullptr;
  }
  made->awaited = awaited;
  made->send = send;
  made->drive = drive_of(awaited);
  made->is_running = false;
  PyObject_GC_Track(object_of(made));
  return object_of(made);
}

void add_asgi_call(py::module_& module) { add_type(module, "AsgiCall", call_specification); }

}  // namespace selfscale::python
