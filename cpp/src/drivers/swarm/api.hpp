/// What a Swarm's manager is asked, and what its answers mean. Pure; any thread.
/// Source: moby's api/swagger.yaml, versions 1.41 to 1.56, and the answers of Engine 20.10.24.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/swarm/options.hpp"
#include "http/client.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::swarm {

// --- the service

/// With what Swarm counts itself; those whose names begin with `name`.
http::Call list_services(const std::string& name);
http::Call get_service(const std::string& name);

struct Service {
  std::string name;
  int desired = 0;
  std::optional<int> running;   ///< where Swarm has counted
  std::string version;          ///< the index by which it is written
  std::string mode;             ///< "replicated", "global", …
  bool updating = false;        ///< a rolling update or its rollback is under way
  std::string failure;          ///< an update that stands still or is rolled back
  std::string note;             ///< an update that was rolled back
  std::string hold;             ///< what a new count would do to an update that has not ended
  std::string stack;            ///< that it was deployed with; empty: none
  double grace_seconds = 10.0;  ///< from SIGTERM to SIGKILL
  bool sets_grace = false;      ///< else that is what Swarm gives
};
/// Errc::malformed: it is none, its version is no index, or its count is no count.
Result<Service> parse_service(std::string_view body);
/// The one of that name; Errc::not_found: there is none.
Result<Service> parse_services(std::string_view body, const std::string& name);

/// Writes the whole spec of that answer to get_service() with another count and nothing else
/// changed, if the service is still at its version.
Result<http::Call> set_replicas(const std::string& name, std::string_view service_body,
                                int replicas);

// --- its tasks

http::Call list_tasks(const std::string& service);

struct Tasks {
  std::vector<Replica> replicas;  ///< that have not ended
  int current = 0;                ///< of them, those that are to stay
  int ready = 0;                  ///< of those, the ones that run
  std::string complaint;          ///< the newest that does not run, in Swarm's words
};
/// `server_time`: the answer's header Date, by which ages are told; clocks of hosts differ.
Result<Tasks> parse_tasks(std::string_view body, const std::string& service,
                          std::string_view server_time);

// --- the node

http::Call get_info();
/// Why this engine cannot be asked about services; empty: it is a manager.
Result<std::string> parse_info(std::string_view body);

// --- what follows

Observation observation_of(const Service& service, const std::optional<Tasks>& tasks);

/// Why fewer replicas must not be asked for, and the line that ends it; empty: nothing speaks
/// against it. Swarm chooses which task ends, a busy one too, and kills it after its grace period;
/// so no work may be longer than that, as far as is known: the larger of what was recorded and what
/// a person says. Where neither is known, any may be; where a person has consented, it may.
std::optional<Finding> against_fewer(const Service& service, const Options& options,
                                     const std::optional<LongestWork>& recorded);

}  // namespace selfscale::drivers::swarm
