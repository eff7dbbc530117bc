/// The agent. Whatever waits releases the interpreter lock; user functions run on the thread that
/// calls `run_calls`.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <selfscale/agent.hpp>
#include <selfscale/decide.hpp>
#include <selfscale/doctor.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "call_queue.hpp"
#include "metric_types.hpp"
#include "own_driver.hpp"
#include "recorder.hpp"
#include "user_function.hpp"

namespace selfscale::python {
namespace {

/// The agent with what Python needs beside it.
class NativeAgent {
 public:
  explicit NativeAgent(py::module_ module)
      : module_{std::move(module)}, types_{metric_types(module_)} {
    agent_ = {new Agent{AgentOptions{}}, [](Agent* agent) {
                const py::gil_scoped_release release;
                delete agent;
              }};
  }

  void configure(std::string policies, std::string policies_text, std::string service,
                 std::string driver_name, bool enable, std::string enabled_by,
                 std::map<std::string, std::string> environment, py::object driver) {
    AgentOptions options;
    options.policies = std::move(policies);
    options.policies_text = std::move(policies_text);
    options.service = std::move(service);
    options.driver_name = std::move(driver_name);
    options.enable = enable;
    options.enabled_by = std::move(enabled_by);
    options.environment = std::move(environment);
    options.run_on = [calls = calls_](CallQueue::Job job) { calls->push(std::move(job)); };
    if (!driver.is_none()) {
      options.driver =
          own_driver(driver, [this](py::object function) { return keep(std::move(function)); });
    }
    const py::gil_scoped_release release;
    agent_->configure(options);
    options_ = std::move(options);
  }

  /// The thread that calls this must not be the one that runs user functions.
  [[nodiscard]] std::string examine() const { return to_json(selfscale::examine(options_)); }

  void subscribe(py::object subscriber) {
    const UserFunction function{keep(std::move(subscriber))};
    const py::gil_scoped_release release;
    agent_->subscribe([function](std::string_view json) {
      function.call([](const py::object&) { return true; }, std::string{json});
    });
  }

  MetricObject<Counter> counter(const std::string& name, const std::string& labels) {
    return new_metric(types_, agent_->counter(name, labels), agent_);
  }
  MetricObject<Gauge> gauge(const std::string& name, const std::string& labels) {
    return new_metric(types_, agent_->gauge(name, labels), agent_);
  }
  MetricObject<Distribution> distribution(const std::string& name, const std::string& labels) {
    return new_metric(types_, agent_->distribution(name, labels), agent_);
  }
  RecorderObject recorder(int close_every) { return new_recorder(module_, agent_, close_every); }

  Agent& agent() noexcept { return *agent_; }
  CallQueue& calls() noexcept { return *calls_; }

 private:
  py::handle keep(py::object function) { return kept_.emplace_back(std::move(function)); }

  py::module_ module_;
  MetricTypes types_;
  std::shared_ptr<CallQueue> calls_ = std::make_shared<CallQueue>();
  std::deque<py::object> kept_;  ///< user functions, for as long as the agent may call them
  std::shared_ptr<Agent> agent_;
  AgentOptions options_;  ///< as they were last given
};

std::optional<std::chrono::system_clock::time_point> wall_time(std::optional<double> seconds) {
  using Clock = std::chrono::system_clock;
  if (!seconds) return {};
  return Clock::time_point{
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>{*seconds})};
}

std::vector<std::string> history_json(NativeAgent& native, const std::string& service, int limit) {
  std::vector<std::string> events;
  for (const auto& event : native.agent().history(service, limit)) events.push_back(to_json(event));
  return events;
}

}  // namespace

