#include "asgi_middleware.hpp"

#include <structmember.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "asgi_call.hpp"
#include "metric_types.hpp"

namespace selfscale::python {
namespace {

struct AsgiMiddleware {
  PyObject_HEAD  // NOLINT
      vectorcallfunc vectorcall;
  PyObject* app;       ///< owned
  PyObject* recorder;  ///< owned; null: nothing is measured in this process yet
};

/// What a server hands over. Borrowed.
struct Handover {
  PyObject* scope;
  PyObject* receive;
  PyObject* send;
};

enum class Kind : std::uint8_t { http, websocket, other };

Kind kind_of(const Keys& keys, PyObject* scope) {
  PyObject* type = at(scope, keys.type);
  if (type == nullptr) return Kind::other;
  if (type == keys.http.ptr()) return Kind::http;
  const std::string_view name = ascii_of(type);
  if (is(name, "http")) return Kind::http;
  return is(name, "websocket") ? Kind::websocket : Kind::other;
}

PyObject* call_measured(const AsgiMiddleware& middleware, Connection connection,
                        const Handover& handover) {
  // Both might be replaced while the app is called.
  const auto kept = py::reinterpret_borrow<py::object>(middleware.recorder);
  const auto app = py::reinterpret_borrow<py::object>(middleware.app);
  auto& recorder = *as<Recorder>(kept.ptr());
  AsgiSend* send = new_asgi_send(recorder, connection, handover.scope, handover.send);
  if (send == nullptr) return nullptr;
  // The place before the arguments is for a bound method's `self`.
  PyObject* arguments[] = {nullptr, handover.scope, handover.receive, object_of(send)};
  PyObject* awaited =
      PyObject_Vectorcall(app.ptr(), arguments + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  if (awaited != nullptr) return new_asgi_call(recorder, awaited, send);
  const Undisturbed raised;
  end_raising(*send, raised.type());
  Py_DECREF(object_of(send));
  return nullptr;
}

PyObject* call_untouched(const AsgiMiddleware& middleware, const Handover& handover) {
  const auto app = py::reinterpret_borrow<py::object>(middleware.app);
  return PyObject_CallFunctionObjArgs(app.ptr(), handover.scope, handover.receive, handover.send,
                                      nullptr);
}

PyObject* serve(PyObject* self, const Handover& handover) {
  const auto& middleware = *as<AsgiMiddleware>(self);
  if (middleware.recorder != nullptr) {
    const auto& recorder = *as<Recorder>(middleware.recorder);
    if (recorder.mark.is_on(recorder.metrics.keys(), handover.scope))
      return call_untouched(middleware, handover);
    switch (kind_of(recorder.metrics.keys(), handover.scope)) {
      case Kind::http:
        return call_measured(middleware, Connection::http, handover);
      case Kind::websocket:
        return call_measured(middleware, Connection::websocket, handover);
      case Kind::other:
        break;
    }
  }
  return PyObject_CallMethod(self, "_serve_other", "OOO", handover.scope, handover.receive,
                             handover.send);
}

constexpr std::array<std::string_view, 3> parameters{"scope", "receive", "send"};

/// Arguments some of which are given by name, as Daphne does.
PyObject* serve_named(PyObject* self, PyObject* const* arguments, Py_ssize_t by_position,
                      PyObject* names) {
  const Py_ssize_t by_name = names != nullptr ? PyTuple_GET_SIZE(names) : 0;
  std::array<PyObject*, 3> found{};
  bool is_valid = by_position + by_name == 3;
  for (Py_ssize_t i = 0; is_valid && i < 3; ++i) {
    const auto* place = parameters.begin() + i;
    if (i >= by_position)
      place = std::ranges::find(parameters, ascii_of(PyTuple_GET_ITEM(names, i - by_position)));
    const auto index = static_cast<std::size_t>(place - parameters.begin());
    is_valid = index < found.size() && found[index] == nullptr;
    if (is_valid) found[index] = arguments[i];
  }
  if (is_valid) return serve(self, {found[0], found[1], found[2]});
  PyErr_SetString(PyExc_TypeError,
                  "an ASGI application is called with scope, receive and send, and nothing else");
  return nullptr;
}

PyObject* middleware_call(PyObject* self, PyObject* const* arguments, size_t flags,
                          PyObject* names) {
  const Py_ssize_t by_position = PyVectorcall_NARGS(flags);
  if (names != nullptr || by_position != 3) return serve_named(self, arguments, by_position, names);
  return serve(self, {arguments[0], arguments[1], arguments[2]});
}

PyObject* middleware_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) return nullptr;
  auto& middleware = *as<AsgiMiddleware>(made);
  middleware.vectorcall = &middleware_call;
  middleware.app = Py_NewRef(Py_None);
  return made;
}

PyObject* middleware_recorder(PyObject* self, void*) {
  PyObject* recorder = as<AsgiMiddleware>(self)->recorder;
  return Py_NewRef(recorder != nullptr ? recorder : Py_None);
}

int middleware_set_recorder(PyObject* self, PyObject* value, void*) {
  const bool is_none = value == nullptr || value == Py_None;
  if (!is_none && !is_recorder(value)) {
    PyErr_SetString(PyExc_TypeError, "a Recorder or None");
    return -1;
  }
  Py_XSETREF(as<AsgiMiddleware>(self)->recorder, is_none ? nullptr : Py_NewRef(value));
  return 0;
}

int middleware_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& middleware = *as<AsgiMiddleware>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(middleware.app);
  Py_VISIT(middleware.recorder);
  return 0;
}

