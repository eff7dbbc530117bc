/// AsgiMiddleware: what the ASGI middleware's class is made from. A call of its objects makes an
/// AsgiSend, calls the app with that as `send` and returns an AsgiCall around what the app returns.
///
/// Servers tell ASGI 3 by a `__call__` that is a coroutine function, so the class has one. But
/// calls do not go there: `call_natively` has given the class back the base's way of being called.
#pragma once

#include <pybind11/pybind11.h>

namespace selfscale::python {

void add_asgi_middleware(pybind11::module_& module);

}  // namespace selfscale::python