void bind_agent(py::module_& module) {
  using Release = py::call_guard<py::gil_scoped_release>;
  module.def("driver_names", &driver_names, "The drivers that a policy's platform may name.");
  module.def("driver_capabilities", &capabilities_json, py::arg("driver"), py::arg("platform"),
             "What a driver can do, as JSON, given a policy's platform object.");
  py::class_<NativeAgent>(module, "Agent", "The native agent; selfscale.Agent is the one to use.")
      .def(py::init([module] { return std::make_unique<NativeAgent>(module); }))
      .def("configure", &NativeAgent::configure, py::kw_only(), py::arg("policies"),
           py::arg("policies_text"), py::arg("service"), py::arg("driver_name"), py::arg("enable"),
           py::arg("enabled_by"), py::arg("environment"), py::arg("driver"))
      .def(
          "start", [](NativeAgent& self) { self.agent().start(); }, Release{})
      .def(
          "ensure_started", [](NativeAgent& self) { self.agent().ensure_started(); }, Release{})
      .def(
          "stop", [](NativeAgent& self) { self.agent().stop(); }, Release{})
      .def("examine", &NativeAgent::examine, Release{})
      .def("is_running", [](NativeAgent& self) { return self.agent().is_running(); })
      .def("counter", &NativeAgent::counter, py::arg("name"), py::arg("labels") = "")
      .def("gauge", &NativeAgent::gauge, py::arg("name"), py::arg("labels") = "")
      .def("distribution", &NativeAgent::distribution, py::arg("name"), py::arg("labels") = "")
      .def(
          "exposition",
          [](NativeAgent& self, const std::optional<std::string>& accept) {
            const Exposition exposition = [&] {
              const py::gil_scoped_release release;
              return self.agent().exposition(accept);
            }();
            return std::make_pair(exposition.content_type, py::bytes(exposition.body));
          },
          py::arg("accept"))
      .def("recorder", &NativeAgent::recorder, py::arg("close_every"))
      .def(
          "metrics", [](NativeAgent& self) { return self.agent().metrics_json(); }, Release{})
      .def(
          "recommendation",
          [](NativeAgent& self, const std::string& service) {
            return self.agent().recommendation_json(service);
          },
          py::arg("service"), Release{})
      .def(
          "status", [](NativeAgent& self) { return self.agent().status_json(); }, Release{})
      .def("history", &history_json, py::arg("service"), py::arg("limit"), Release{})
      .def(
          "enable",
          [](NativeAgent& self, const std::string& service, const std::string& by) {
            self.agent().enable(service, by);
          },
          py::arg("service"), py::arg("by"), Release{})
      .def(
          "disable",
          [](NativeAgent& self, const std::string& service, const std::string& by) {
            self.agent().disable(service, by);
          },
          py::arg("service"), py::arg("by"), Release{})
      .def(
          "pause",
          [](NativeAgent& self, const std::string& service, std::optional<double> until) {
            self.agent().pause(service, wall_time(until));
          },
          py::arg("service"), py::arg("until"), Release{})
      .def(
          "resume",
          [](NativeAgent& self, const std::string& service) { self.agent().resume(service); },
          py::arg("service"), Release{})
      .def(
          "scale",
          [](NativeAgent& self, const std::string& service, int replicas) {
            return self.agent().scale(service, replicas).replicas;
          },
          py::arg("service"), py::arg("replicas"), Release{})
      .def("subscribe", &NativeAgent::subscribe, py::arg("subscriber"))
      .def(
          "report_ready",
          [](NativeAgent& self, bool is_ready) { self.agent().report_ready(is_ready); },
          py::arg("is_ready") = true)
      .def("report_drains", [](NativeAgent& self) { self.agent().report_drains(); })
      .def("is_draining", [](NativeAgent& self) { return self.agent().is_draining(); })
      .def("drain_descriptor", [](NativeAgent& self) { return self.agent().drain_descriptor(); })
      .def(
          "run_calls", [](NativeAgent& self) { self.calls().run(); }, Release{})
      .def("close_calls", [](NativeAgent& self) { self.calls().close(); })
      .def("renew_calls", [](NativeAgent& self) { self.calls().renew(); });
}

}  // namespace selfscale::python
