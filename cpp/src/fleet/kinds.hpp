#pragma once

#include <array>
#include <string_view>

namespace selfscale::fleet {

/// The meeting places there are.
constexpr std::array<std::string_view, 4> kinds() {
  return {"host", "kubernetes", "postgres", "redis"};
}

}  // namespace selfscale::fleet
