#include "drivers/local/protocol.hpp"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace selfscale::drivers::local {
namespace {

using nlohmann::json;

constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
constexpr auto highest = std::numeric_limits<std::int64_t>::max();

constexpr std::array<std::string_view, 5> state_names{"starting", "ready", "draining", "stopping",
                                                      "backoff"};

json json_in(std::string_view line) {
  return json::parse(line, nullptr, /*allow_exceptions=*/false);
}

/// Reads members, and remembers the first that was not what it should be. It copies no document: a
/// copy goes as deep as what is nested, and a line may be nested deeper than the stack.
class Reader {
 public:
  explicit Reader(const json& body) : body_(body) {
    if (!body_.is_object()) wrong_ = "is not a JSON object";
  }

  [[nodiscard]] bool has(const char* key) const { return body_.is_object() && body_.contains(key); }

  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) {
    const json* found = find(key);
    if (found == nullptr || !found->is_number_integer()) return refuse(key, "is not an integer");
    const bool is_too_large = found->is_number_unsigned() && found->get<std::uint64_t>() > highest;
    const auto value = found->get<std::int64_t>();
    const bool fits = !is_too_large && least <= value && value <= most;
    return fits ? value : refuse(key, "is out of range");
  }
  int count(const char* key) { return static_cast<int>(integer(key, 0, 1'000'000)); }
  double number(const char* key) {
    const json* found = find(key);
    if (found == nullptr || !found->is_number())
      return static_cast<double>(refuse(key, "is not a number"));
    return found->get<double>();
  }
  std::string text(const char* key) {
    const json* found = find(key);
    if (found == nullptr || !found->is_string()) return refuse(key, "is not a text"), std::string{};
    return found->get<std::string>();
  }
  const json& list(const char* key) {
    static const json none = json::array();
    const json* found = find(key);
    if (found == nullptr || !found->is_array()) return refuse(key, "is not a list"), none;
    return *found;
  }
  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> all;
    for (const auto& each : list(key)) {
      if (!each.is_string()) return refuse(key, "is not a list of texts"), all;
      all.push_back(each.get<std::string>());
    }
    return all;
  }
  const json& object(const char* key) {
    static const json none;
    const json* found = find(key);
    return found == nullptr ? none : *found;
  }
  std::int64_t refuse(const char* key, const char* why) {
    if (wrong_.empty()) wrong_ = "\"" + std::string{key} + "\" " + why;
    return 0;
  }
  void take_over(const Reader& other) {
    if (wrong_.empty()) wrong_ = other.wrong_;
  }
  [[nodiscard]] std::optional<Failure> failure(const char* what) const {
    if (wrong_.empty()) return std::nullopt;
    return Failure{Errc::malformed, std::string{what} + ": " + wrong_, {}};
  }

 private:
  [[nodiscard]] const json* find(const char* key) const {
    if (!body_.is_object()) return nullptr;
    const auto found = body_.find(key);
    return found == body_.end() ? nullptr : &*found;
  }

  const json& body_;
  std::string wrong_;
};

