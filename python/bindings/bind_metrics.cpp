#include <ctime>
#include <new>
#include <utility>

#include "bindings.hpp"
#include "metric_types.hpp"
#include "recording.hpp"

namespace selfscale::python {

std::int64_t monotonic_nanoseconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void add_type(py::module_& module, const char* name, PyType_Spec& specification) {
  auto type = py::reinterpret_steal<py::object>(
      PyType_FromModuleAndSpec(module.ptr(), &specification, nullptr));
  if (!type) throw py::error_already_set{};
  module.add_object(name, type);
}

namespace {

using HeldCounter = metrics::Held<Counter>;
using HeldDistribution = metrics::Held<Distribution>;

/// An object that holds a metric.
template <class Handle>
struct Metric {
  PyObject_HEAD  // NOLINT
      Handle handle;
  std::shared_ptr<Agent> agent;
  py::object context;  ///< the type of the context managers that it makes; a counter has none
};

template <class Object>
Object* as(PyObject* object) noexcept {
  return reinterpret_cast<Object*>(object);
}

/// Ends a C++ object that lives in a Python one.
template <class Object>
void deallocate(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  std::destroy_at(&as<Object>(self)->agent);
  if constexpr (requires(Object object) { object.context; }) {
    std::destroy_at(&as<Object>(self)->context);
  }
  type->tp_free(self);
  Py_DECREF(type);
}

template <class Handle>
PyObject* make(PyTypeObject* type, const Handle& handle, std::shared_ptr<Agent> agent,
               PyTypeObject* context = nullptr) {
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) throw py::error_already_set{};
  auto* metric = as<Metric<Handle>>(made);
  new (&metric->handle) Handle{handle};
  new (&metric->agent) std::shared_ptr<Agent>{std::move(agent)};
  new (&metric->context)
      py::object{py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(context))};
  return made;
}

PyObject* wrong_count(const char* method, Py_ssize_t given) {
  return PyErr_Format(PyExc_TypeError, "%s takes at most one argument (%zd given)", method, given);
}

// Each method is in two parts: the call as it is made most, which keeps nothing on the stack, and
// one for other arguments.

// Counter

[[gnu::noinline]] PyObject* counter_inc_by(const HeldCounter& counter, PyObject* const* arguments,
                                           Py_ssize_t count) {
  if (count != 1) return wrong_count("inc()", count);
  if (PyLong_Check(arguments[0]) == 0) {
    return PyErr_Format(PyExc_TypeError,
                        "a counter counts whole things: inc() takes an int, not %.100s",
                        Py_TYPE(arguments[0])->tp_name);
  }
  const unsigned long long by = PyLong_AsUnsignedLongLong(arguments[0]);
  if (by == static_cast<unsigned long long>(-1) && PyErr_Occurred() != nullptr) {
    PyErr_Clear();
    PyErr_SetString(PyExc_ValueError,
                    "a counter only grows: inc() takes a number from 0 to 2**64 - 1");
    return nullptr;
  }
  counter.inc(by);
  Py_RETURN_NONE;
}

PyObject* counter_inc(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const auto& counter = as<Metric<HeldCounter>>(self)->handle;
  if (count != 0) [[unlikely]]
    return counter_inc_by(counter, arguments, count);
  counter.inc();
  Py_RETURN_NONE;
}

// Gauge

bool number(PyObject* object, double& value) {
  value = PyFloat_AsDouble(object);
  return value != -1.0 || PyErr_Occurred() == nullptr;
}

[[gnu::noinline]] PyObject* gauge_set_number(Gauge gauge, PyObject* argument) {
  double value = 0.0;
  if (!number(argument, value)) return nullptr;
  gauge.set(value);
  Py_RETURN_NONE;
}

PyObject* gauge_set(PyObject* self, PyObject* argument) {
  const auto& gauge = as<Metric<Gauge>>(self)->handle;
  if (PyFloat_CheckExact(argument) == 0) [[unlikely]]
    return gauge_set_number(gauge, argument);
  gauge.set(PyFloat_AS_DOUBLE(argument));
  Py_RETURN_NONE;
}

