/// What Railway's GraphQL API is asked. Pure; any thread.
/// Sources: Railway's public schema; its documentation of the API; what its CLI's `scale` sends.
#pragma once

#include <string>

#include "drivers/hosted/answer.hpp"

namespace selfscale::drivers::railway {

using hosted::Json;
using hosted::Request;

inline constexpr auto usual_endpoint = "https://backboard.railway.com";
inline constexpr int least_replicas = 1;  ///< of a service; none at all is a removed deployment
inline constexpr int most_replicas = 50;  ///< over all regions; plans allow fewer

/// The ids of what is scaled.
struct Target {
  std::string project;
  std::string environment;
  std::string service;
};

/// Which environment a project token is of.
Request get_project_token();
Request get_project(const Target& target);
/// The configuration of the service in its environment, and what runs of it: one call.
Request get_service(const Target& target);
/// Sets `regions` and nothing else of the service: the patch is merged into the environment's
/// configuration. What somebody has staged there is not committed. Answered before it is applied.
Request commit_regions(const Target& target, const Json& regions);
/// What became of a commit.
Request get_patch(const std::string& patch);

/// "POST /graphql/v2 (Service)": how failures name it.
std::string name_of(const Request& request);

}  // namespace selfscale::drivers::railway
