#include "agent/rivals.hpp"

#include <algorithm>
#include <string>

namespace selfscale::agent {
namespace {

const std::string place_or_apart =
    "name a place that all of them reach in SELFSCALE_FLEET (kubernetes, redis://…, "
    "postgresql://…), or let a single process lead, outside of what is scaled, and say "
    "SELFSCALE_FLEET=single there alone";
const std::string no_place =
    "every replica has an agent that could scale this platform, and they have no place to agree on "
    "one of them: " +
    place_or_apart;
constexpr auto told_none = "SELFSCALE_FLEET=none: no agent leads; name a place where they meet";

constexpr auto or_of_this_host =
    "; or, where your driver reaches no further than this host, have its capabilities say so: the "
    "scope \"host\"";

std::string ways_out(std::string_view driver_name) {
  const std::string place = driver_name == "kubernetes" ? "kubernetes" : "redis://HOST:6379/0";
  return "SELFSCALE_FLEET=" + place +
         "   # the same for all agents of the service; or, of one outside of what is scaled: "
         "SELFSCALE_FLEET=single";
}

std::string way_to_be_listed(std::string_view driver_name) {
  std::string way = "SELFSCALE_INSTANCE=…   # the name by which the platform lists this replica";
  if (driver_name == "kubernetes") {
    way = "env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]";
  }
  if (driver_name == "swarm") way = "SELFSCALE_INSTANCE: \"{{.Task.Name}}\"";
  if (driver_name == "compose") way = "SELFSCALE_INSTANCE=$HOSTNAME   # in the container";
  return way;
}

std::string way_to_ask(std::string_view driver_name) {
  std::string way = "selfscale doctor   # on each of the other hosts, as the agent's user";
  if (driver_name == "kubernetes") way = "kubectl exec POD -- selfscale doctor   # of each pod";
  if (driver_name == "ecs") {
    way =
        "aws ecs execute-command --cluster CLUSTER --task TASK --interactive --command "
        "\"selfscale doctor\"";
  }
  if (driver_name == "swarm" || driver_name == "compose") {
    way = "docker exec CONTAINER selfscale doctor   # on the container's node";
  }
  return way;
}

}  // namespace

/// Agents on other hosts reach a platform as well as this one, and know nothing of a host's lease.
std::optional<Finding> possible_rivals(const Settings& settings, const drivers::Driver* driver,
                                       std::string_view driver_name, bool meet_across_hosts,
                                       std::span<const drivers::Replica> listed) {
  using Fleet = Settings::Fleet;
  if (driver == nullptr) return std::nullopt;
  if (settings.fleet == Fleet::none) {
    return Finding{told_none, "it recommends, and nobody acts", ways_out(driver_name)};
  }
  const bool is_reached_from_everywhere =
      driver->capabilities().scope == drivers::Capabilities::Scope::platform;
  if (!is_reached_from_everywhere || meet_across_hosts) return std::nullopt;
  if (settings.fleet == Fleet::single) {
    const bool is_listed = std::ranges::any_of(listed, [&](const drivers::Replica& replica) {
      return replica.instance == settings.instance;
    });
    if (!settings.is_replica || !is_listed) return std::nullopt;
    return Finding{"SELFSCALE_FLEET=single, and this process is " + settings.instance +
                       ", one of the replicas that it scales: " + place_or_apart,
                   "each of them leads then, and they undo each other's work",
                   ways_out(driver_name)};
  }
  const std::string own = driver_name == "callback" ? or_of_this_host : "";
  return Finding{no_place + own, "two that write one count undo each other's work",
                 ways_out(driver_name)};
}

std::optional<Finding> unheard_replicas(const Settings& settings, bool meet_across_hosts) {
  if (!settings.is_replica || !meet_across_hosts) return std::nullopt;
  return Finding{
      "an agent inside a replica reads what the replicas of its own host record, and of the others "
      "nothing",
      "by CPU, memory and requests of one host it takes nothing away from several, and adds late; "
      "bounds, schedules, orders and a gauge of the whole service, such as a queue's length, work "
      "(docs/fleet.md)",
      R"("metric": "queue_length"   # in a rule of the policy: a gauge of the whole service)"};
}

std::optional<Finding> unlisted_instance(const std::string& own,
                                         const std::vector<drivers::Replica>& listed,
                                         std::string_view driver_name) {
  std::vector<std::string_view> names;  // some platforms list replicas that they do not name
  for (const auto& replica : listed) {
    if (!replica.instance.empty()) names.push_back(replica.instance);
  }
  if (names.empty() || std::ranges::find(names, own) != names.end()) return std::nullopt;
  return Finding{"this process calls itself " + own + ", and none of the " +
                     std::to_string(names.size()) +
                     " replicas that the platform names is called so (" +
                     std::string{names.front()} + " is one)",
                 "that is right of an agent beside them; of a replica, what it records would be "
                 "taken for the whole service's, and not for its own",
                 way_to_be_listed(driver_name)};
}

std::optional<Finding> asked_elsewhere(std::string_view driver_name, bool meet_across_hosts) {
  if (!meet_across_hosts) return std::nullopt;
  return Finding{
      "agents of other hosts meet at the same place, which names the one that leads and no other",
      "what each of them lacks is said where it runs", way_to_ask(driver_name)};
}

}  // namespace selfscale::agent
