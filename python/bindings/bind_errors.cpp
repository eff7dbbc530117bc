/// Exceptions: C++'s become those of selfscale.errors, which are made in Python so that they have
/// attributes and types.
#include <pybind11/stl.h>

#include <exception>
#include <selfscale/error.hpp>
#include <string>

#include "bindings.hpp"

namespace selfscale::python {
namespace {

py::object error_class(const char* name) {
  return py::module_::import("selfscale.errors").attr(name);
}

void raise(const py::object& exception) {
  PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
}

std::string code_of(const Error& error) { return std::string{name_of(error.code())}; }

py::list problems_of(const PolicyError& error) {
  const py::object problem_class = error_class("Problem");
  py::list problems;
  for (const auto& problem : error.problems()) {
    problems.append(problem_class(problem.pointer, problem.value, problem.message));
  }
  return problems;
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const PolicyError& error) {
    raise(error_class("PolicyError")(error.what(), problems_of(error)));
  } catch (const DriverError& error) {
    raise(error_class("DriverError")(error.what(), code_of(error), error.permission()));
  } catch (const Error& error) {
    raise(error_class(error.code() == Errc::storage ? "StoreError" : "Error")(error.what(),
                                                                              code_of(error)));
  }
}

}  // namespace

void bind_errors(py::module_& module) {
  (void)module;
  py::register_exception_translator(&translate);
}

}  // namespace selfscale::python
