/// Reading fields of JSON as platforms answer with it, whether its keys are sorted (nlohmann::json)
/// or in the order in which they came (nlohmann::ordered_json). Pure; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace selfscale::drivers {

/// What is not there, or is something else, reads as nothing (null).
template <class Value>
const Value& at(const Value& object, std::string_view key) {
  static const Value nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
template <class Value, class... Keys>
const Value& at(const Value& object, std::string_view key, std::string_view next, Keys... keys) {
  return at(at(object, key), next, keys...);
}

/// Empty: it is no text.
template <class Value>
std::string text(const Value& value) {
  const auto* found = value.template get_ptr<const std::string*>();
  return found == nullptr ? std::string{} : *found;
}

/// 0 to 2^31-1. Empty: it is no such count, or there is nothing.
template <class Value>
std::optional<int> count(const Value& value) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (!value.is_number_integer()) return std::nullopt;
  const bool is_huge = value.is_number_unsigned() &&
                       value.template get<std::uint64_t>() > static_cast<std::uint64_t>(most);
  const auto number = is_huge ? -1 : value.template get<std::int64_t>();
  if (number < 0 || number > most) return std::nullopt;
  return static_cast<int>(number);
}
/// The same; `when_absent` where there is nothing: many platforms leave out what is zero.
template <class Value>
std::optional<int> count(const Value& value, int when_absent) {
  return value.is_null() ? std::optional{when_absent} : count(value);
}

}  // namespace selfscale::drivers
