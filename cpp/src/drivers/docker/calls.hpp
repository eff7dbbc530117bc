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

/// The header Api-Version of the answer tells the engine's newest version of the API.
http::Call ping();
/// The newest that the documents above tell of. What a later one makes of the same words nobody has
/// read.
inline constexpr std::string_view newest_known = "1.56";
/// In which version all calls are made to an engine that says so: the newest that both know. An
/// older one would lose fields that are newer on the way there and back. Empty: it says no version.
std::optional<std::string> version_for(std::string_view engines_newest);

/// The value of a query's `filters`, encoded.
using Filters = std::vector<std::pair<std::string, std::vector<std::string>>>;
std::string encoded(const Filters& filters);

}  // namespace selfscale::drivers::docker
