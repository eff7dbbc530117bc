#include "drivers/ecs/answers.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "model/json/shallow.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;

constexpr std::size_t events_kept = 5;
constexpr int most_counted = 1'000'000;  // more is no count of tasks, and two of them still add up

/// In seconds: so much is left when all attempts of one scale-in are over, which go on where the
/// one before ended, and ECS has long chosen by then.
constexpr double lasts_long_enough = 180.0;

/// Reads members of one kind each, and remembers the first that was not as it must be.
class Reader {
 public:
  explicit Reader(std::string_view what) : what_{what} {}

  const Json* list(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_array()) return &*found;
    if (found != object.end() && !found->is_null()) wrong(key);
    return nullptr;
  }
  std::string text(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return {};
    if (!found->is_string()) return wrong(key), std::string{};
    return found->get<std::string>();
  }
  std::string needed_text(const Json& object, const char* key) {
    auto value = text(object, key);
    if (value.empty()) wrong(key);
    return value;
  }
  int count(const Json& object, const char* key) {
    const auto found = object.find(key);
    const bool is_count = found != object.end() && found->is_number_integer() && *found >= 0 &&
                          *found <= most_counted;
    if (!is_count) return wrong(key), 0;
    return found->get<int>();
  }
  bool flag(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
  }
  std::optional<double> time(const Json& object, const char* key) {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    return found->get<double>();
  }
  void wrong(const char* key) {
    if (wrong_.empty()) wrong_ = key;
  }
  template <class T>
  Result<T> answer(T value) const {
    if (wrong_.empty()) return value;
    return Failure{Errc::malformed,
                   what_ + " answered with a \"" + wrong_ + "\" that is not what it must be",
                   {}};
  }

 private:
  std::string what_;
  std::string wrong_;
};

/// Calls `read` with the answer's object.
template <class T, class Read>
Result<T> parse(std::string_view answer, const char* what, Read read) {
  const auto json = parse_shallow<Json>(answer);
  if (!json.is_object()) {
    return Failure{Errc::malformed, std::string{what} + " did not answer with a JSON object", {}};
  }
  Reader reader{what};
  T value = read(reader, json);
  return reader.answer(std::move(value));
}

/// Calls `read` with each object of a list.
template <class Read>
void each(Reader& reader, const Json& object, const char* key, Read read) {
  const Json* list = reader.list(object, key);
  if (list == nullptr) return;
  for (const auto& element : *list) {
    if (!element.is_object()) return reader.wrong(key);
    read(element);
  }
}

std::vector<std::string> texts(Reader& reader, const Json& object, const char* key) {
  std::vector<std::string> read;
  const Json* list = reader.list(object, key);
  if (list == nullptr) return read;
  for (const auto& element : *list) {
    if (!element.is_string()) return reader.wrong(key), read;
    read.push_back(element.get<std::string>());
  }
  return read;
}

/// As people tag what it makes: "terraform: true", "ManagedBy: Terraform".
bool names_terraform(std::string_view text) {
  constexpr std::string_view name = "terraform";
  const auto is_same = [](char letter, char small) {
    return std::tolower(static_cast<unsigned char>(letter)) == small;
  };
  return std::search(text.begin(), text.end(), name.begin(), name.end(), is_same) != text.end();
}

Service service_in(Reader& reader, const Json& object) {
  Service service;
  service.arn = reader.text(object, "serviceArn");
  service.status = reader.needed_text(object, "status");
  service.scheduling_strategy = reader.text(object, "schedulingStrategy");
  service.desired = reader.count(object, "desiredCount");
  service.running = reader.count(object, "runningCount");
  service.pending = reader.count(object, "pendingCount");
  if (const auto controller = object.find("deploymentController");
      controller != object.end() && controller->is_object()) {
    service.controller = reader.text(*controller, "type");
  }
  each(reader, object, "deployments", [&](const Json& each) {
    service.deployments.push_back({reader.text(each, "id"), reader.text(each, "status"),
                                   reader.text(each, "rolloutState"),
                                   reader.text(each, "rolloutStateReason")});
  });
  each(reader, object, "events", [&](const Json& each) {
    if (service.events.size() < events_kept) {
      service.events.push_back(reader.text(each, "message"));
    }
  });
  each(reader, object, "tags", [&](const Json& each) {
    const auto key = reader.text(each, "key");
    const auto value = reader.text(each, "value");
    if (key == taken_over_tag) service.before_takeover = suspended_in(value);
    if (key == "aws:cloudformation:stack-name") service.stack = value;
    if (names_terraform(key) || names_terraform(value)) service.is_of_terraform = true;
  });
  return service;
}

std::string sentence(const std::string& what, const std::string& reason) {
  return reason.empty() ? what : what + ": " + reason;
}

/// A deployment of the service that failed, and whether it is the one that the service is left
/// with.
struct Failed {
  const Deployment* deployment = nullptr;
  bool is_primary = false;
};

