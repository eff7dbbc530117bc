/// The stages of a decision on JSON text: selfscale/stages.py gives them dicts.
#include <pybind11/stl.h>

#include <optional>
#include <selfscale/decide.hpp>
#include <selfscale/stages.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"

namespace selfscale::python {
namespace {

using Text = std::optional<std::string>;

DecisionState state_of(const Policy& policy, const Text& state) {
  return state ? state_from_json(policy, *state) : DecisionState{};
}

std::vector<std::pair<std::string, std::string>> classify_json(const Policy& policy,
                                                               const std::string& text,
                                                               const std::string& metric) {
  const Snapshot snapshot = snapshot_from_json(policy, text);
  const auto standings = stages::classify(policy, snapshot, metric);
  std::vector<std::pair<std::string, std::string>> named;
  for (std::size_t i = 0; i < standings.size(); ++i) {
    if (standings[i]) named.emplace_back(snapshot.instances[i].id, name_of(*standings[i]));
  }
  return named;
}

std::string propose_json(const Policy& policy, const std::string& snapshot, const Text& state) {
  DecisionState after = state_of(policy, state);
  Decision decision;
  decision.recommendation.proposals =
      stages::propose(policy, snapshot_from_json(policy, snapshot), after);
  return to_json(policy, decision, &after);
}

/// A decision in which nothing stands but what the stage has done.
template <auto stage>
std::string stage_json(const Policy& policy, const std::string& snapshot, int replicas,
                       const Text& state) {
  DecisionState after = state_of(policy, state);
  Staged staged = stage(policy, snapshot_from_json(policy, snapshot), after, replicas);
  Decision decision;
  decision.from_replicas = replicas;
  decision.to_replicas = staged.replicas;
  decision.recommendation.adjustments = std::move(staged.adjustments);
  return to_json(policy, decision, &after);
}

template <auto stage>
void bind_stage(py::module_& module, const char* name, const char* what) {
  module.def(name, &stage_json<stage>, py::arg("policy"), py::arg("snapshot"), py::arg("replicas"),
             py::arg("state"), py::call_guard<py::gil_scoped_release>(), what);
}

}  // namespace

void bind_stages(py::module_& module) {
  module.def("classify", &classify_json, py::arg("policy"), py::arg("snapshot"), py::arg("metric"),
             py::call_guard<py::gil_scoped_release>(), "How each listed instance counts.");
  module.def("propose", &propose_json, py::arg("policy"), py::arg("snapshot"), py::arg("state"),
             py::call_guard<py::gil_scoped_release>(), "What every rule wants.");
  bind_stage<stages::stabilize>(module, "stabilize", "What the stabilization windows leave.");
  bind_stage<stages::rate_limit>(module, "rate_limit", "What the scaling policies leave.");
  bind_stage<stages::limit>(module, "limit", "What bounds and guardrails leave.");
}

}  // namespace selfscale::python
