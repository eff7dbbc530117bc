#include <pybind11/stl.h>
#include <structmember.h>

#include <cstring>
#include <ctime>
#include <new>
#include <string_view>
#include <utility>

#include "bindings.hpp"
#include "clock_skews.hpp"
#include "keys.hpp"
#include "metric_types.hpp"
#include "request_start.hpp"
#include "request_types.hpp"
#include "route_series.hpp"

namespace selfscale::python {
namespace {

template <class Object>
Object* as(PyObject* object) noexcept {
  return reinterpret_cast<Object*>(object);
}

double wall_seconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// The metrics that every request touches, by the names that policies know.
struct Series {
  explicit Series(const std::shared_ptr<Agent>& agent)
      : requests{agent->counter("requests_total")},
        errors{agent->counter("errors_total")},
        in_flight{agent->gauge("in_flight")},
        response_time{agent->distribution("response_time")},
        queue_time{agent->distribution("request_queue_time")},
        refused_starts{agent->counter("request_start_refused_total")},
        routes{agent, keys} {}

  Keys keys;
  Counter requests;
  Counter errors;
  Gauge in_flight;
  Distribution response_time;
  Distribution queue_time;
  Counter refused_starts;
  RouteTable routes;
  ClockSkews skews;
};

struct Recorder {
  PyObject_HEAD  // NOLINT
      Series* series;
  PyTypeObject* request_type;
  PyObject* closing_header;  ///< (b"connection", b"close")
  int close_every;
  int until_close;
  bool draining;
};

struct Request {
  PyObject_HEAD  // NOLINT
      vectorcallfunc vectorcall;
  Recorder* recorder;  ///< owned
  PyObject* scope;     ///< owned
  PyObject* send;      ///< owned
  std::int64_t started;
  int status;  ///< 0: the answer has not begun
  bool counted;
  bool left;
};

/// Keeps the exception that is being raised, if any, out of the way of what looks things up.
class Undisturbed {
 public:
  Undisturbed() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~Undisturbed() { PyErr_Restore(type_, value_, traceback_); }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

/// The host of an ASGI scope's `client`; empty where it has none, as over a Unix socket.
std::string_view host_of(PyObject* client) noexcept {
  const bool is_pair =
      client != nullptr && (PyTuple_Check(client) != 0 || PyList_Check(client) != 0);
  if (!is_pair || PySequence_Fast_GET_SIZE(client) == 0) return {};
  PyObject* host = PySequence_Fast_GET_ITEM(client, 0);
  Py_ssize_t size = 0;
  const char* text = PyUnicode_Check(host) != 0 ? PyUnicode_AsUTF8AndSize(host, &size) : nullptr;
  return text != nullptr ? std::string_view{text, static_cast<std::size_t>(size)} : "";
}

std::string_view bytes_of(PyObject* object) noexcept {
  if (PyBytes_Check(object) == 0) return {};
  return {PyBytes_AS_STRING(object), static_cast<std::size_t>(PyBytes_GET_SIZE(object))};
}

/// A request's wait before it reached the app, from X-Request-Start or, without a valid one,
/// X-Queue-Start.
RequestStart start_in(PyObject* headers) {
  RequestStart request_start;
  RequestStart queue_start;
  const bool is_list = PyList_Check(headers) != 0;
  if (!is_list && PyTuple_Check(headers) == 0) return request_start;
  double now = 0.0;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(headers); ++i) {
    PyObject* header = PySequence_Fast_GET_ITEM(headers, i);
    const bool is_pair = (PyTuple_Check(header) != 0 || PyList_Check(header) != 0) &&
                         PySequence_Fast_GET_SIZE(header) == 2;
    if (!is_pair) continue;
    const std::string_view name = bytes_of(PySequence_Fast_GET_ITEM(header, 0));
    const bool is_request_start = name == "x-request-start";
    if (!is_request_start && name != "x-queue-start") continue;
    if (now == 0.0) now = wall_seconds();
    (is_request_start ? request_start : queue_start)
        .merge(read_request_start(bytes_of(PySequence_Fast_GET_ITEM(header, 1)), now));
  }
  if (!request_start.queue_seconds) request_start.merge(queue_start);
  return request_start;
}

void record_start(Series& series, PyObject* scope) {
  PyObject* headers = at(scope, series.keys.headers);
  if (headers == nullptr) return;
  const RequestStart start = start_in(headers);
  if (start.queue_seconds) {
    const auto host = host_of(at(scope, series.keys.client));
    series.queue_time.observe(series.skews.waited(host, *start.queue_seconds, wall_seconds()));
  }
  if (start.refused) series.refused_starts.inc();
}

/// Counts the request, once. `timed`: its response time means something.
void count(Request& request, bool is_error, bool timed) {
  if (request.counted) return;
  request.counted = true;
  Series& series = *request.recorder->series;
  const double took = static_cast<double>(monotonic_nanoseconds() - request.started) * 1e-9;
  const RouteSeries* route = series.routes.find(request.scope);
  series.requests.inc();
  if (is_error) series.errors.inc();
  if (timed) series.response_time.observe(took);
  if (route == nullptr) return;
  route->requests.inc();
  if (is_error) route->errors.inc();
  if (timed) route->response_time.observe(took);
}

/// The end of the app's work on the request. Without a whole answer the server answers 500 or
/// breaks the connection off: an error, unless the work was cancelled because the client had left.
void leave(Request& request, bool cancelled) {
  if (request.left) return;
  request.left = true;
  request.recorder->series->in_flight.dec();
  const bool is_error = request.status >= 500 || !cancelled;
  count(request, is_error, /*timed=*/!cancelled);
}

const Keys& keys_of(const Request& request) { return request.recorder->series->keys; }

bool is_last_body(const Request& request, PyObject* message) {
  PyObject* more = at(message, keys_of(request).more_body);
  return more == nullptr || PyObject_IsTrue(more) != 1;
}

/// HTTP/1 alone has connections that a response can end.
bool can_close(const Request& request) {
  PyObject* version = at(request.scope, keys_of(request).http_version);
  return version != nullptr && PyUnicode_Check(version) != 0 && PyUnicode_GetLength(version) > 0 &&
         PyUnicode_ReadChar(version, 0) == '1';
}

bool should_close(Recorder& recorder) {
  if (recorder.draining) return true;
  if (recorder.close_every == 0 || --recorder.until_close > 0) return false;
  recorder.until_close = recorder.close_every;
  return true;
}

/// The start of a response with `connection: close` added; null with an exception set when it
/// cannot be made.
PyObject* with_close(const Request& request, PyObject* message) {
  const py::object& key = keys_of(request).headers;
  PyObject* headers = at(message, key);
  PyObject* longer = headers != nullptr ? PySequence_List(headers) : PyList_New(0);
  PyObject* copy = longer != nullptr ? PyDict_Copy(message) : nullptr;
  const bool done = copy != nullptr &&
                    PyList_Append(longer, request.recorder->closing_header) == 0 &&
                    PyDict_SetItem(copy, key.ptr(), longer) == 0;
  Py_XDECREF(longer);
  if (done) return copy;
  Py_XDECREF(copy);
  return nullptr;
}

/// Notes what passes, and returns what to send instead of `message`, or null to send it as it is.
/// Message types hold dots, so they are not interned: they are compared by their characters.
PyObject* look_at(Request& request, PyObject* message) {
  PyObject* type = at(message, keys_of(request).type);
  if (type == nullptr || PyUnicode_Check(type) == 0) return nullptr;
  if (PyUnicode_CompareWithASCIIString(type, "http.response.body") == 0) {
    if (is_last_body(request, message)) count(request, request.status >= 500, /*timed=*/true);
    return nullptr;
  }
  if (PyUnicode_CompareWithASCIIString(type, "http.response.start") == 0) {
    PyObject* status = at(message, keys_of(request).status);
    if (status != nullptr && PyLong_Check(status) != 0)
      request.status = static_cast<int>(PyLong_AsLong(status));
    const bool close = should_close(*request.recorder) && can_close(request);
    return close ? with_close(request, message) : nullptr;
  }
  if (PyUnicode_CompareWithASCIIString(type, "http.response.pathsend") == 0)
    count(request, request.status >= 500, true);
  return nullptr;
}

PyObject* request_send(PyObject* self, PyObject* const* arguments, size_t flags, PyObject* names) {
  auto& request = *as<Request>(self);
  PyObject* changed = nullptr;
  if (PyVectorcall_NARGS(flags) == 1 && PyDict_Check(arguments[0]) != 0) {
    const Undisturbed guard;
    changed = look_at(request, arguments[0]);
    PyErr_Clear();
  }
  if (changed == nullptr) return PyObject_Vectorcall(request.send, arguments, flags, names);
  PyObject* result = PyObject_CallOneArg(request.send, changed);
  Py_DECREF(changed);
  return result;
}

PyObject* request_leave(PyObject* self, PyObject* cancelled) {
  leave(*as<Request>(self), cancelled == Py_True);
  Py_RETURN_NONE;
}

int request_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& request = *as<Request>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyObject*>(request.recorder));
  Py_VISIT(request.scope);
  Py_VISIT(request.send);
  return 0;
}

