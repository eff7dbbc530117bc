/// What the Kubernetes API is asked, and what its answers mean. Pure; any thread.
/// Sources: the OpenAPI documents of Kubernetes 1.34 (apps/v1, autoscaling/v1, core/v1,
/// authorization.k8s.io/v1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/kubernetes/options.hpp"
#include "drivers/kubernetes/request.hpp"
#include "drivers/longest_work.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

// --- the workload

Request get_workload(const Target& target);

/// A Deployment or StatefulSet.
struct Workload {
  int desired = 0;
  int current = 0;
  int ready = 0;
  bool updating = false;  ///< a rollout is under way: pods of an older revision are left
  std::string version;
  std::string selector;           ///< as a list of pods takes it
  std::string failure;            ///< what its conditions complain of
  std::vector<Finding> warnings;  ///< what in its manifest makes scaling worse
  /// What its template gives a pod to end; empty: it does not say.
  std::optional<double> grace_seconds;
};
/// Errc::malformed: it is none of that kind, a count is no count, or it has no selector.
Result<Workload> parse_workload(const Target& target, std::string_view body);

/// What a pod of it has from SIGTERM to its kill.
Grace grace_of(const Target& target, const Workload& workload);

/// Sets the count if the workload is still at `version`; else the answer is 409.
Request put_scale(const Target& target, int replicas, const std::string& version);
/// The count that the answer to that has.
Result<int> parse_scale(std::string_view body);

// --- its pods

/// At most 500; `page` is that of the answer before, empty for the first.
Request list_pods(const Target& target, const std::string& selector, const std::string& page);
/// The one of that name, with the right to the list.
Request list_pod(const Target& target, const std::string& name);

struct Pod {
  Replica replica;
  std::string version;
  std::string waits_for;  ///< why it does not start, in the platform's words
  std::optional<int> deletion_cost;
};
struct Pods {
  std::vector<Pod> pods;  ///< without those that have ended, and those of other workloads
  std::string next_page;  ///< empty: this was the last
};
/// `server_time`: the answer's header Date, by which ages are told; clocks of hosts differ.
Result<Pods> parse_pods(const Target& target, std::string_view body, std::string_view server_time);

// Of pods that serve, those with the least cost go first, and a pod without one has 0. No other
// program is likely to choose just these, so they also say that they are ours.

/// Of a pod at work, which it gives itself.
inline constexpr int cost_of_busy = 1'073'741'000;
/// Of the pod of the agent that scales down, until that is done.
inline constexpr int cost_of_leader = 1'073'740'000;

/// The annotation controller.kubernetes.io/pod-deletion-cost; empty: takes it away. Where the pod
/// has changed since it was read the answer is 409.
Request set_deletion_cost(const Target& target, const Pod& pod, std::optional<int> cost);

/// A pod whose cost is to be another.
struct NewCost {
  Pod pod;
  std::optional<int> cost;
};
// A cost of somebody else's stays in each of these.
/// As the pod works, or does not.
std::vector<NewCost> costs_of_work(const std::vector<Pod>& pods, bool is_busy);
/// Before a step down by the agent in the pod `own`; what leaders before it left is taken away.
std::vector<NewCost> costs_of_step_down(const std::vector<Pod>& pods, const std::string& own);
/// After it.
std::vector<NewCost> without_leaders(const std::vector<Pod>& pods);
/// Where nobody may act.
std::vector<NewCost> without_ours(const std::vector<Pod>& pods);

// --- what we may

Request ask_whether_allowed(const Target& target, const Permission& permission);
Result<bool> parse_whether_allowed(std::string_view body);

Permission may_read(const Target& target);
Permission may_scale(const Target& target);
Permission may_list_pods();
Permission may_mark_pods();

}  // namespace selfscale::drivers::kubernetes
