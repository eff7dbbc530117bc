/// selfscale._core: table of contents.
#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  using namespace selfscale::python;
  module.doc() = "The native part of selfscale. Use the names of the package itself.";
  module.attr("__version__") = SELFSCALE_VERSION;
  bind_errors(module);
  bind_policy(module);
  bind_decide(module);
  bind_stages(module);
  bind_metrics(module);
  bind_requests(module);
  bind_agent(module);
  bind_simulate(module);
  bind_journal(module);
}
