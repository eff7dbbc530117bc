/// Names in a policy: of its service, and of what values know by number.
#pragma once

#include <string_view>

#include "model/names.hpp"
#include "policy/compiled.hpp"

namespace selfscale {

/// Services name files and locks, so their letters are few.
bool is_service_name(std::string_view name);

/// Views of the policy's own texts, which outlives them.
Names names_of(const CompiledPolicy& policy);

}  // namespace selfscale
