/// The policy's platform object, as the driver `swarm` reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/docker/access.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::swarm {

struct Options {
  std::string service;  ///< its name, which stands in addresses
  docker::Host engine;
  /// What one piece of work takes at most, as a person says.
  std::optional<double> longest_work_seconds;
  /// Consent to a scale-down that may cut work off.
  bool may_interrupt_work = false;
  /// Consent to a count that is set while an update of the service is under way.
  bool scale_during_update = false;
};

/// `{"service": …, "host": …, "certPath": …, "longestWorkSeconds": …, "mayInterruptWork": …,
/// "scaleDuringUpdate": …}`, all optional: without a name it is the service called like the
/// policy's.
Result<Options> read_options(std::string_view platform_json, const std::string& service);

}  // namespace selfscale::drivers::swarm
