#include "control/handler.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "model/json/shallow.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::control {
namespace {

namespace asio = boost::asio;
using json = nlohmann::ordered_json;

constexpr int default_history = 50;
constexpr auto by = "api";  // who asks, as status and the log have it
constexpr int longest_history = 10'000;

int status_of(Errc code) {
  switch (code) {
    case Errc::invalid_policy:
      return 422;
    case Errc::invalid_argument:
    case Errc::malformed:
      return 400;
    case Errc::unreachable:
    case Errc::stopped:
      return 503;
    case Errc::timed_out:
      return 504;
    case Errc::denied:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::throttled:
      return 429;
    case Errc::unsupported:
      return 501;
    case Errc::failed:
    case Errc::storage:
      break;
  }
  return 500;
}

http::Response answer(int status, const json& body) {
  return {status, body.dump(-1, ' ', false, json::error_handler_t::replace), "application/json"};
}

http::Response success(const json& fields, int status = 200) {
  json body{{"success", true}};
  body.update(fields);
  return answer(status, body);
}

http::Response refuse(int status, Errc code, std::string message, json details = json::object()) {
  const json error{
      {"code", name_of(code)}, {"message", std::move(message)}, {"details", std::move(details)}};
  return answer(status, json{{"success", false}, {"error", error}});
}

http::Response refuse(const Failure& failure) {
  json details = json::object();
  if (!failure.permission.empty()) details["permission"] = failure.permission;
  return refuse(status_of(failure.code), failure.code, failure.message, std::move(details));
}

Failure wrong(std::string message) { return {Errc::invalid_argument, std::move(message), {}}; }

// --- times ---

/// Keys whose numbers are seconds since the epoch, in every shape that goes out.
bool is_time(std::string_view key) {
  constexpr std::array names{"at",          "wallTime",       "until",
                             "pausedUntil", "lastEvaluation", "lastScaling"};
  for (const std::string_view name : names) {
    if (key == name) return true;
  }
  return key.size() > 2 && key.substr(key.size() - 2) == "At";
}

json with_http_times(json value) {
  for (const auto& [key, item] : value.items()) {
    if (key == "metrics") continue;  // its keys are people's own names, and none is a time
    if (item.is_structured()) {
      item = with_http_times(std::move(item));
    } else if (item.is_number() && value.is_object() && is_time(key)) {
      item = to_rfc3339(item.get<double>());
    }
  }
  return value;
}

/// The agent's JSON under a key of its own.
http::Response pass_on(std::string_view key, const Result<std::string>& text, bool convert = true) {
  if (!text) return refuse(text.error());
  auto value = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) {
    return refuse(500, Errc::failed, "the agent's own JSON could not be read");
  }
  json fields = json::object();
  fields[std::string{key}] = convert ? with_http_times(std::move(value)) : std::move(value);
  return success(fields);
}

// --- what was asked ---

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

/// "%2F" → "/"; what is no escape stays as it is.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low < 0) {
      result += text[i];
    } else {
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

struct Asked {
  std::string method;
  std::string path;                ///< as sent, without query
  std::vector<std::string> parts;  ///< of the path, decoded
  std::string_view query;          ///< of the request's target, which outlives this
  std::string_view body;
};

Asked asked_of(const http::Request& request) {
  const std::string_view target = request.target;
  const auto question = target.find('?');
  Asked asked;
  asked.method = request.method;
  asked.path = std::string{target.substr(0, question)};
  asked.body = request.body;
  if (question != std::string_view::npos) asked.query = target.substr(question + 1);
  std::string_view rest = asked.path;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const auto part = rest.substr(0, slash);
    if (!part.empty()) asked.parts.push_back(decoded(part));
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return asked;
}

Result<int> limit_of(std::string_view query) {
  int limit = default_history;
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != "limit" || equals == std::string_view::npos) {
      return wrong("the query knows only limit, as in ?limit=50; got \"" + std::string{pair} +
                   "\"");
    }
    const auto text = pair.substr(equals + 1);
    const auto [last, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
    const bool whole = error == std::errc{} && last == text.data() + text.size();
    if (!whole || limit < 1 || limit > longest_history) {
      return wrong("limit is a whole number from 1 to " + std::to_string(longest_history) +
                   "; got \"" + std::string{text} + "\"");
    }
  }
  return limit;
}

Failure unknown_key(const std::string& key, std::initializer_list<std::string_view> known) {
  std::string names;
  for (const auto name : known) names += (names.empty() ? "" : ", ") + std::string{name};
  return wrong("unknown key \"" + key + "\" in the body; known: " + names);
}

