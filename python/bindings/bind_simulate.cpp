/// Simulation: columns out, so that a long run costs no dict per step until somebody asks for it.
#include <pybind11/stl.h>

#include <selfscale/decide.hpp>
#include <selfscale/simulate.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"

namespace selfscale::python {
namespace {

using Points = std::vector<std::pair<double, double>>;

Points read_trace(const std::string& text) {
  Points points;
  for (const LoadPoint& point : trace_from_csv(text)) {
    points.emplace_back(point.seconds, point.requests_per_second);
  }
  return points;
}

template <class Value>
py::list column(const std::vector<SimulationStep>& steps, Value value) {
  py::list values(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) values[i] = value(steps[i]);
  return values;
}

py::dict columns(const std::vector<SimulationStep>& steps) {
  using Step = SimulationStep;
  py::dict table;
  const auto add = [&](const char* name, auto value) { table[name] = column(steps, value); };
  add("seconds", [](const Step& step) { return step.seconds; });
  add("offered_per_second", [](const Step& step) { return step.offered_per_second; });
  add("served_per_second", [](const Step& step) { return step.served_per_second; });
  add("errors", [](const Step& step) { return step.errors; });
  add("backlog", [](const Step& step) { return step.backlog; });
  add("utilization", [](const Step& step) { return step.utilization; });
  add("p50_seconds", [](const Step& step) { return step.p50_seconds; });
  add("p95_seconds", [](const Step& step) { return step.p95_seconds; });
  add("desired_replicas", [](const Step& step) { return step.desired_replicas; });
  add("current_replicas", [](const Step& step) { return step.current_replicas; });
  add("ready_replicas", [](const Step& step) { return step.ready_replicas; });
  add("recommended_replicas", [](const Step& step) { return step.recommended_replicas; });
  add("action", [](const Step& step) { return std::string{name_of(step.action)}; });
  add("code", [](const Step& step) { return std::string{name_of(step.code)}; });
  return table;
}

py::dict as_dict(const SimulationSummary& summary) {
  py::dict dict;
  dict["requests"] = summary.requests;
  dict["errors"] = summary.errors;
  dict["p50_seconds"] = summary.p50_seconds;
  dict["p95_seconds"] = summary.p95_seconds;
  dict["p99_seconds"] = summary.p99_seconds;
  dict["replica_seconds"] = summary.replica_seconds;
  dict["scale_events"] = summary.scale_events;
  dict["offered_per_second"] = summary.offered_per_second;
  return dict;
}

py::dict run(const Policy& policy, const Points& points, double capacity, double startup,
             double service_time, double timeout, double memory_percent, bool random_arrivals,
             std::uint64_t seed) {
  Simulation result;
  std::vector<std::string> events;
  {
    const py::gil_scoped_release release;
    std::vector<LoadPoint> load;
    load.reserve(points.size());
    for (const auto& [seconds, rate] : points) load.push_back({seconds, rate});
    result =
        simulate(policy, load,
                 {capacity, startup, service_time, timeout, memory_percent, random_arrivals}, seed);
    for (const ScalingEvent& event : result.events) events.push_back(to_json(event));
  }
  py::dict answer;
  answer["summary"] = as_dict(result.summary);
  answer["columns"] = columns(result.steps);
  answer["events"] = events;
  return answer;
}

}  // namespace

void bind_simulate(py::module_& module) {
  module.def("trace_from_csv", &read_trace, py::arg("text"),
             "The points (seconds, requests per second) of a trace. Raises Error with the line "
             "that is wrong.");
  module.def("simulate", &run, py::arg("policy"), py::arg("load"), py::arg("capacity_per_replica"),
             py::arg("startup"), py::arg("service_time"), py::arg("timeout"),
             py::arg("memory_percent"), py::arg("random_arrivals"), py::arg("seed"),
             "One policy on one load: {summary, columns, events as JSON texts}.");
}

}  // namespace selfscale::python
