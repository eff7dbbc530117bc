/// The number that target rules hold a load against.
#pragma once

#include "policy/reader.hpp"

namespace selfscale {

/// Above 0 and at most 1e15; anything else is noted as a problem.
inline std::optional<double> read_target_value(Reader& reader, std::string_view key) {
  constexpr double largest = 1e15;
  const auto target = reader.number(key);
  if (!target || (*target > 0.0 && *target <= largest)) return target;
  reader.wrong(key, "must be above 0");
  return std::nullopt;
}

}  // namespace selfscale
