#include "own_driver.hpp"

#include <pybind11/stl.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "user_function.hpp"

namespace selfscale::python {
namespace {

Replica replica_in(const py::dict& listed) {
  Replica replica;
  replica.instance = listed["instance"].cast<std::string>();
  replica.ready = listed["ready"].cast<bool>();
  replica.deleting = listed["deleting"].cast<bool>();
  replica.started_seconds_ago = listed["startedSecondsAgo"].cast<std::optional<double>>();
  replica.pid = listed["pid"].cast<std::optional<int>>();
  return replica;
}

ReplicaCounts counts_in(const py::object& answer) {
  const auto said = answer.cast<py::dict>();
  ReplicaCounts seen;
  seen.desired = said["desiredReplicas"].cast<int>();
  seen.current = said["currentReplicas"].cast<int>();
  seen.ready = said["readyReplicas"].cast<std::optional<int>>();
  seen.updating = said["updating"].cast<bool>();
  seen.least = said["minReplicas"].cast<std::optional<int>>();
  seen.most = said["maxReplicas"].cast<std::optional<int>>();
  seen.failure = said["failure"].cast<std::string>();
  seen.note = said["note"].cast<std::string>();
  seen.hold = said["hold"].cast<std::string>();
  seen.poll_after_seconds = said["pollAfter"].cast<std::optional<double>>();
  seen.version = said["version"].cast<std::string>();
  for (const auto& each : said["replicas"])
    seen.replicas.push_back(replica_in(each.cast<py::dict>()));
  return seen;
}

Capabilities capabilities_in(const py::dict& said) {
  Capabilities can;
  using Scope = Capabilities::Scope;
  can.scope = said["scope"].cast<std::string>() == "host" ? Scope::host : Scope::platform;
  can.conditional_write = said["conditionalWrite"].cast<bool>();
  can.chooses_victims = said["choosesVictims"].cast<bool>();
  can.reports_ready = said["reportsReady"].cast<bool>();
  can.minimum = said["minimum"].cast<int>();
  return can;
}

[[noreturn]] void refuse(const py::handle& answer, const std::string& needed) {
  throw Error{Errc::failed, "preflight() returned " + py::repr(answer).cast<std::string>() + "; " +
                                needed + " is needed"};
}

constexpr auto a_finding =
    "for each finding a sentence, or a dict of texts with what, why and paste,";

Finding finding_of_parts(const py::dict& parts) {
  Finding found{""};
  for (const auto& [key, text] : parts) {
    const auto name = key.cast<std::string>();
    auto* const part = name == "what"    ? &found.what
                       : name == "why"   ? &found.why
                       : name == "paste" ? &found.paste
                                         : nullptr;
    if (part == nullptr) {
      throw Error{Errc::failed, "preflight() returned a finding with the key \"" + name +
                                    "\"; it may have what, why and paste"};
    }
    if (!py::isinstance<py::str>(text)) refuse(parts, a_finding);
    *part = text.cast<std::string>();
  }
  return found;
}

/// A sentence, or a dict with `what` and, where they are known, `why` and `paste`.
Finding finding_in(const py::handle& answer) {
  const bool is_text = py::isinstance<py::str>(answer);
  if (!is_text && !py::isinstance<py::dict>(answer)) refuse(answer, a_finding);
  auto found =
      is_text ? Finding{answer.cast<std::string>()} : finding_of_parts(answer.cast<py::dict>());
  if (found.what.empty()) throw Error{Errc::failed, "preflight() returned a finding without what"};
  return found;
}

std::vector<Finding> findings_in(const py::handle& answer) {
  const bool is_list = py::isinstance<py::iterable>(answer) && !py::isinstance<py::str>(answer) &&
                       !py::isinstance<py::dict>(answer);
  if (!is_list) refuse(answer, "a list of findings, empty where nothing is wrong,");
  std::vector<Finding> all;
  for (const auto& each : answer) all.push_back(finding_in(each));
  return all;
}

/// A list is what is wrong; a dict may say more, and nothing under a name that nobody reads.
Preflight preflight_in(const py::object& answer) {
  if (!py::isinstance<py::dict>(answer)) return findings_in(answer);
  Preflight found;
  for (const auto& [key, findings] : answer.cast<py::dict>()) {
    const auto name = py::str(key).cast<std::string>();
    if (name != "wrong" && name != "warnings") {
      throw Error{Errc::failed, "preflight() returned a dict with the key \"" + name +
                                    "\"; it may have wrong and warnings"};
    }
    (name == "wrong" ? found.wrong : found.warnings) = findings_in(findings);
  }
  return found;
}

bool nothing_in(const py::object&) { return true; }

double seconds(Duration duration) { return std::chrono::duration<double>{duration}.count(); }

}  // namespace

CallbackDriver own_driver(const py::object& bridge,
                          const std::function<py::handle(py::object)>& keep) {
  const auto function = [&](const char* name) -> std::optional<UserFunction> {
    py::object found = bridge.attr(name);
    if (found.is_none()) return std::nullopt;
    return UserFunction{keep(std::move(found))};
  };
  CallbackDriver made;
  made.name = bridge.attr("name").cast<std::string>();
  made.capabilities = capabilities_in(bridge.attr("capabilities").cast<py::dict>());
  made.scale = [scale = *function("scale")](const ScaleRequest& asked) {
    scale.call(nothing_in, asked.desired, asked.from, asked.version, asked.victims, asked.token,
               asked.most, seconds(asked.deadline));
  };
  if (const auto observe = function("observe")) {
    made.observe = [observe] { return observe->call(counts_in); };
  }
  if (const auto preflight = function("preflight")) {
    made.preflight = [preflight] { return preflight->call(preflight_in); };
  }
  if (const auto release = function("release")) {
    made.release = [release] { release->call(nothing_in); };
  }
  return made;
}

}  // namespace selfscale::python
