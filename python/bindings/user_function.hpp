#pragma once

#include <selfscale/error.hpp>

#include "bindings.hpp"

namespace selfscale::python {

/// Calls a user's function. Holds no reference: the agent's object keeps it, so that the control
/// thread may copy and destroy this.
class UserFunction {
 public:
  explicit UserFunction(py::handle function) : function_{function} {}

  /// Takes the interpreter lock.
  template <class Convert, class... Arguments>
  auto call(Convert convert, const Arguments&... arguments) const {
    const py::gil_scoped_acquire acquire;
    try {
      return convert(function_(arguments...));
    } catch (const py::error_already_set& error) {
      throw_as_error(error);
    } catch (const py::cast_error&) {
      throw Error{Errc::failed, "returned something that is not what was asked for"};
    }
  }

 private:
  py::handle function_;
};

}  // namespace selfscale::python
