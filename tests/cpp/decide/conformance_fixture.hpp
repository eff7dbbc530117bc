/// Recorded cases of Kubernetes' HPA (tests/fixtures/conformance), put as policies and snapshots.
#pragma once

#include <nlohmann/json.hpp>
#include <selfscale/decide.hpp>
#include <string>

namespace selfscale::testing {

using Json = nlohmann::json;

/// The cases of one table.
Json cases(const std::string& table);

/// What is the same for every case of a table: one service, no bound but the case's own.
Json policy_json(int min_replicas, int max_replicas);

/// `behavior` of a policy for a case's config.
Json behavior_json(const Json& config);

Instance instance_of(const Json& instance);
Reading reading_of(const Json& sample, const Json& request_milli);

/// A target rule on a metric for one metric of a case, added to the policy and its readings to the
/// snapshot. `tolerance`, `up` and `down`, is the rule's; a direction may be absent.
void pose_metric(const Json& metric, const Json& tolerance, Json& policy, Snapshot& seen);

/// When CPU counts, as the case's config has it.
void pose_readiness(const Json& config, Json& policy);

}  // namespace selfscale::testing
