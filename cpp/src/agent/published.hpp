/// What agents publish of a service (records.hpp), as another one finds it. Pure; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model/result.hpp"

namespace selfscale::agent {

/// In bytes; what is published of a service with many rules has a tenth of it.
inline constexpr std::size_t longest_published = std::size_t{1} << 20;

/// Whoever may write where agents meet may have written anything there. Discarded: it is no JSON,
/// longer than that, or nested deeper than JSON is read here (model/json/shallow.hpp).
nlohmann::json parse_published(std::string_view text);

/// Nobody tells of such a text before this has let it through: as parse_published() reads it, with
/// what status and metrics tell of it in the form that they take, and whatever another version has
/// beside that. Errc::malformed: it is something else.
Result<void> check_published(std::string_view text);

}  // namespace selfscale::agent
