/// Reading what the Kubernetes API answers. Pure; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/json/shallow.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

using Json = nlohmann::json;

/// What is not there, or is something else, reads as nothing.
inline const Json& at(const Json& object, const char* key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
template <class... Keys>
const Json& at(const Json& object, const char* key, const char* next, Keys... keys) {
  return at(at(object, key), next, keys...);
}

inline std::string text(const Json& value) {
  const auto* found = value.get_ptr<const std::string*>();
  return found == nullptr ? std::string{} : *found;
}

/// Counts of zero are left out. Empty: it is no count.
inline std::optional<int> count(const Json& value, int when_absent = 0) {
  if (value.is_null()) return when_absent;
  if (!value.is_number_integer()) return std::nullopt;
  const auto number = value.get<std::int64_t>();
  if (number < 0 || number > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return static_cast<int>(number);
}

inline Failure malformed(const std::string& words) { return Failure{Errc::malformed, words, {}}; }

inline Result<Json> parse(std::string_view body, std::string_view kind) {
  auto object = parse_shallow<Json>(body);
  if (text(at(object, "kind")) == kind) return object;
  return malformed("the API's answer is no " + std::string{kind});
}

}  // namespace selfscale::drivers::kubernetes