[[gnu::noinline]] PyObject* gauge_move_by(Gauge gauge, PyObject* const* arguments, Py_ssize_t count,
                                          double sign, const char* method) {
  double by = 0.0;
  if (count != 1) return wrong_count(method, count);
  if (!number(arguments[0], by)) return nullptr;
  gauge.add(sign * by);
  Py_RETURN_NONE;
}

PyObject* gauge_inc(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const auto& gauge = as<Metric<Gauge>>(self)->handle;
  if (count != 0) [[unlikely]]
    return gauge_move_by(gauge, arguments, count, 1.0, "inc()");
  gauge.inc();
  Py_RETURN_NONE;
}

PyObject* gauge_dec(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  const auto& gauge = as<Metric<Gauge>>(self)->handle;
  if (count != 0) [[unlikely]]
    return gauge_move_by(gauge, arguments, count, -1.0, "dec()");
  gauge.dec();
  Py_RETURN_NONE;
}

PyObject* gauge_add(PyObject* self, PyObject* argument) {
  const auto& gauge = as<Metric<Gauge>>(self)->handle;
  if (PyFloat_CheckExact(argument) == 0) [[unlikely]] {
    return gauge_move_by(gauge, &argument, 1, 1.0, "add()");
  }
  gauge.add(PyFloat_AS_DOUBLE(argument));
  Py_RETURN_NONE;
}

// Distribution

[[gnu::noinline]] PyObject* distribution_observe_number(const HeldDistribution& distribution,
                                                        PyObject* argument) {
  double value = 0.0;
  if (!number(argument, value)) return nullptr;
  distribution.observe(value);
  Py_RETURN_NONE;
}

PyObject* distribution_observe(PyObject* self, PyObject* argument) {
  const auto& distribution = as<Metric<HeldDistribution>>(self)->handle;
  if (PyFloat_CheckExact(argument) == 0) [[unlikely]] {
    return distribution_observe_number(distribution, argument);
  }
  distribution.observe(PyFloat_AS_DOUBLE(argument));
  Py_RETURN_NONE;
}

// Context managers: `with gauge.track():`, `with distribution.time():`. Entered more than once,
// each counts by itself only when made anew, as a file object does.

struct Tracking {
  PyObject_HEAD  // NOLINT
      Gauge handle;
  std::shared_ptr<Agent> agent;
};

struct Timing {
  PyObject_HEAD  // NOLINT
      HeldDistribution handle;
  std::shared_ptr<Agent> agent;
  std::int64_t started;
};

PyObject* tracking_enter(PyObject* self, PyObject*) {
  as<Tracking>(self)->handle.inc();
  return Py_NewRef(self);
}

PyObject* tracking_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  as<Tracking>(self)->handle.dec();
  Py_RETURN_NONE;
}

PyObject* timing_enter(PyObject* self, PyObject*) {
  as<Timing>(self)->started = monotonic_nanoseconds();
  return Py_NewRef(self);
}

PyObject* timing_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  const auto* timing = as<Timing>(self);
  timing->handle.observe(static_cast<double>(monotonic_nanoseconds() - timing->started) * 1e-9);
  Py_RETURN_NONE;
}

template <class Object, class Handle>
PyObject* make_context(PyObject* self) {
  const auto* metric = as<Metric<Handle>>(self);
  auto* type = as<PyTypeObject>(metric->context.ptr());
  PyObject* made = type->tp_alloc(type, 0);
  if (made == nullptr) return nullptr;
  new (&as<Object>(made)->handle) Handle{metric->handle};
  new (&as<Object>(made)->agent) std::shared_ptr<Agent>{metric->agent};
  return made;
}

PyObject* gauge_track(PyObject* self, PyObject*) { return make_context<Tracking, Gauge>(self); }

PyObject* distribution_time(PyObject* self, PyObject*) {
  return make_context<Timing, HeldDistribution>(self);
}

template <class Function>
PyCFunction function(Function* pointer) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(pointer));
}

