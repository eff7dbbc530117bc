#pragma once

#include <array>
#include <string_view>

namespace selfscale::fleet {

/// The meeting places there are.
constexpr std::array<std::string_view, 3> kinds() { return {"host", "kubernetes", "redis"}; }

}  // namespace selfscale::fleet