std::string text_of(const json& body) {
  // A text from outside (a command's name, say) may be no UTF-8.
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

json json_of(const WorkerReport& worker) {
  return {{"slot", worker.slot},
          {"instance", worker.instance},
          {"pid", worker.pid},
          {"state", name_of(worker.state)},
          {"started", worker.started_seconds_ago},
          {"restarts", worker.restarts},
          {"lastExit", worker.last_exit}};
}

json json_of(const Report& report) {
  json workers = json::array();
  for (const auto& worker : report.workers) workers.push_back(json_of(worker));
  return {{"desired", report.desired},    {"version", report.version},
          {"most", report.most},          {"failure", report.failure},
          {"note", report.note},          {"warnings", report.warnings},
          {"workers", std::move(workers)}};
}

State state_in(Reader& reader) {
  const auto name = reader.text("state");
  for (std::size_t i = 0; i < state_names.size(); ++i) {
    if (state_names[i] == name) return static_cast<State>(i);
  }
  reader.refuse("state", "is none of starting, ready, draining, stopping, backoff");
  return State::starting;
}

WorkerReport worker_in(Reader& reader) {
  WorkerReport worker;
  worker.slot = reader.count("slot");
  worker.instance = reader.text("instance");
  worker.pid = static_cast<int>(reader.integer("pid", 0, std::numeric_limits<int>::max()));
  worker.state = state_in(reader);
  worker.started_seconds_ago = reader.number("started");
  worker.restarts = reader.count("restarts");
  worker.last_exit = reader.text("lastExit");
  return worker;
}

Report report_in(Reader& reader) {
  Report report;
  report.desired = reader.count("desired");
  report.version = reader.text("version");
  report.most = reader.count("most");
  report.failure = reader.text("failure");
  report.note = reader.text("note");
  report.warnings = reader.texts("warnings");
  for (const auto& each : reader.list("workers")) {
    Reader inner{each};
    report.workers.push_back(worker_in(inner));
    reader.take_over(inner);
  }
  return report;
}

Failure failure_in(Reader& reader) {
  static constexpr std::array codes{Errc::invalid_argument, Errc::conflict, Errc::malformed,
                                    Errc::stopped, Errc::failed};
  const auto code = reader.text("code");
  for (const auto each : codes) {
    if (name_of(each) == code) return {each, reader.text("message"), {}};
  }
  return {Errc::failed, code + ": " + reader.text("message"), {}};
}

}  // namespace

std::string_view name_of(State state) noexcept {
  return state_names[static_cast<std::size_t>(state)];
}

std::string write_line(const Request& request) {
  json body{{"id", request.id}};
  if (const auto* scale = std::get_if<Scale>(&request.what)) {
    body["op"] = "scale";
    body["desired"] = scale->desired;
    body["version"] = scale->version;
    body["victims"] = scale->victims;
    body["token"] = scale->token;
    if (scale->most) body["most"] = *scale->most;
  } else {
    body["op"] = "observe";
  }
  return text_of(body);
}

std::string write_line(const Answer& answer) {
  json body{{"id", answer.id}};
  if (const auto* report = std::get_if<Report>(&answer.what)) {
    body["observation"] = json_of(*report);
  } else if (const auto* failure = std::get_if<Failure>(&answer.what)) {
    body["error"] = {{"code", name_of(failure->code)}, {"message", failure->message}};
  } else {
    body["accepted"] = true;
  }
  return text_of(body);
}

Result<Request> parse_request(std::string_view line) {
  const auto body = json_in(line);
  Reader reader{body};
  Request request;
  request.id = reader.integer("id", lowest, highest);
  if (const auto op = reader.text("op"); op == "scale") {
    Scale scale;
    scale.desired = static_cast<int>(reader.integer("desired", std::numeric_limits<int>::min(),
                                                    std::numeric_limits<int>::max()));
    scale.version = reader.text("version");
    scale.token = reader.integer("token", lowest, highest);
    scale.victims = reader.texts("victims");
    if (reader.has("most")) scale.most = reader.count("most");
    request.what = std::move(scale);
  } else if (op != "observe") {
    reader.refuse("op", "is neither observe nor scale");
  }
  if (auto failure = reader.failure("the request")) return *std::move(failure);
  return request;
}

Result<Answer> parse_answer(std::string_view line) {
  const auto body = json_in(line);
  Reader reader{body};
  Answer answer;
  answer.id = reader.integer("id", lowest, highest);
  if (reader.has("observation")) {
    Reader inner{reader.object("observation")};
    answer.what = report_in(inner);
    reader.take_over(inner);
  } else if (reader.has("error")) {
    Reader inner{reader.object("error")};
    answer.what = failure_in(inner);
    reader.take_over(inner);
  } else if (reader.has("accepted")) {
    answer.what = Accepted{};
  } else {
    reader.refuse("observation", R"(is not there, nor are "accepted" or "error")");
  }
  if (auto failure = reader.failure("the supervisor's answer")) return *std::move(failure);
  return answer;
}

}  // namespace selfscale::drivers::local
