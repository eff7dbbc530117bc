#include "drivers/hosted/answer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "http/status.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::hosted {
namespace {

using std::chrono::seconds;

constexpr int deepest = 64;
constexpr seconds longest_wait{86'400};

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  return is_whole && number >= 0 ? std::optional{number} : std::nullopt;
}

/// Of a time that may be written in any of four ways.
std::optional<seconds> guessed_wait(std::string_view reset,
                                    std::chrono::system_clock::time_point now) {
  constexpr std::int64_t long_ago = 1'000'000'000;  // 2001, in seconds since the epoch
  const std::chrono::duration<double> today = now.time_since_epoch();
  std::optional<double> at = from_rfc3339(reset);
  if (!at) at = http::seconds_since_epoch(reset);
  if (const auto number = whole(reset)) {
    at = static_cast<double>(*number);
    if (*number >= long_ago * 1000) *at /= 1000.0;
    if (*number < long_ago) *at += today.count();
  }
  const double left = at ? std::ceil(*at - today.count()) : 0.0;
  if (left <= 0.0 || left > static_cast<double>(longest_wait.count())) return std::nullopt;
  return seconds{static_cast<seconds::rep>(left)};
}

}  // namespace

Request get(std::string target, std::string permission) {
  Request request;
  request.call.target = std::move(target);
  request.call.headers = {{"Accept", "application/json"}};
  request.permission = std::move(permission);
  request.quota = "read";
  return request;
}

Request send(std::string method, std::string target, const Json& body, std::string permission) {
  auto request = get(std::move(target), std::move(permission));
  request.call.method = std::move(method);
  request.call.headers.emplace_back("Content-Type", "application/json");
  request.call.body = body.dump();
  request.quota = "write";
  return request;
}

Result<Json> parse(std::string_view body) {
  bool is_too_deep = false;
  auto json = Json::parse(
      body,
      [&is_too_deep](int depth, Json::parse_event_t, Json&) {
        is_too_deep = is_too_deep || depth > deepest;
        return depth <= deepest;
      },
      /*allow_exceptions=*/false);
  if (json.is_discarded()) return malformed("the answer is no JSON");
  if (is_too_deep) return malformed("the answer is nested too deep");
  return json;
}

Failure malformed(const std::string& words) { return Failure{Errc::malformed, words, {}}; }

std::optional<seconds> wait_of(std::optional<std::string_view> retry_after,
                               std::optional<std::string_view> reset, Reset unit,
                               std::chrono::system_clock::time_point now) {
  if (retry_after) {
    if (const auto told = http::retry_after(*retry_after, now)) return told;
  }
  if (!reset) return std::nullopt;
  if (unit == Reset::not_said) return guessed_wait(*reset, now);
  auto number = whole(*reset);
  if (!number) return std::nullopt;
  if (unit == Reset::seconds_since_epoch) {
    *number -= std::chrono::floor<seconds>(now.time_since_epoch()).count();
  }
  return std::clamp(seconds{*number}, seconds{0}, longest_wait);
}

}  // namespace selfscale::drivers::hosted
