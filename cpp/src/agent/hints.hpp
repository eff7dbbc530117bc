/// What this process sees of where it runs, for drivers::guess_platform.
#pragma once

#include <map>
#include <string>

#include "drivers/guess.hpp"

namespace selfscale::agent {

/// `given` wins over the process's environment. Without labels: those take a call to an Engine.
drivers::Hints hints(std::map<std::string, std::string> given);

}  // namespace selfscale::agent
