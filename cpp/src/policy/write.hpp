/// The normal form of a policy: defaults and presets filled in, one spelling of everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

/// The most replicas that a policy may name; far above any real service, far below overflow.
inline constexpr int most_replicas = 1'000'000;

/// A number as JSON: 70, not 70.0.
Json json_number(double number);
/// FNV-1a, 64 bits.
std::uint64_t fingerprint(std::string_view text) noexcept;
/// Gives the compiled policy its JSON, its hash and its rules' fingerprints.
void finish(CompiledPolicy& policy);

}  // namespace selfscale
