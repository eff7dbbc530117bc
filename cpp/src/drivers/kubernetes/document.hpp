/// Reading what the Kubernetes API answers. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "model/json/document.hpp"
#include "model/json/shallow.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

using Json = nlohmann::json;

inline Failure malformed(const std::string& words) { return Failure{Errc::malformed, words, {}}; }

inline Result<Json> parse(std::string_view body, std::string_view kind) {
  auto object = parse_shallow<Json>(body);
  if (text(at(object, "kind")) == kind) return object;
  return malformed("the API's answer is no " + std::string{kind});
}

}  // namespace selfscale::drivers::kubernetes
