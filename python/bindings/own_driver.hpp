/// A user's driver in Python, as the agent takes it. What it may say, and what it was asked in
/// Python's words, stands in selfscale/drivers/_bridge.py: here it is carried over.
#pragma once

#include <functional>
#include <selfscale/callback_driver.hpp>

#include "bindings.hpp"

namespace selfscale::python {

/// `keep` holds on to a function for as long as the agent may call it.
CallbackDriver own_driver(const py::object& bridge,
                          const std::function<py::handle(py::object)>& keep);

}  // namespace selfscale::python
