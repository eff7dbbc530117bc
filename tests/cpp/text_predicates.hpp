/// For EXPECT_PRED2: failures print both texts.
#pragma once

#include <string_view>

namespace selfscale {

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
inline bool starts_with(std::string_view text, std::string_view start) {
  return text.starts_with(start);
}
inline bool ends_with(std::string_view text, std::string_view end) { return text.ends_with(end); }

}  // namespace selfscale