int middleware_clear(PyObject* self) {
  Py_XSETREF(as<AsgiMiddleware>(self)->app, Py_NewRef(Py_None));
  Py_CLEAR(as<AsgiMiddleware>(self)->recorder);
  return 0;
}

void middleware_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_CLEAR(as<AsgiMiddleware>(self)->app);
  Py_CLEAR(as<AsgiMiddleware>(self)->recorder);
  type->tp_free(self);
  Py_DECREF(type);
}

PyMemberDef middleware_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(AsgiMiddleware, vectorcall), READONLY, nullptr},
    {"app", T_OBJECT_EX, offsetof(AsgiMiddleware, app), 0, "The application that is measured."},
    {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef middleware_attributes[] = {
    {"_recorder", middleware_recorder, middleware_set_recorder,
     "What measures in this process; None until it has begun.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyType_Slot middleware_slots[] = {{Py_tp_new, slot(&middleware_new)},
                                  {Py_tp_call, slot(&PyVectorcall_Call)},
                                  {Py_tp_traverse, slot(&middleware_traverse)},
                                  {Py_tp_clear, slot(&middleware_clear)},
                                  {Py_tp_dealloc, slot(&middleware_deallocate)},
                                  {Py_tp_members, middleware_members},
                                  {Py_tp_getset, middleware_attributes},
                                  {Py_tp_doc, const_cast<char*>("What a middleware's class is "
                                                                "made from.")},
                                  {0, nullptr}};

PyType_Spec middleware_specification{
    "selfscale._core.AsgiMiddleware", sizeof(AsgiMiddleware), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    middleware_slots};

/// Python has given a class with a `__call__` a way of being called that looks this up: it is put
/// back. A class made from this one would get it again, and call itself for ever: none can be made.
py::type call_natively(const py::type& made) {
  auto* type = as<PyTypeObject>(made.ptr());
  PyTypeObject* base = type->tp_base;
  if (base == nullptr || base->tp_new != &middleware_new)
    throw py::type_error("call_natively() is for classes made from AsgiMiddleware");
  type->tp_call = base->tp_call;
  type->tp_vectorcall_offset = base->tp_vectorcall_offset;
  type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  type->tp_flags &= ~static_cast<unsigned long>(Py_TPFLAGS_BASETYPE);
  PyType_Modified(type);
  return made;
}

}  // namespace

void add_asgi_middleware(pybind11::module_& module) {
  add_type(module, "AsgiMiddleware", middleware_specification);
  module.def("call_natively", &call_natively, py::arg("made"),
             "Decorate a class made from AsgiMiddleware: calls of its objects are served there, "
             "not by its `__call__`.");
}

}  // namespace selfscale::python
