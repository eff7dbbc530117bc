/// Reading what the Docker Engine answers, as it comes. Pure; any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/json/shallow.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

/// Keeps the order of keys, empty lists and integers up to 2^64: what is sent back is what was
/// read.
using Document = nlohmann::ordered_json;

/// What is not there, or is something else, reads as nothing.
inline const Document& at(const Document& object, std::string_view key) {
  static const Document nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}
template <class... Keys>
const Document& at(const Document& object, std::string_view key, std::string_view next,
                   Keys... keys) {
  return at(at(object, key), next, keys...);
}

inline std::string text(const Document& value) {
  const auto* found = value.get_ptr<const std::string*>();
  return found == nullptr ? std::string{} : *found;
}

/// Empty: it is no count of replicas.
inline std::optional<int> count(const Document& value) {
  if (!value.is_number_integer()) return std::nullopt;
  const bool is_huge = value.is_number_unsigned() &&
                       value.get<std::uint64_t>() > std::numeric_limits<std::int32_t>::max();
  if (is_huge || value.get<std::int64_t>() < 0) return std::nullopt;
  return value.get<int>();
}

/// Discarded: it is no JSON, or nested too deep to be sent back.
inline Document parse(std::string_view body) { return parse_shallow<Document>(body); }

inline Failure malformed(std::string_view what) {
  return Failure{Errc::malformed, "the Engine's answer is no " + std::string{what}, {}};
}

}  // namespace selfscale::drivers::docker
