/// The policy's `platform` object for the driver `ecs`; whoever reads the policy refuses keys that
/// are not among these:
///
///     {"driver": "ecs", "cluster": "prod", "service": "web", "region": "eu-west-1",
///      "protectBusyTasks": true, "takeOver": false, "endpoint": "https://…"}
///
/// - `cluster` (AWS' default cluster): its name or ARN
/// - `service` (the policy's service): its name or ARN
/// - `region` (AWS_REGION, AWS_DEFAULT_REGION, that of an ARN, that of the profile)
/// - `protectBusyTasks` (true): a scale-in ends the tasks that the agent chose, by protecting the
///   others for some minutes; a task that an agent is in is protected while it has jobs in hand
/// - `takeOver` (false): the consent to suspend a native autoscaler on the same service
/// - `endpoint` (AWS' own): for all of AWS' services, where they are reached by another address
#pragma once

#include <selfscale/instant.hpp>
#include <string>
#include <string_view>

#include "drivers/ecs/operations.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

struct Options {
  Place place;
  std::string region;    ///< empty: found elsewhere
  std::string endpoint;  ///< empty: AWS' own
  bool protects_busy_tasks = true;
  bool takes_over = false;
  Duration patience{10'000};  ///< of Setting
  bool is_replica = true;     ///< of Setting
  /// In which the processes of one task tell each other until when they have protected it; empty:
  /// they do not.
  std::string protection_file;
};

/// Errc::invalid_argument names the key, what it was given and what would be right.
Result<Options> parse_options(std::string_view platform_json, const std::string& service);

}  // namespace selfscale::drivers::ecs
