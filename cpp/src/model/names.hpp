/// The words of every enumeration, as JSON has them, and the way back.
#pragma once

#include <cstdint>
#include <optional>
#include <selfscale/decision.hpp>
#include <selfscale/snapshot.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace selfscale {

std::string_view name_of(Missing missing) noexcept;
std::string_view name_of(Phase phase) noexcept;

/// The value of an enumeration with that name; empty: there is none. Enumerations are numbered from
/// 0 without a gap; an unknown number has an empty name.
template <class E>
std::optional<E> named(std::string_view name) noexcept {
  for (int i = 0; i < 256; ++i) {
    const auto value = static_cast<E>(static_cast<std::uint8_t>(i));
    const std::string_view candidate = name_of(value);
    if (candidate.empty()) return std::nullopt;
    if (candidate == name) return value;
  }
  return std::nullopt;
}

/// How a policy calls what values know by number: all that their JSON forms need of it.
struct Names {
  struct Rule {
    std::string_view name;
    std::string_view type;
  };
  std::string_view service;
  std::vector<std::string_view> metrics;
  std::vector<Rule> rules;
  std::vector<std::string_view> budgets{};
};

}  // namespace selfscale
