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
#include "recorder.hpp"

namespace selfscale::python {
namespace {

/// Calls a user's function. Holds no reference: the agent's object keeps it, so that the control
/// thread may copy and destroy this.
class UserFunction {
 public:
  explicit UserFunction(py::handle function) : function_{function} {}

  /// Takes the interpreter lock.
  template <class Convert, class... Arguments>
  auto call(Convert convert, Arguments... arguments) const {
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

ReplicaCounts counts_in(const py::object& answer) {
  if (!py::isinstance<py::dict>(answer)) {
    const int replicas = answer.cast<int>();
    return {.desired = replicas, .current = replicas, .ready = {}};
  }
  const auto counts = answer.cast<py::dict>();
  const auto at = [&](const char* key) -> std::optional<int> {
    if (!counts.contains(key)) return {};
    return counts[key].cast<std::optional<int>>();
  };
  const auto desired = at("desiredReplicas");
  const auto current = at("currentReplicas");
  if (!desired && !current) {
    throw Error{Errc::failed,
                "observe() returned a dict with neither desiredReplicas nor currentReplicas"};
  }
  return {.desired = desired ? *desired : *current,
          .current = current ? *current : *desired,
          .ready = at("readyReplicas")};
}

/// A sentence, or a dict with `what` and, where they are known, `why` and `paste`.
Finding finding_in(const py::handle& answer) {
  if (!py::isinstance<py::dict>(answer)) return answer.cast<std::string>();
  Finding found{""};
  for (const auto& [key, text] : answer.cast<py::dict>()) {
    const auto name = key.cast<std::string>();
    auto* const part = name == "what"    ? &found.what
                       : name == "why"   ? &found.why
                       : name == "paste" ? &found.paste
                                         : nullptr;
    if (part == nullptr) {
      throw Error{Errc::failed, "preflight() returned a finding with the key \"" + name +
                                    "\"; it may have what, why and paste"};
    }
    *part = text.cast<std::string>();
  }
  if (found.what.empty()) throw Error{Errc::failed, "preflight() returned a finding without what"};
  return found;
}

std::vector<Finding> findings_in(const py::handle& answer) {
  const bool is_list = py::isinstance<py::iterable>(answer) && !py::isinstance<py::str>(answer) &&
                       !py::isinstance<py::dict>(answer);
  if (!is_list) throw py::cast_error{};
  std::vector<Finding> all;
  for (const auto& each : answer) all.push_back(finding_in(each));
  return all;
}

/// A list is what is wrong; a dict may say more, and nothing under a name that nobody reads.
Preflight preflight_in(const py::object& answer) {
  if (!py::isinstance<py::dict>(answer)) return findings_in(answer);
  Preflight found;
  for (const auto& [key, findings] : answer.cast<py::dict>()) {
    const auto name = key.cast<std::string>();
    if (name != "wrong" && name != "warnings") {
      throw Error{Errc::failed, "preflight() returned a dict with the key \"" + name +
                                    "\"; it may have wrong and warnings"};
    }
    (name == "wrong" ? found.wrong : found.warnings) = findings_in(findings);
  }
  return found;
}

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
    if (!driver.is_none()) options.driver = callback_driver(driver);
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

  CallbackDriver callback_driver(const py::object& driver) {
    CallbackDriver made;
    const UserFunction scale{keep(driver.attr("scale"))};
    made.scale = [scale](int replicas) {
      scale.call([](const py::object&) { return true; }, replicas);
    };
    const py::object observe = driver.attr("observe");
    if (!observe.is_none()) {
      made.observe = [function = UserFunction{keep(observe)}] { return function.call(counts_in); };
    }
    const py::object preflight = driver.attr("preflight");
    if (!preflight.is_none()) {
      made.preflight = [function = UserFunction{keep(preflight)}] {
        return function.call(preflight_in);
      };
    }
    return made;
  }

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
            return self.agent().scale(service, replicas).serial;
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
