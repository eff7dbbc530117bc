/// The pure functions on JSON text: selfscale/_decide.py gives them dicts.
#include <pybind11/stl.h>

#include <optional>
#include <selfscale/decide.hpp>
#include <string>

#include "bindings.hpp"

namespace selfscale::python {
namespace {

std::string decide_json(const Policy& policy, const std::string& snapshot,
                        const std::optional<std::string>& state) {
  DecisionState after = state ? state_from_json(policy, *state) : DecisionState{};
  const Decision decision = decide(policy, snapshot_from_json(policy, snapshot), after);
  return to_json(policy, decision, &after);
}

std::string explain_json(const Policy& policy, const std::string& decision) {
  return explain(policy, decision_from_json(policy, decision));
}

std::string reason_json(const Policy& policy, const std::string& decision) {
  return reason(policy, decision_from_json(policy, decision));
}

}  // namespace

void bind_decide(py::module_& module) {
  module.def("decide", &decide_json, py::arg("policy"), py::arg("snapshot"),
             py::arg("state") = py::none(), py::call_guard<py::gil_scoped_release>(),
             "The decision, with the state after it.");
  module.def("record", &record_json, py::arg("state"), py::arg("event"),
             py::call_guard<py::gil_scoped_release>(), "The state after what was done.");
  module.def("explain", &explain_json, py::arg("policy"), py::arg("decision"),
             py::call_guard<py::gil_scoped_release>(), "A decision in words, several lines.");
  module.def("reason", &reason_json, py::arg("policy"), py::arg("decision"),
             py::call_guard<py::gil_scoped_release>(), "A decision in one sentence.");
}

}  // namespace selfscale::python