/// The body as an object that has no other keys than these; an empty body is an empty object.
Result<json> object_in(std::string_view body, std::initializer_list<std::string_view> known) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  auto value = parse_shallow<json>(body);
  if (value.is_discarded()) {
    return Failure{Errc::malformed, "the body is not JSON, or nested too deep", {}};
  }
  if (!value.is_object()) {
    return wrong(std::string{"the body is a JSON object; got "} + value.type_name());
  }
  for (const auto& [key, item] : value.items()) {
    if (std::ranges::find(known, key) == known.end()) return unknown_key(key, known);
  }
  return value;
}

std::string shown(const json& value) {
  constexpr std::size_t longest = 80;
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest) text = text.substr(0, longest) + "…";
  return text;
}

// --- one function per thing that can be asked ---

http::Response health(Controlled& agent) {
  return answer(200, json{{"status", "ok"},
                          {"timestamp", to_rfc3339(agent.wall_time_seconds())},
                          {"uptime", agent.uptime_seconds()}});
}

http::Response history(Controlled& agent, const Asked& asked) {
  const auto limit = limit_of(asked.query);
  if (!limit) return refuse(limit.error());
  return pass_on("history", agent.history_json(asked.parts[3], *limit));
}

asio::awaitable<http::Response> enable(Controlled& agent, const Asked& asked) {
  const auto body = object_in(asked.body, {"enabled", "service"});
  if (!body) co_return refuse(body.error());
  const auto enabled = body->find("enabled");
  if (enabled == body->end() || !enabled->is_boolean()) {
    co_return refuse(wrong(R"(say {"enabled": true} or {"enabled": false}, with "service" for one )"
                           "service alone"));
  }
  const auto named = body->find("service");
  const bool for_all = named == body->end() || named->is_null();
  if (!for_all && (!named->is_string() || named->get_ref<const std::string&>().empty())) {
    co_return refuse(wrong("\"service\" is a service's name; got " + shown(*named)));
  }
  const auto service = for_all ? std::string{} : named->get<std::string>();
  const bool wanted = enabled->get<bool>();
  const auto done = co_await agent.enable(service, wanted, by);
  if (!done) co_return refuse(done.error());
  json fields{{"enabled", wanted}};
  if (!for_all) fields["service"] = service;
  co_return success(fields);
}

/// The end of a pause: none while nobody named one.
Result<std::optional<double>> until_in(const json& body, double now) {
  const auto until = body.find("until");
  if (until == body.end() || until->is_null()) return std::optional<double>{};
  const auto time =
      until->is_string() ? from_rfc3339(until->get_ref<const std::string&>()) : std::nullopt;
  if (!time) {
    return wrong(R"("until" is a time such as "2026-01-19T10:30:00Z"; got )" + shown(*until));
  }
  if (*time <= now) {
    return wrong("\"until\" has passed: " + to_rfc3339(*time) + "; it is " + to_rfc3339(now));
  }
  return time;
}

asio::awaitable<http::Response> pause(Controlled& agent, const Asked& asked) {
  const auto body = object_in(asked.body, {"until"});
  if (!body) co_return refuse(body.error());
  const auto until = until_in(*body, agent.wall_time_seconds());
  if (!until) co_return refuse(until.error());
  const auto& service = asked.parts[3];
  const auto done = co_await agent.pause(service, *until, by);
  if (!done) co_return refuse(done.error());
  json fields{{"service", service}, {"paused", true}, {"until", nullptr}};
  if (*until) fields["until"] = to_rfc3339(**until);
  co_return success(fields);
}

asio::awaitable<http::Response> resume(Controlled& agent, const Asked& asked) {
  const auto body = object_in(asked.body, {});
  if (!body) co_return refuse(body.error());
  const auto& service = asked.parts[3];
  const auto done = co_await agent.resume(service, by);
  if (!done) co_return refuse(done.error());
  co_return success(json{{"service", service}, {"paused", false}});
}

asio::awaitable<http::Response> scale(Controlled& agent, const Asked& asked) {
  const auto body = object_in(asked.body, {"replicas"});
  if (!body) co_return refuse(body.error());
  constexpr std::int64_t most = 1'000'000;
  const auto replicas = body->find("replicas");
  const bool is_count = replicas != body->end() && replicas->is_number_integer() &&
                        *replicas >= 0 && *replicas <= most;
  if (!is_count) {
    co_return refuse(
        wrong(R"(say how many: {"replicas": 3})" +
              (replicas == body->end() ? std::string{} : "; got " + shown(*replicas))));
  }
  const auto& service = asked.parts[3];
  const int count = replicas->get<int>();
  const auto order = co_await agent.scale(service, count, by);
  if (!order) co_return refuse(order.error());
  const json taken{{"service", service}, {"replicas", order->replicas}, {"serial", order->serial}};
  co_return success(taken, 202);
}

