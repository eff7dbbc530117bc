/// Reads the YAML that kubeconfig files are written in.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

/// One document as JSON. Plain `true`, `false`, `null`, `~` and nothing are what they say; every
/// other scalar is a text, numbers too. Errc::malformed, with its line: it is no YAML, has a key
/// twice, an anchor or alias, more than one document, or is deeper than 32.
Result<nlohmann::json> parse_yaml(std::string_view text);

}  // namespace selfscale::drivers::kubernetes
