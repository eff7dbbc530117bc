/// Reading what the Docker Engine answers, as it comes. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "drivers/document.hpp"
#include "model/json/shallow.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::docker {

/// Keeps the order of keys, empty lists and integers up to 2^64: what is sent back is what was
/// read.
using Document = nlohmann::ordered_json;

using drivers::at;
using drivers::count;
using drivers::text;

/// Discarded: it is no JSON, or nested too deep to be sent back.
inline Document parse(std::string_view body) { return parse_shallow<Document>(body); }

inline Failure malformed(std::string_view what) {
  return Failure{Errc::malformed, "the Engine's answer is no " + std::string{what}, {}};
}

}  // namespace selfscale::drivers::docker
