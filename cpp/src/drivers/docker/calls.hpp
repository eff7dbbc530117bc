/// What calls to a Docker Engine have in common. Pure; any thread.
/// Source: moby's api/swagger.yaml, versions 1.41 to 1.56.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/client.hpp"

namespace selfscale::drivers::docker {

/// Paths are without the API's version, which the engine itself names.
http::Call get(std::string path);
http::Call post(std::string path, std::string body = {});
http::Call remove(std::string path);

/// The header Api-Version of the answer tells the engine's newest. All calls are made with it: with
/// an older one, fields that are newer get lost on the way there and back.
http::Call ping();
/// "1.41" and its like; empty: it is none.
std::optional<std::string> version_in(std::string_view text);

/// The value of a query's `filters`, encoded.
using Filters = std::vector<std::pair<std::string, std::vector<std::string>>>;
std::string encoded(const Filters& filters);

}  // namespace selfscale::drivers::docker
