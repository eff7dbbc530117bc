/// `behavior`: Kubernetes' autoscaling/v2 form, the words "kubernetes" and "none", and their normal
/// form.
#pragma once

#include "policy/compiled.hpp"
#include "policy/reader.hpp"
#include "policy/rules/rule.hpp"

namespace selfscale {

/// Of an object every key that is not given gets Kubernetes' default. Its tolerances are those of
/// every target rule that has none of its own.
void read_behavior(Reader& reader, CompiledPolicy& policy, RuleDefaults& defaults);

Json behavior_to_json(const CompiledPolicy& policy);

}  // namespace selfscale
