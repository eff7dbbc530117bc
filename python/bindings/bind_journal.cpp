/// The journal of a state directory, as JSON lines: also when no agent runs.
#include <pybind11/stl.h>

#include <selfscale/error.hpp>
#include <string>

#include "bindings.hpp"
#include "journal/journal.hpp"

namespace selfscale::python {
namespace {

std::string journal_jsonl(const std::string& state_directory, const std::string& service) {
  const auto journal = journal::open_sqlite(state_directory);
  if (const std::string why = journal->degraded(); !why.empty()) {
    throw Error{Errc::storage, "the journal in " + state_directory + " cannot be read: " + why};
  }
  return journal->export_jsonl(service).value();
}

}  // namespace

void bind_journal(py::module_& module) {
  module.def("journal_jsonl", &journal_jsonl, py::arg("state_directory"), py::arg("service"),
             py::call_guard<py::gil_scoped_release>(),
             "What an agent remembered of a service, oldest first: one JSON object a line.");
}

}  // namespace selfscale::python
