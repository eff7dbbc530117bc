/// The `platform` object: kept as it stands for the driver, checked where its keys are ours.
#pragma once

#include "policy/compiled.hpp"
#include "policy/reader.hpp"

namespace selfscale {

void read_platform(Reader& reader, CompiledPolicy& policy);

}  // namespace selfscale
