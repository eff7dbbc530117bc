/// What can be said of a policy as a whole: what is valid and yet probably not meant, and what is
/// too much.
#pragma once

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

/// Hints at what the user wrote, and at a preset's rules that swing: by what the user changed of
/// it, or by themselves.
void hint_at_oddities(Reader& reader, const CompiledPolicy& policy);

/// What decide() may have to remember for a finished policy is as JSON under 8 KiB, or that is
/// wrong.
void check_state_size(Reader& reader, const CompiledPolicy& policy);

}  // namespace selfscale
