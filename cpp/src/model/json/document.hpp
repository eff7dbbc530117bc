/// Reading JSON that others wrote, whether its keys keep their order or not. Pure; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace selfscale {

/// What is not there, or is something else, reads as nothing.
template <class Json>
const Json& at(const Json& object, std::string_view key) {
  static const Json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
template <class Json, class... Keys>
const Json& at(const Json& object, std::string_view key, std::string_view next, Keys... keys) {
  return at(at(object, key), next, keys...);
}

/// Empty: it is no text.
template <class Json>
std::string text(const Json& value) {
  const auto* found = value.template get_ptr<const std::string*>();
  return found == nullptr ? std::string{} : *found;
}

/// 0 to 2^31-1; `when_absent` where there is nothing. Empty: it is no count.
template <class Json>
std::optional<int> count(const Json& value, std::optional<int> when_absent = {}) {
  if (value.is_null()) return when_absent;
  if (!value.is_number_integer()) return std::nullopt;
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  // Beyond 2^63 it reads as less than nothing.
  const auto number = value.template get<std::int64_t>();
  if (number < 0 || number > most) return std::nullopt;
  return static_cast<int>(number);
}

}  // namespace selfscale
