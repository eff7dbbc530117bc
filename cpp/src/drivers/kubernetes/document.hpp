/// Reading what the Kubernetes API answers. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "drivers/document.hpp"
#include "model/json/shallow.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

using Json = nlohmann::json;

using drivers::at;
using drivers::text;

/// Counts of zero are left out. Empty: it is no count.
inline std::optional<int> count(const Json& value, int when_absent = 0) {
  return drivers::count(value, when_absent);
}

inline Failure malformed(const std::string& words) { return Failure{Errc::malformed, words, {}}; }

inline Result<Json> parse(std::string_view body, std::string_view kind) {
  auto object = parse_shallow<Json>(body);
  if (text(at(object, "kind")) == kind) return object;
  return malformed("the API's answer is no " + std::string{kind});
}

}  // namespace selfscale::drivers::kubernetes
