/// The policy's platform object, as the driver `compose` reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/docker/access.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::compose {

/// What is scaled, by the labels that Compose gives its containers.
struct Target {
  std::string project;
  std::string service;
};

struct Options {
  Target target;
  docker::Host engine;
  std::optional<double> grace_seconds;  ///< empty: each container's own
};

/// `{"project": …, "service": …, "host": …, "certPath": …, "gracePeriodSeconds": …}`: without a
/// service it is the one called like the policy's; without a project, `usual_project`.
Result<Options> read_options(std::string_view platform_json, const std::string& service,
                             const std::string& usual_project);

}  // namespace selfscale::drivers::compose
