/// What this process's surroundings look like. A guess for people: nothing is ever written on one,
/// for a platform that a policy does not name may be anybody's.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <selfscale/finding.hpp>
#include <string>
#include <string_view>

namespace selfscale::drivers {

/// What a process can see of where it runs.
struct Hints {
  /// The variable of that name; empty optional: it is not set, or to nothing.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  bool has_account_token = false;  ///< the file with the token of a pod's service account is there
  std::map<std::string, std::string> labels;  ///< of its own container, as a Docker Engine has them
};

struct Guess {
  std::string platform;       ///< its name, for words: "Amazon ECS"
  std::string driver;         ///< "ecs"
  std::string evidence;       ///< by what it is known: "ECS_CONTAINER_METADATA_URI_V4"
  std::string platform_json;  ///< a policy's `platform`, with "…" for what cannot be seen from here
  bool has_driver = true;     ///< false: this version has none of that name
};

/// The first row of the table that fits; empty: none. Pure.
std::optional<Guess> guess_platform(const Hints& hints);
/// What to tell whose policy names no platform.
Finding finding_of(const Guess& guess);
/// Does that driver's platform run a container for each replica?
bool runs_containers(std::string_view driver);
/// What to write, where that driver's platform runs a container, so that `cpu_usage` is not a
/// percentage of the whole host.
std::string line_for_cpu(std::string_view driver);

}  // namespace selfscale::drivers
