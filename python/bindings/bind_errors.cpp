/// Exceptions: C++'s become those of selfscale.errors, which are made in Python so that they have
/// attributes and types.
#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <selfscale/callback_driver.hpp>
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
  } catch (const RetryAfter& error) {
    const double wait = std::chrono::duration<double>{error.wait()}.count();
    raise(error_class("DriverError")(error.what(), code_of(error), error.permission(), wait));
  } catch (const DriverError& error) {
    raise(error_class("DriverError")(error.what(), code_of(error), error.permission()));
  } catch (const Error& error) {
    raise(error_class(error.code() == Errc::storage ? "StoreError" : "Error")(error.what(),
                                                                              code_of(error)));
  }
}

/// "ValueError: no such service"
std::string words_of(const py::error_already_set& raised) {
  const std::string type = py::str(raised.type().attr("__name__"));
  const std::string words = py::str(raised.value());
  return words.empty() ? type : type + ": " + words;
}

Errc code_named(const std::string& name) {
  for (auto code = Errc::invalid_policy; code <= Errc::storage;
       code = static_cast<Errc>(static_cast<int>(code) + 1)) {
    if (name_of(code) == name) return code;
  }
  return Errc::failed;
}

/// How long a platform asks to wait, from nothing to a day; empty: it says nothing of it.
std::optional<Duration> wait_in(const py::object& error) {
  constexpr double day = 86'400.0;
  const auto wait = error.attr("retry_after").cast<std::optional<double>>();
  if (!wait) return std::nullopt;
  const double known = *wait > 0.0 ? std::min(*wait, day) : 0.0;
  return std::chrono::ceil<Duration>(std::chrono::duration<double>{known});
}

}  // namespace

void throw_as_error(const py::error_already_set& raised) {
  if (!raised.matches(error_class("Error"))) throw Error{Errc::failed, words_of(raised)};
  const auto& error = raised.value();
  const auto code = code_named(error.attr("code").cast<std::string>());
  if (!raised.matches(error_class("DriverError"))) throw Error{code, words_of(raised)};
  const auto permission = error.attr("permission").cast<std::string>();
  if (const auto wait = wait_in(error)) throw RetryAfter{code, words_of(raised), *wait, permission};
  throw DriverError{code, words_of(raised), permission};
}

void bind_errors(py::module_& module) {
  (void)module;
  py::register_exception_translator(&translate);
}

}  // namespace selfscale::python
