/// Counter, Gauge and Distribution as heap types of their own on the C API: a call costs what
/// CPython's method call costs.
///
/// They hold the agent's handle and the agent. No method converts through pybind11, releases the
/// interpreter lock, allocates (but for the context managers) or waits.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <selfscale/agent.hpp>

namespace selfscale::python {

namespace py = pybind11;

/// The types, as made for one module. Borrowed from that module, which outlives its objects.
struct MetricTypes {
  PyTypeObject* counter = nullptr;
  PyTypeObject* gauge = nullptr;
  PyTypeObject* distribution = nullptr;
  PyTypeObject* tracking = nullptr;  ///< what Gauge.track() returns
  PyTypeObject* timing = nullptr;    ///< what Distribution.time() returns
};

/// Looks the types up in the module.
MetricTypes metric_types(const py::module_& module);

/// An object of one of these types; says so in signatures.
template <class Handle>
class MetricObject : public py::object {
 public:
  using py::object::object;
};

/// New objects. `agent` is kept alive by them: the handle refers to its memory.
MetricObject<Counter> new_metric(const MetricTypes& types, Counter handle,
                                 std::shared_ptr<Agent> agent);
MetricObject<Gauge> new_metric(const MetricTypes& types, Gauge handle,
                               std::shared_ptr<Agent> agent);
MetricObject<Distribution> new_metric(const MetricTypes& types, Distribution handle,
                                      std::shared_ptr<Agent> agent);

/// Nanoseconds of the monotonic clock.
std::int64_t monotonic_nanoseconds() noexcept;

/// Makes a type from its specification and adds it to the module.
void add_type(py::module_& module, const char* name, PyType_Spec& specification);

}  // namespace selfscale::python

template <>
struct pybind11::detail::handle_type_name<selfscale::python::MetricObject<selfscale::Counter>> {
  static constexpr auto name = const_name("selfscale._core.Counter");
};
template <>
struct pybind11::detail::handle_type_name<selfscale::python::MetricObject<selfscale::Gauge>> {
  static constexpr auto name = const_name("selfscale._core.Gauge");
};
template <>
struct pybind11::detail::handle_type_name<
    selfscale::python::MetricObject<selfscale::Distribution>> {
  static constexpr auto name = const_name("selfscale._core.Distribution");
};