// --- the table ---

enum class Route {
  health,
  status,
  policies,
  recommendations,
  history,
  decision,
  enable,
  pause,
  resume,
  scale,
  later
};

struct Entry {
  std::string_view method;
  std::string_view path;  ///< "*" stands for one part
  Route route;
};

constexpr std::array routes{
    Entry{"GET", "health", Route::health},
    Entry{"GET", "api/health", Route::health},
    Entry{"GET", "api/autoscaling/status", Route::status},
    Entry{"GET", "api/autoscaling/policies", Route::policies},
    Entry{"GET", "api/autoscaling/recommendations", Route::recommendations},
    Entry{"GET", "api/autoscaling/history/*", Route::history},
    Entry{"GET", "api/autoscaling/decisions/*", Route::decision},
    Entry{"POST", "api/autoscaling/enable", Route::enable},
    Entry{"POST", "api/autoscaling/pause/*", Route::pause},
    Entry{"POST", "api/autoscaling/resume/*", Route::resume},
    Entry{"POST", "api/autoscaling/test/*", Route::scale},
    Entry{"POST", "api/autoscaling/policies", Route::later},
    Entry{"PUT", "api/autoscaling/policies/*", Route::later},
    Entry{"DELETE", "api/autoscaling/policies/*", Route::later},
    Entry{"POST", "api/autoscaling/rollback/*", Route::later},
    Entry{"POST", "api/autoscaling/metrics/*", Route::later},
    Entry{"GET", "api/autoscaling/events", Route::later},
    Entry{"GET", "api/autoscaling/openapi.json", Route::later},
    Entry{"GET", "metrics", Route::later},
};

bool fits(std::string_view pattern, const std::vector<std::string>& parts) {
  std::size_t matched = 0;
  while (!pattern.empty()) {
    const auto slash = pattern.find('/');
    const auto part = pattern.substr(0, slash);
    if (matched == parts.size() || (part != "*" && part != parts[matched])) return false;
    ++matched;
    pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
  }
  return matched == parts.size();
}

/// The route asked for, or the answer that says why there is none.
boost::system::result<Route, http::Response> route_of(const Asked& asked) {
  json allowed = json::array();
  for (const auto& entry : routes) {
    if (!fits(entry.path, asked.parts)) continue;
    if (entry.method == asked.method) return entry.route;
    allowed.push_back(entry.method);
  }
  if (!allowed.empty()) {
    return refuse(405, Errc::invalid_argument, asked.path + " is not for " + asked.method,
                  json{{"allowed", std::move(allowed)}});
  }
  json known = json::array();
  for (const auto& entry : routes) {
    if (entry.route == Route::later) continue;
    known.push_back(std::string{entry.method} + " /" + std::string{entry.path});
  }
  return refuse(404, Errc::not_found, "there is nothing at " + asked.path,
                json{{"known", std::move(known)}});
}

asio::awaitable<http::Response> carry_out(Route route, const Asked& asked, Controlled& agent) {
  switch (route) {
    case Route::health:
      co_return health(agent);
    case Route::status:
      co_return pass_on("status", agent.status_json());
    case Route::policies:
      co_return pass_on("policies", agent.policies_json());
    case Route::recommendations:
      co_return pass_on("recommendations", agent.recommendations_json());
    case Route::history:
      co_return history(agent, asked);
    case Route::decision:  // a document of its own, to be fed back into replay: as it was kept
      co_return pass_on("decision", agent.decision_json(asked.parts[3]), /*convert=*/false);
    case Route::enable: {
      auto response = co_await enable(agent, asked);
      co_return response;
    }
    case Route::pause: {
      auto response = co_await pause(agent, asked);
      co_return response;
    }
    case Route::resume: {
      auto response = co_await resume(agent, asked);
      co_return response;
    }
    case Route::scale: {
      auto response = co_await scale(agent, asked);
      co_return response;
    }
    case Route::later:
      break;
  }
  co_return refuse(501, Errc::unsupported,
                   asked.method + " " + asked.path + " is not in this version of selfscale");
}

}  // namespace

asio::awaitable<http::Response> handle(http::Request request, Controlled& agent) {
  const auto asked = asked_of(request);
  auto route = route_of(asked);
  if (!route) co_return route.error();
  auto response = co_await carry_out(*route, asked, agent);
  co_return response;
}

}  // namespace selfscale::control
