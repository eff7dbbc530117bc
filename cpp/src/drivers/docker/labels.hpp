/// The labels of a container. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace selfscale::drivers::docker {

using Labels = std::map<std::string, std::string>;

/// As `GET /containers/{id}/json` answers. Empty: there are none, or it is no such answer.
Labels parse_labels(std::string_view body);

}  // namespace selfscale::drivers::docker