PyMethodDef counter_methods[] = {
    {"inc", function(counter_inc), METH_FASTCALL,
     "inc($self, amount=1, /)\n--\n\nCount one more, or `amount` more."},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef gauge_methods[] = {
    {"set", gauge_set, METH_O,
     "set($self, value, /)\n--\n\nSet the value. NaN and infinities are refused and counted."},
    {"inc", function(gauge_inc), METH_FASTCALL,
     "inc($self, amount=1.0, /)\n--\n\nRaise the value."},
    {"dec", function(gauge_dec), METH_FASTCALL,
     "dec($self, amount=1.0, /)\n--\n\nLower the value."},
    {"add", gauge_add, METH_O,
     "add($self, amount, /)\n--\n\nRaise the value by `amount`, which may be negative."},
    {"track", gauge_track, METH_NOARGS,
     "track($self)\n--\n\nA context manager: one more inside, one less after."},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef distribution_methods[] = {
    {"observe", distribution_observe, METH_O,
     "observe($self, value, /)\n--\n\nRecord one value; durations are seconds. NaN, infinite and "
     "negative "
     "ones are refused and counted."},
    {"time", distribution_time, METH_NOARGS,
     "time($self)\n--\n\nA context manager that records the seconds spent inside."},
    {nullptr, nullptr, 0, nullptr}};

PyMethodDef tracking_methods[] = {{"__enter__", tracking_enter, METH_NOARGS, nullptr},
                                  {"__exit__", function(tracking_exit), METH_FASTCALL, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};

PyMethodDef timing_methods[] = {{"__enter__", timing_enter, METH_NOARGS, nullptr},
                                {"__exit__", function(timing_exit), METH_FASTCALL, nullptr},
                                {nullptr, nullptr, 0, nullptr}};

template <class Object>
void add(py::module_& module, const char* name, const char* full_name, PyMethodDef* methods,
         const char* doc) {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&deallocate<Object>)},
                         {Py_tp_methods, methods},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec specification{
      full_name, sizeof(Object), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE, slots};
  add_type(module, name, specification);
}

PyTypeObject* type_named(const py::module_& module, const char* name) {
  return reinterpret_cast<PyTypeObject*>(module.attr(name).ptr());
}

}  // namespace

MetricTypes metric_types(const py::module_& module) {
  return {type_named(module, "Counter"), type_named(module, "Gauge"),
          type_named(module, "Distribution"), type_named(module, "_Tracking"),
          type_named(module, "_Timing")};
}

MetricObject<Counter> new_metric(const MetricTypes& types, Counter handle,
                                 std::shared_ptr<Agent> agent) {
  return py::reinterpret_steal<MetricObject<Counter>>(
      make(types.counter, HeldCounter{handle}, std::move(agent)));
}

MetricObject<Gauge> new_metric(const MetricTypes& types, Gauge handle,
                               std::shared_ptr<Agent> agent) {
  return py::reinterpret_steal<MetricObject<Gauge>>(
      make(types.gauge, handle, std::move(agent), types.tracking));
}

MetricObject<Distribution> new_metric(const MetricTypes& types, Distribution handle,
                                      std::shared_ptr<Agent> agent) {
  return py::reinterpret_steal<MetricObject<Distribution>>(
      make(types.distribution, HeldDistribution{handle}, std::move(agent), types.timing));
}

void bind_metrics(py::module_& module) {
  add<Metric<HeldCounter>>(module, "Counter", "selfscale._core.Counter", counter_methods,
                           "A count that only grows.");
  add<Metric<Gauge>>(module, "Gauge", "selfscale._core.Gauge", gauge_methods,
                     "A value that goes up and down.");
  add<Metric<HeldDistribution>>(module, "Distribution", "selfscale._core.Distribution",
                                distribution_methods, "A distribution of values, for quantiles.");
  add<Tracking>(module, "_Tracking", "selfscale._core._Tracking", tracking_methods,
                "What Gauge.track() returns.");
  add<Timing>(module, "_Timing", "selfscale._core._Timing", timing_methods,
              "What Distribution.time() returns.");
}

}  // namespace selfscale::python
