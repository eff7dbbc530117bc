/// What is valid and yet probably not meant.
#pragma once

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

/// Hints for the rules that the user wrote; a preset's are as its guide has them.
void hint_at_oddities(Reader& reader, const CompiledPolicy& policy);

}  // namespace selfscale
