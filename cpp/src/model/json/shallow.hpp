/// JSON as others send it. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace selfscale {

/// Nothing that is read here is nearly as deep.
inline constexpr int deepest_json = 64;

/// Discarded: it is no JSON, or nested deeper than that. Such a document could be read, but a copy
/// and a text of it are made by calls that go as deep, past the end of the stack.
template <class Json>
Json parse_shallow(std::string_view text) {
  bool is_too_deep = false;
  auto read = Json::parse(
      text,
      [&is_too_deep](int depth, typename Json::parse_event_t, Json&) {
        is_too_deep = is_too_deep || depth > deepest_json;
        return !is_too_deep;
      },
      /*allow_exceptions=*/false);
  return is_too_deep ? Json(Json::value_t::discarded) : read;
}

}  // namespace selfscale
