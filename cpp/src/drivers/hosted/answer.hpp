/// What the answers of hosted platforms have in common. Pure; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "model/json/document.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::hosted {

using Json = nlohmann::json;

/// A call, the right that it needs as the platform names it, and the quota that it counts against:
/// one that is used up holds back the calls of that quota alone.
struct Request {
  http::Call call;
  std::string permission;
  std::string quota;
};

/// Without a body; `target` is encoded.
Request get(std::string target, std::string permission);
/// With a body of JSON.
Request send(std::string method, std::string target, const Json& body, std::string permission);

/// Does `whole` have all that `part` has, with the same values? Platforms add their defaults to
/// what was written.
template <class Value>
bool has_all_of(const Value& whole, const Value& part) {
  if (!part.is_object() || !whole.is_object()) return whole == part;
  for (const auto& [key, value] : part.items()) {
    const auto found = whole.find(key);
    if (found == whole.end() || !has_all_of(*found, value)) return false;
  }
  return true;
}

/// Errc::malformed: it is no JSON, or nested so deep that no answer of a platform is.
Result<Json> parse(std::string_view body);
Failure malformed(const std::string& words);

/// How a platform writes when a used-up quota is filled again.
enum class Reset : std::uint8_t {
  seconds_left,
  seconds_since_epoch,
  not_said,  ///< seconds left, seconds or milliseconds since the epoch, or a date: as it looks
};

/// How long to wait after a 429: what Retry-After says, else the header `reset` in its unit, else
/// nothing is known. At most a day; where the unit is not said, a time that has passed, or one
/// beyond a day, is nothing known.
std::optional<std::chrono::seconds> wait_of(std::optional<std::string_view> retry_after,
                                            std::optional<std::string_view> reset, Reset unit,
                                            std::chrono::system_clock::time_point now);

}  // namespace selfscale::drivers::hosted
