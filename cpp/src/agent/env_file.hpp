/// `.env.autoscaling`: NAME=value lines, as the shell and Docker read them.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace selfscale::agent {

/// Empty when there is no such file.
std::map<std::string, std::string> read_env_file(const std::string& path);
/// Blank lines, comments (#), `export`, and quotes around a value are understood. Throws
/// Error(invalid_argument) with `path` and the number of a line that is anything else.
std::map<std::string, std::string> parse_env(std::string_view text, const std::string& path);

}  // namespace selfscale::agent
