/// Policies: text in, checked policies out.
#include <pybind11/stl.h>

#include <selfscale/policy.hpp>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"

namespace selfscale::python {
namespace {

std::vector<std::tuple<std::string, std::string, std::string>> as_tuples(
    const std::vector<Problem>& problems) {
  std::vector<std::tuple<std::string, std::string, std::string>> tuples;
  for (const auto& problem : problems)
    tuples.emplace_back(problem.pointer, problem.value, problem.message);
  return tuples;
}

auto load(const std::string& text) {
  PolicyDocument document = [&] {
    const py::gil_scoped_release release;
    return load_policies(text);
  }();
  return std::make_pair(std::move(document.policies), as_tuples(document.hints));
}

}  // namespace

void bind_policy(py::module_& module) {
  py::class_<Policy>(module, "Policy", "One service's policy, checked and compiled. Immutable.")
      .def_property_readonly("name", &Policy::name)
      .def_property_readonly("service", &Policy::service)
      .def_property_readonly("hash", &Policy::hash)
      .def("to_json", &Policy::to_json, "The policy in its normal form, with its document's keys.");
  module.def("load_policies", &load, py::arg("text"),
             "The policies of a document and its hints (pointer, value, message). Raises "
             "PolicyError with every mistake.");
  module.def("preset_policy", &preset_policy, py::arg("preset"), py::arg("service"),
             "The policy of a preset for a service.");
  module.def("policy_schema", &policy_schema, "The JSON Schema of a policy document, as text.");
}

}  // namespace selfscale::python
