/// Policies that are there from the start, and what becomes of their rules where a metric is not.
#pragma once

#include <selfscale/policy.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/reader.hpp"

namespace selfscale {

std::span<const std::string_view> preset_names() noexcept;
/// The preset as a policy document's entry, without a service; nullptr when there is none of that
/// name.
const Json* preset_json(std::string_view name);
/// `policy` with the keys of its preset that it does not give itself.
Json with_preset(const Json& policy, const Json& preset);

/// The policy of a service that does not have these metrics: a preset's rules on them are left out
/// (CompiledPolicy::left_out names them), a rule that the user wrote never is.
Policy without_metrics(const Policy& policy, const std::vector<std::string>& absent);

}  // namespace selfscale
