/// Where something stands in a document of JSON. Pure; any thread.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace selfscale {

/// A member's JSON Pointer (RFC 6901).
inline std::string place(const std::string& parent, std::string_view key) {
  return parent + (nlohmann::json::json_pointer{} / std::string{key}).to_string();
}

}  // namespace selfscale
