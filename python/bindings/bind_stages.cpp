/// The stages of a decision on JSON text: selfscale/stages.py gives them dicts.
#include <pybind11/stl.h>

#include <cmath>
#include <optional>
#include <selfscale/decide.hpp>
#include <selfscale/stages.hpp>
#include <string>
#include <tuple>
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

/// To the nearest millisecond.
Duration duration_of(double seconds) {
  return Duration{static_cast<Duration::rep>(std::llround(seconds * 1000.0))};
}
Instant instant_of(double seconds) { return Instant{duration_of(seconds)}; }

std::pair<double, bool> window_of(const std::vector<std::pair<double, double>>& given,
                                  double window, double bucket, double at, bool weighted) {
  std::vector<Load> loads;
  for (const auto& [recorded, value] : given) loads.push_back({instant_of(recorded), value});
  const Windowed found =
      stages::window(loads, duration_of(window), duration_of(bucket), instant_of(at), weighted);
  return {found.value, found.is_empty};
}

int window_maximum_of(const std::vector<std::pair<double, int>>& given, double window,
                      double bucket) {
  std::vector<DecisionState::Wanted> numbers;
  for (const auto& [recorded, number] : given) numbers.push_back({instant_of(recorded), number});
  return stages::window_maximum(numbers, duration_of(window), duration_of(bucket));
}

Activity activity_named(const std::string& name) {
  for (const auto activity : {Activity::activating, Activity::active, Activity::inactive}) {
    if (name_of(activity) == name) return activity;
  }
  throw Error{Errc::invalid_argument,
              "no activity is called '" + name + "'; there are activating, active, inactive"};
}

std::tuple<std::optional<int>, bool, bool> gate_of(
    int min_replicas, int max_replicas, int initial_scale, bool scale_to_zero, double stable_window,
    double grace_period, double retention, bool always_buffered, std::optional<int> wanted,
    int current, const std::string& activity, double active_for, double inactive_for,
    double buffered_for, bool buffered, bool activation_deadline_passed, bool initialized,
    bool reachable) {
  const Gate gate{.min = min_replicas,
                  .max = max_replicas,
                  .initial_scale = initial_scale,
                  .scale_to_zero = scale_to_zero,
                  .stable_window = duration_of(stable_window),
                  .grace_period = duration_of(grace_period),
                  .retention = duration_of(retention),
                  .is_always_buffered = always_buffered};
  const GateInput input{.wanted = wanted,
                        .current = current,
                        .activity = activity_named(activity),
                        .active_for = duration_of(active_for),
                        .inactive_for = duration_of(inactive_for),
                        .buffered_for = duration_of(buffered_for),
                        .is_buffered = buffered,
                        .activation_deadline_passed = activation_deadline_passed,
                        .is_initialized = initialized,
                        .is_reachable = reachable};
  const Gated gated = stages::gate(gate, input);
  return {gated.replicas, gated.applies, gated.writes};
}

void bind_gate(py::module_& module) {
  module.def("gate", &gate_of, py::kw_only(), py::arg("min_replicas"), py::arg("max_replicas"),
             py::arg("initial_scale"), py::arg("scale_to_zero"), py::arg("stable_window"),
             py::arg("grace_period"), py::arg("retention"), py::arg("always_buffered"),
             py::arg("wanted"), py::arg("current"), py::arg("activity"), py::arg("active_for"),
             py::arg("inactive_for"), py::arg("buffered_for"), py::arg("buffered"),
             py::arg("activation_deadline_passed"), py::arg("initialized"), py::arg("reachable"),
             "Knative's bounds and way to none: replicas, whether it applies, whether it writes.");
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
  module.def("window", &window_of, py::arg("loads"), py::arg("window"), py::arg("bucket"),
             py::arg("at"), py::arg("weighted"), py::call_guard<py::gil_scoped_release>(),
             "The average of loads, and whether there are none.");
  module.def("window_maximum", &window_maximum_of, py::arg("numbers"), py::arg("window"),
             py::arg("bucket"), py::call_guard<py::gil_scoped_release>(),
             "The largest of the last numbers.");
  bind_gate(module);
  bind_stage<stages::activate>(module, "activate", "What scaleToZero makes of it.");
  bind_stage<stages::stabilize>(module, "stabilize", "What the stabilization windows leave.");
  bind_stage<stages::rate_limit>(module, "rate_limit", "What the scaling policies leave.");
  bind_stage<stages::limit>(module, "limit", "What bounds and guardrails leave.");
}

}  // namespace selfscale::python