int request_clear(PyObject* self) {
  // The recorder stays: a request that is dropped while in flight still has to leave.
  Py_CLEAR(as<Request>(self)->send);
  return 0;
}

void request_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  {
    const Undisturbed guard;
    leave(*as<Request>(self), /*cancelled=*/true);
    PyErr_Clear();
  }
  auto& request = *as<Request>(self);
  Py_CLEAR(request.scope);
  Py_CLEAR(request.send);
  Py_DECREF(reinterpret_cast<PyObject*>(request.recorder));
  type->tp_free(self);
  Py_DECREF(type);
}

// Recorder

PyObject* recorder_enter(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  if (count != 2)
    return PyErr_Format(PyExc_TypeError, "enter() takes scope and send (%zd arguments given)",
                        count);
  auto* recorder = as<Recorder>(self);
  PyObject* made = recorder->request_type->tp_alloc(recorder->request_type, 0);
  if (made == nullptr) return nullptr;
  auto& request = *as<Request>(made);
  request.vectorcall = &request_send;
  request.recorder = as<Recorder>(Py_NewRef(self));
  request.scope = Py_NewRef(arguments[0]);
  request.send = Py_NewRef(arguments[1]);
  request.started = monotonic_nanoseconds();
  recorder->series->in_flight.inc();
  record_start(*recorder->series, arguments[0]);
  PyErr_Clear();
  return made;
}

