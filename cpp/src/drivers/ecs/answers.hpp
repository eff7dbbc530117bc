/// What Amazon ECS and Application Auto Scaling answer, and what it says about the service. Pure;
/// any thread. An answer that cannot be understood is Errc::malformed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/driver.hpp"
#include "drivers/ecs/operations.hpp"
#include "model/result.hpp"

namespace selfscale::drivers::ecs {

struct Deployment {
  std::string id;
  std::string status;  ///< PRIMARY, ACTIVE (being replaced), INACTIVE
  std::string rollout_state;
  std::string rollout_reason;
};

struct Service {
  std::string arn;
  std::string status;               ///< ACTIVE, DRAINING, INACTIVE
  std::string scheduling_strategy;  ///< REPLICA, DAEMON
  std::string controller;           ///< of its deployments: ECS, CODE_DEPLOY, EXTERNAL
  int desired = 0;
  int running = 0;
  int pending = 0;
  std::vector<Deployment> deployments;
  std::vector<std::string> events;  ///< what the platform says of it, the newest first
  std::string stack;                ///< of CloudFormation, by its tag; empty: of none
  bool is_of_terraform = false;     ///< a tag says so
  std::optional<Suspended>
      before_takeover;  ///< of its scalable target; empty: it was not taken over
};

struct Task {
  std::string arn;
  std::string last_status;           ///< PROVISIONING … RUNNING … STOPPED
  std::string health;                ///< HEALTHY, UNHEALTHY; UNKNOWN: not checked, or not yet
  std::optional<double> started_at;  ///< seconds since the epoch
};

struct TaskPage {
  std::vector<std::string> arns;
  std::string next_token;  ///< empty: this was the last
};

struct ProtectedTask {
  std::string arn;
  double until = 0.0;  ///< seconds since the epoch; 0: it is not told
};

struct Protection {
  std::vector<ProtectedTask> tasks;
  std::string failure;  ///< in the platform's words; tasks that are gone are none
};

struct ScalableTarget {
  int least = 0;
  int most = 0;
  Suspended suspended;
};

/// Errc::not_found: there is no such service, or it is being deleted.
Result<Service> parse_described(std::string_view answer, const Place& place);
Result<Service> parse_updated(std::string_view answer);
Result<TaskPage> parse_task_page(std::string_view answer);
Result<std::vector<Task>> parse_tasks(std::string_view answer);
/// `operation`: GetTaskProtection or UpdateTaskProtection.
Result<Protection> parse_protection(const std::string& operation, std::string_view answer);
/// Empty: no native autoscaler knows the service.
Result<std::optional<ScalableTarget>> parse_scalable_target(std::string_view answer);
Result<std::vector<std::string>> parse_policy_names(std::string_view answer);
Result<std::vector<std::string>> parse_action_names(std::string_view answer);

/// The service as the agent sees it. `now` in seconds since the epoch.
///
/// A task is ready when it runs and is not unhealthy. UNKNOWN is what a task without a health check
/// says for ever, and one with a check until the first verdict: it counts as ready as long as no
/// task of the service has had a verdict.
Observation observation_of(const Service& service, const std::vector<Task>& tasks, double now);

/// The ARNs of those that are ready.
std::vector<std::string> ready_tasks(const std::vector<Task>& tasks);

/// The ARNs of the tasks that the agent knows, by the last part of their ARN, in the order in which
/// they may go.
std::vector<std::string> in_order(const std::vector<Task>& tasks,
                                  const std::vector<std::string>& victims);

/// For so long a scale-in keeps the tasks that are to stay. ECS chooses whom it ends within
/// seconds.
inline constexpr int protection_minutes = 5;
/// In seconds: one that lasts longer is none of a scale-in's. Clocks are not quite equal.
inline constexpr double longest_of_a_scale_in = 60.0 * (protection_minutes + 1);

/// What a scale-in changes about the tasks' protection.
struct ProtectionPlan {
  std::vector<std::string> kept;      ///< to be protected, anew where that ends too soon
  std::vector<std::string> released;  ///< to go, and still protected by an earlier scale-in
};

/// `tasks`: ARNs, who may go first before the others, of which `count` go. A protection that lasts
/// longer than a scale-in's is one that a task has asked for itself: it stays, and so does the
/// task; the next one goes in its place. `now` in seconds since the epoch.
ProtectionPlan plan_protection(const std::vector<std::string>& tasks,
                               const std::vector<ProtectedTask>& before, int count, double now);

/// Of the tasks that a scale-in kept, those whose protection is still that: what a task has asked
/// for itself since lasts longer.
std::vector<std::string> kept_by_a_scale_in(const std::vector<ProtectedTask>& tasks, double now);

/// Why the native autoscaler and this agent cannot both scale the service; empty: they can.
std::string conflict_of(const ScalableTarget& target, const std::vector<std::string>& policies,
                        const std::vector<std::string>& actions);

/// What of a takeover is to be given back: what was suspended before, without that which a person
/// has resumed since.
Suspended to_give_back(const Suspended& now, const Suspended& before) noexcept;

}  // namespace selfscale::drivers::ecs
