/// The journal of a state directory, to read in: also when no agent runs.
#include <pybind11/stl.h>

#include <memory>
#include <selfscale/error.hpp>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "journal/journal.hpp"

namespace selfscale::python {
namespace {

using journal::Journal;

std::unique_ptr<Journal> read(const std::string& state_directory) {
  return std::move(journal::read_sqlite(state_directory).value());
}

std::string record(Journal& journal, const std::string& id) {
  return journal::record_with_policy(journal, id).value();
}

std::string last_record(Journal& journal, const std::string& service) {
  const auto newest = journal.decisions(service, 1).value();
  if (newest.empty()) throw Error{Errc::not_found, "the journal has no decision on " + service};
  return record(journal, newest.front().id);
}

}  // namespace

void bind_journal(py::module_& module) {
  using Release = py::call_guard<py::gil_scoped_release>;
  py::class_<Journal>(module, "Journal",
                      "What agents remember in a state directory, to read in; it changes nothing.")
      .def(py::init(&read), py::arg("state_directory"), Release{})
      .def(
          "services", [](Journal& self) { return self.services().value(); }, Release{},
          "The services that it has decisions of.")
      .def("record", &record, py::arg("id"), Release{},
           "A DecisionRecord with its policy, as JSON, by its id or that of an event.")
      .def("last_record", &last_record, py::arg("service"), Release{},
           "The newest DecisionRecord of a service, with its policy.")
      .def(
          "jsonl",
          [](Journal& self, const std::string& service) {
            return self.export_jsonl(service).value();
          },
          py::arg("service"), Release{},
          "What was remembered of a service, oldest first: one JSON object a line.");
}

}  // namespace selfscale::python
