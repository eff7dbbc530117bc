// What the agent and its supervisor say to each other: a line is understood, or refused in words;
// what is understood means the same when it is said again.
#include "drivers/local/protocol.hpp"
#include "invariants.hpp"

namespace selfscale::fuzz {
namespace {

using namespace drivers;

template <class T>
void hold_failure(const Result<T>& read) {
  hold(read.error().code == Errc::malformed, "a line is malformed: " + read.error().message);
  hold(is_utf8(read.error().message), "a failure is UTF-8: " + read.error().message);
}

/// The members of `read` as the line has them.
void hold_integers(const Json& line, std::int64_t id, const local::Scale* scale) {
  hold(line["id"].dump() == std::to_string(id), "an id is that of the line");
  if (scale == nullptr) return;
  hold(line["token"].dump() == std::to_string(scale->token), "a token is that of the line");
  hold(line["desired"].dump() == std::to_string(scale->desired), "a count is that of the line");
}

template <class T>
void hold_again(const T& read, Result<T> (*parse)(std::string_view)) {
  const auto line = local::write_line(read);
  hold(line.find('\n') == std::string::npos, "a line is one: " + line);
  hold(is_utf8(line), "a line is UTF-8");
  const auto again = parse(line);
  hold(again.has_value(), "what is said is understood: " + line);
  hold(local::write_line(*again) == line, "and means the same: " + line);
}

void hold_report(const local::Report& report) {
  hold(report.desired >= 0 && report.most >= 0, "counts are not negative");
  for (const auto& worker : report.workers) {
    hold(worker.pid >= 0 && worker.slot >= 0 && worker.restarts >= 0, "nor are those of workers");
    hold(!local::name_of(worker.state).empty(), "a state has a name");
  }
}

void read(std::string_view text) {
  const auto request = local::parse_request(text);
  if (request) {
    hold_integers(Json::parse(text), request->id, std::get_if<local::Scale>(&request->what));
    hold_again(*request, local::parse_request);
  } else {
    hold_failure(request);
  }
  const auto answer = local::parse_answer(text);
  if (answer) {
    hold_integers(Json::parse(text), answer->id, nullptr);
    if (const auto* report = std::get_if<local::Report>(&answer->what)) hold_report(*report);
    hold_again(*answer, local::parse_answer);
  } else {
    hold_failure(answer);
  }
}

}  // namespace
}  // namespace selfscale::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  selfscale::fuzz::read(selfscale::fuzz::text_of(data, size));
  return 0;
}
