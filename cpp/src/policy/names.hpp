/// How a policy calls what values know by number.
#pragma once

#include "model/names.hpp"
#include "policy/compiled.hpp"

namespace selfscale {

/// Views of the policy's own texts, which outlives them.
Names names_of(const CompiledPolicy& policy);

}  // namespace selfscale
