/// What cannot be measured here, since the files that would tell are missing.
#pragma once

#include <string>

namespace selfscale::sampling {

/// One sentence: what is missing (/proc, or the files of the control group), what is not measured
/// therefore, and what to do. Empty where all is there. `root` stands before every path, for tests.
std::string unmeasured(const std::string& root = {});

}  // namespace selfscale::sampling