Failed failed_deployment(const Service& service) {
  for (const auto& each : service.deployments) {
    if (each.rollout_state == "FAILED") return {&each, each.status == "PRIMARY"};
  }
  return {};
}

/// "(service web) was unable to place a task because …": said as long as nothing newer is.
std::string placement_failure(const Service& service) {
  if (service.events.empty() || service.running >= service.desired) return {};
  const auto& newest = service.events.front();
  return newest.find("unable to") == std::string::npos ? std::string{} : newest;
}

bool is_judged(const Task& task) { return task.health == "HEALTHY" || task.health == "UNHEALTHY"; }

/// `are_checked`: one task of the service has had a verdict.
bool is_ready(const Task& task, bool are_checked) {
  return task.last_status == "RUNNING" && (!are_checked || task.health == "HEALTHY");
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<Service> parse_described(std::string_view answer, const Place& place) {
  std::string missing;
  bool is_there = false;
  auto service = parse<Service>(answer, "DescribeServices", [&](Reader& reader, const Json& json) {
    // A service that is not there is no error to AWS: it stands among the failures.
    each(reader, json, "failures", [&](const Json& each) {
      if (missing.empty()) missing = reader.needed_text(each, "reason");
    });
    const Json* found = reader.list(json, "services");
    is_there = found != nullptr && !found->empty();
    if (!is_there) {
      if (missing.empty()) reader.wrong("services");
      return Service{};
    }
    if (!found->front().is_object()) return reader.wrong("services"), Service{};
    return service_in(reader, found->front());
  });
  if (!service) return service;
  const auto name = "the service \"" + place.service + "\" of the cluster \"" +
                    (place.cluster.empty() ? "default" : place.cluster) + "\"";
  if (!is_there) return Failure{Errc::not_found, name + " is not there (" + missing + ")", {}};
  if (service->status != "ACTIVE") {
    return Failure{Errc::not_found, name + " is being deleted (" + service->status + ")", {}};
  }
  return service;
}

Result<Service> parse_updated(std::string_view answer) {
  return parse<Service>(answer, "UpdateService", [](Reader& reader, const Json& json) {
    const auto found = json.find("service");
    if (found == json.end() || !found->is_object()) return reader.wrong("service"), Service{};
    return service_in(reader, *found);
  });
}

Result<TaskPage> parse_task_page(std::string_view answer) {
  return parse<TaskPage>(answer, "ListTasks", [](Reader& reader, const Json& json) {
    if (!json.contains("taskArns")) reader.wrong("taskArns");
    return TaskPage{texts(reader, json, "taskArns"), reader.text(json, "nextToken")};
  });
}

Result<std::vector<Task>> parse_tasks(std::string_view answer) {
  using Tasks = std::vector<Task>;
  return parse<Tasks>(answer, "DescribeTasks", [](Reader& reader, const Json& json) {
    Tasks tasks;
    if (!json.contains("tasks")) reader.wrong("tasks");
    each(reader, json, "tasks", [&](const Json& each) {
      // Asked to stop since it was listed: no replica any more.
      if (reader.text(each, "desiredStatus") == "STOPPED") return;
      tasks.push_back({reader.needed_text(each, "taskArn"), reader.needed_text(each, "lastStatus"),
                       reader.text(each, "healthStatus"), reader.time(each, "startedAt")});
    });
    return tasks;
  });
}

Result<Protection> parse_protection(const std::string& operation, std::string_view answer) {
  return parse<Protection>(answer, operation.c_str(), [](Reader& reader, const Json& json) {
    Protection protection;
    if (!json.contains("protectedTasks")) reader.wrong("protectedTasks");
    each(reader, json, "protectedTasks", [&](const Json& each) {
      if (reader.flag(each, "protectionEnabled")) {
        protection.tasks.push_back({reader.needed_text(each, "taskArn"),
                                    reader.time(each, "expirationDate").value_or(0.0)});
      }
    });
    each(reader, json, "failures", [&](const Json& each) {
      const auto reason = reader.needed_text(each, "reason");
      if (reason == "MISSING" || !protection.failure.empty()) return;
      protection.failure = sentence(reason, reader.text(each, "detail"));
    });
    return protection;
  });
}

Result<std::optional<ScalableTarget>> parse_scalable_target(std::string_view answer) {
  using Found = std::optional<ScalableTarget>;
  return parse<Found>(answer, "DescribeScalableTargets", [](Reader& reader, const Json& json) {
    Found target;
    if (!json.contains("ScalableTargets")) reader.wrong("ScalableTargets");
    each(reader, json, "ScalableTargets", [&](const Json& each) {
      if (target) return;
      target =
          ScalableTarget{reader.count(each, "MinCapacity"), reader.count(each, "MaxCapacity"), {}};
      const auto state = each.find("SuspendedState");
      if (state == each.end() || !state->is_object()) return;
      target->suspended = {reader.flag(*state, "DynamicScalingInSuspended"),
                           reader.flag(*state, "DynamicScalingOutSuspended"),
                           reader.flag(*state, "ScheduledScalingSuspended")};
    });
    return target;
  });
}

Result<std::vector<std::string>> parse_policy_names(std::string_view answer) {
  using Names = std::vector<std::string>;
  return parse<Names>(answer, "DescribeScalingPolicies", [](Reader& reader, const Json& json) {
    Names names;
    if (!json.contains("ScalingPolicies")) reader.wrong("ScalingPolicies");
    each(reader, json, "ScalingPolicies",
         [&](const Json& each) { names.push_back(reader.needed_text(each, "PolicyName")); });
    return names;
  });
}

Result<std::vector<std::string>> parse_action_names(std::string_view answer) {
  using Names = std::vector<std::string>;
  return parse<Names>(answer, "DescribeScheduledActions", [](Reader& reader, const Json& json) {
    Names names;
    if (!json.contains("ScheduledActions")) reader.wrong("ScheduledActions");
    each(reader, json, "ScheduledActions", [&](const Json& each) {
      names.push_back(reader.needed_text(each, "ScheduledActionName"));
    });
    return names;
  });
}

Observation observation_of(const Service& service, const std::vector<Task>& tasks, double now) {
  Observation seen;
  seen.desired = service.desired;
  seen.current = service.running + service.pending;
  seen.updating = service.deployments.size() > 1;
  const bool are_checked = std::ranges::any_of(tasks, is_judged);
  int not_ready = 0;
  for (const auto& task : tasks) {
    Replica replica;
    replica.instance = short_name(task.arn);
    replica.ready = is_ready(task, are_checked);
    if (task.started_at) replica.started_seconds_ago = std::max(now - *task.started_at, 0.0);
    not_ready += task.last_status == "RUNNING" && !replica.ready ? 1 : 0;
    seen.replicas.push_back(std::move(replica));
  }
  seen.ready = std::max(service.running - not_ready, 0);
  const auto failed = failed_deployment(service);
  if (failed.deployment != nullptr) {
    auto words = sentence("deployment " + failed.deployment->id + " failed",
                          failed.deployment->rollout_reason);
    (failed.is_primary ? seen.failure : seen.note) = std::move(words);
  }
  if (seen.failure.empty()) seen.failure = placement_failure(service);
  return seen;
}

std::vector<std::string> ready_tasks(const std::vector<Task>& tasks) {
  const bool are_checked = std::ranges::any_of(tasks, is_judged);
  std::vector<std::string> arns;
  for (const auto& task : tasks) {
    if (is_ready(task, are_checked)) arns.push_back(task.arn);
  }
  return arns;
}

std::vector<std::string> in_order(const std::vector<Task>& tasks,
                                  const std::vector<std::string>& victims) {
  std::vector<std::string> arns;
  for (const auto& victim : victims) {
    const auto task = std::find_if(tasks.begin(), tasks.end(), [&victim](const Task& each) {
      return short_name(each.arn) == victim;
    });
    if (task != tasks.end()) arns.push_back(task->arn);
  }
  return arns;
}

ProtectionPlan plan_protection(const std::vector<std::string>& tasks,
                               const std::vector<ProtectedTask>& before, int count, double now) {
  ProtectionPlan plan;
  int gone = 0;
  for (const auto& arn : tasks) {
    const auto found = std::ranges::find(before, arn, &ProtectedTask::arn);
    const bool is_protected = found != before.end();
    const double lasts = is_protected ? found->until - now : 0.0;
    if (gone < count && lasts <= longest_of_a_scale_in) {
      ++gone;
      if (is_protected) plan.released.push_back(arn);
    } else if (lasts < lasts_long_enough) {
      plan.kept.push_back(arn);
    }
  }
  return plan;
}

std::vector<std::string> kept_by_a_scale_in(const std::vector<ProtectedTask>& tasks, double now) {
  std::vector<std::string> arns;
  for (const auto& task : tasks) {
    if (task.until - now <= longest_of_a_scale_in) arns.push_back(task.arn);
  }
  return arns;
}

std::string conflict_of(const ScalableTarget& target, const std::vector<std::string>& policies,
                        const std::vector<std::string>& actions) {
  if (target.suspended.all() || (policies.empty() && actions.empty())) return {};
  std::string words = "Application Auto Scaling also scales this service, from " +
                      std::to_string(target.least) + " to " + std::to_string(target.most);
  if (!policies.empty()) words += ", by the policies " + joined(policies);
  if (!actions.empty()) words += ", by the scheduled actions " + joined(actions);
  return words;
}

Suspended to_give_back(const Suspended& now, const Suspended& before) noexcept {
  return {now.in && before.in, now.out && before.out, now.scheduled && before.scheduled};
}

}  // namespace selfscale::drivers::ecs