PyObject* recorder_drain(PyObject* self, PyObject*) {
  as<Recorder>(self)->draining = true;
  Py_RETURN_NONE;
}

int recorder_traverse(PyObject* self, visitproc visit, void* arg) {
  const auto& recorder = *as<Recorder>(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(reinterpret_cast<PyObject*>(recorder.request_type));
  return recorder.series != nullptr ? recorder.series->routes.traverse(visit, arg) : 0;
}

int recorder_clear(PyObject* self) {
  if (as<Recorder>(self)->series != nullptr) as<Recorder>(self)->series->routes.clear();
  return 0;
}

void recorder_deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  auto& recorder = *as<Recorder>(self);
  delete recorder.series;
  Py_CLEAR(recorder.closing_header);
  Py_CLEAR(recorder.request_type);
  type->tp_free(self);
  Py_DECREF(type);
}

template <class Function>
void* slot(Function* pointer) {
  return reinterpret_cast<void*>(pointer);
}

PyMethodDef request_methods[] = {
    {"leave", request_leave, METH_O,
     "leave($self, cancelled, /)\n--\n\nThe app's work on the request has "
     "ended; whether it was cancelled. Twice is harmless."},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef recorder_methods[] = {
    {"enter", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&recorder_enter)),
     METH_FASTCALL,
     "enter($self, scope, send, /)\n--\n\nA request is in flight from now on. What is returned "
     "stands for "
     "`send`."},
    {"drain", recorder_drain, METH_NOARGS,
     "drain($self)\n--\n\nFrom now on every response asks the client to connect anew."},
    {nullptr, nullptr, 0, nullptr}};

PyMemberDef request_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Request, vectorcall), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};

PyType_Slot request_slots[] = {
    {Py_tp_call, slot(&PyVectorcall_Call)},
    {Py_tp_traverse, slot(&request_traverse)},
    {Py_tp_clear, slot(&request_clear)},
    {Py_tp_dealloc, slot(&request_deallocate)},
    {Py_tp_methods, request_methods},
    {Py_tp_members, request_members},
    {Py_tp_doc, const_cast<char*>("One request in flight; stands for `send`.")},
    {0, nullptr}};

PyType_Slot recorder_slots[] = {
    {Py_tp_traverse, slot(&recorder_traverse)},
    {Py_tp_clear, slot(&recorder_clear)},
    {Py_tp_dealloc, slot(&recorder_deallocate)},
    {Py_tp_methods, recorder_methods},
    {Py_tp_doc, const_cast<char*>("Measures requests on an agent's metrics.")},
    {0, nullptr}};

constexpr unsigned int common_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC |
                                      Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE;

PyType_Spec request_specification{"selfscale._core.Request", sizeof(Request), 0,
                                  common_flags | Py_TPFLAGS_HAVE_VECTORCALL, request_slots};
PyType_Spec recorder_specification{"selfscale._core.Recorder", sizeof(Recorder), 0, common_flags,
                                   recorder_slots};

}  // namespace

RecorderObject new_recorder(const py::module_& module, std::shared_ptr<Agent> agent,
                            int close_every) {
  const py::object request_type = module.attr("Request");
  const py::object closing_header = py::make_tuple(py::bytes("connection"), py::bytes("close"));
  auto series = std::make_unique<Series>(agent);
  auto* type = reinterpret_cast<PyTypeObject*>(module.attr("Recorder").ptr());
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) throw py::error_already_set{};
  auto& recorder = *as<Recorder>(made);
  recorder.series = series.release();
  recorder.request_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(request_type.ptr()));
  recorder.closing_header = Py_NewRef(closing_header.ptr());
  recorder.close_every = close_every;
  recorder.until_close = close_every;
  return py::reinterpret_steal<RecorderObject>(made);
}

void bind_requests(py::module_& module) {
  py::class_<ClockSkews>(module, "ClockSkews", "What the clocks of proxies add to waits.")
      .def(py::init<>())
      .def("waited", &ClockSkews::waited, py::arg("host"), py::arg("reported"), py::arg("now"),
           "Of a wait that a host reported the part that is one.");
  add_type(module, "Request", request_specification);
  add_type(module, "Recorder", recorder_specification);
  module.def(
      "read_request_start",
      [](const py::bytes& value, double now) {
        const RequestStart start = read_request_start(std::string_view{value}, now);
        return std::make_pair(start.queue_seconds, start.refused);
      },
      py::arg("value"), py::arg("now"),
      "Seconds since the earliest valid start in a header's value, or None; and whether any was "
      "refused.");
}

}  // namespace selfscale::python
