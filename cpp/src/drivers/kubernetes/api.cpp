#include "drivers/kubernetes/api.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <utility>

#include "http/percent.hpp"
#include "http/status.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using http::percent_encoded;

constexpr auto cost_annotation = "controller.kubernetes.io/pod-deletion-cost";
constexpr double usual_grace_seconds = 30.0;
constexpr auto applied_annotation = "kubectl.kubernetes.io/last-applied-configuration";

// --- asking

std::string workload_path(const Target& target) {
  return "/apis/apps/v1/namespaces/" + target.name_space + "/" +
         std::string{resource_name(target.kind)} + "/" + target.name;
}

std::string pods_path(const Target& target) {
  return "/api/v1/namespaces/" + target.name_space + "/pods";
}

std::int64_t whole(const Json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

// --- workloads

/// "app=web,tier in (a,b),!old"; empty: nothing, or an operator that is not known.
std::string selector_text(const Json& selector) {
  std::string all;
  const auto add = [&all](const std::string& term) { all += (all.empty() ? "" : ",") + term; };
  for (const auto& [key, value] : at(selector, "matchLabels").items()) add(key + "=" + text(value));
  for (const auto& each : at(selector, "matchExpressions")) {
    const auto key = text(at(each, "key"));
    const auto how = text(at(each, "operator"));
    std::string values;
    for (const auto& value : at(each, "values"))
      values += (values.empty() ? "" : ",") + text(value);
    if (how == "In") {
      add(key + " in (" + values + ")");
    } else if (how == "NotIn") {
      add(key + " notin (" + values + ")");
    } else if (how == "Exists") {
      add(key);
    } else if (how == "DoesNotExist") {
      add("!" + key);
    } else {
      return {};
    }
  }
  return all;
}

/// Kubernetes tries on; whether that ever ends is up to whoever mends the new version.
bool has_missed_its_deadline(const Json& deployment) {
  const auto& conditions = at(deployment, "status", "conditions");
  return std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
    return text(at(condition, "type")) == "Progressing" &&
           text(at(condition, "reason")) == "ProgressDeadlineExceeded";
  });
}

bool is_rolling_out(const Target& target, const Json& object, int current, int updated) {
  if (at(object, "spec", "paused") == true) return false;  // waits for a person
  const auto& status = at(object, "status");
  if (whole(at(status, "observedGeneration")) < whole(at(object, "metadata", "generation"))) {
    return true;
  }
  if (target.kind == Kind::deployment) {
    return updated < current && !has_missed_its_deadline(object);
  }
  const auto& strategy = at(object, "spec", "updateStrategy");
  if (text(at(strategy, "type")) == "OnDelete") return false;  // waits for a person
  const auto kept = whole(at(strategy, "rollingUpdate", "partition"));
  return updated + kept < current;
}

std::string complaint(const Json& object) {
  for (const auto& condition : at(object, "status", "conditions")) {
    const auto type = text(at(condition, "type"));
    const auto status = text(at(condition, "status"));
    const bool is_bad = (type == "Progressing" && status == "False") ||
                        (type == "ReplicaFailure" && status == "True");
    if (is_bad) return text(at(condition, "reason")) + ": " + text(at(condition, "message"));
  }
  return {};
}

/// Does a manifest that is applied again and again set the count, too?
bool is_count_applied(const Json& metadata) {
  const auto applied = Json::parse(text(at(metadata, "annotations", applied_annotation)), nullptr,
                                   /*allow_exceptions=*/false);
  if (!at(applied, "spec", "replicas").is_null()) return true;
  const auto& managers = at(metadata, "managedFields");
  return std::any_of(managers.begin(), managers.end(), [](const Json& manager) {
    return text(at(manager, "operation")) == "Apply" &&
           !at(manager, "fieldsV1", "f:spec", "f:replicas").is_null();
  });
}

bool has_readiness_probe(const Json& pod_template) {
  const auto& containers = at(pod_template, "spec", "containers");
  if (!containers.is_array()) return true;  // nothing is said of them
  return std::any_of(containers.begin(), containers.end(),
                     [](const Json& each) { return !at(each, "readinessProbe").is_null(); });
}

/// "deployments/web --namespace shop": the arguments of kubectl.
std::string as_argument(const Target& target) {
  return std::string{resource_name(target.kind)} + "/" + target.name + " --namespace " +
         target.name_space;
}

std::vector<Finding> warnings_of(const Target& target, const Json& object) {
  std::vector<Finding> all;
  const auto name = std::string{kind_name(target.kind)} + " " + target.name;
  if (is_count_applied(at(object, "metadata"))) {
    all.emplace_back(
        "the manifest of " + name +
            " sets replicas, and puts its number back whenever it is applied: leave the field "
            "out of it",
        "each kubectl apply undoes what was scaled; where the field is taken out of the manifest "
        "alone, the next one makes it 1",
        "kubectl apply edit-last-applied " + as_argument(target) +
            "   # take spec.replicas out here first, then out of the manifest");
  }
  if (!has_readiness_probe(at(object, "spec", "template"))) {
    all.emplace_back(
        "no container of " + name +
            " has a readinessProbe: its pods count as ready as soon as they have started",
        "a new pod gets requests that it cannot serve yet, and the agent takes the change for done",
        "readinessProbe: {httpGet: {path: /ready, port: 8000}, periodSeconds: 5}   # with your "
        "own path and port");
  }
  return all;
}

// --- pods

bool is_true(const Json& pod, std::string_view condition) {
  for (const auto& each : at(pod, "status", "conditions")) {
    if (text(at(each, "type")) == condition) return text(at(each, "status")) == "True";
  }
  return false;
}

/// Labels may fit pods of another workload, too; who made a pod is certain.
bool is_made_by(const Target& target, const Json& metadata) {
  for (const auto& owner : at(metadata, "ownerReferences")) {
    if (at(owner, "controller") != true) continue;
    const auto kind = text(at(owner, "kind"));
    const auto name = text(at(owner, "name"));
    if (target.kind == Kind::stateful_set) return kind == "StatefulSet" && name == target.name;
    const auto hash = text(at(metadata, "labels", "pod-template-hash"));
    return kind == "ReplicaSet" && name == target.name + "-" + hash;
  }
  return false;
}

std::string waits_for(const Json& pod) {
  for (const auto& each : at(pod, "status", "conditions")) {
    const bool is_refused = text(at(each, "type")) == "PodScheduled" &&
                            text(at(each, "status")) == "False" &&
                            text(at(each, "reason")) == "Unschedulable";
    if (is_refused) return text(at(each, "message"));
  }
  for (const auto& container : at(pod, "status", "containerStatuses")) {
    const auto& waiting = at(container, "state", "waiting");
    const auto reason = text(at(waiting, "reason"));
    if (reason.empty() || reason == "ContainerCreating" || reason == "PodInitializing") continue;
    const auto message = text(at(waiting, "message"));
    return message.empty() ? reason : reason + ": " + message;
  }
  return {};
}

std::optional<int> number_in(const std::string& text) {
  int number = 0;
  const auto* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return number;
}

std::optional<double> age(const Json& pod, std::optional<double> now) {
  const auto started = from_rfc3339(text(at(pod, "status", "startTime")));
  if (!started || !now) return std::nullopt;
  return std::max(*now - *started, 0.0);
}

Pod read_pod(const Json& pod, std::optional<double> now) {
  const auto& metadata = at(pod, "metadata");
  Pod read;
  read.replica.instance = text(at(metadata, "name"));
  read.version = text(at(metadata, "resourceVersion"));
  read.replica.ready = is_true(pod, "Ready");
  read.replica.deleting = !at(metadata, "deletionTimestamp").is_null();
  read.replica.started_seconds_ago = age(pod, now);
  read.waits_for = waits_for(pod);
  read.deletion_cost = number_in(text(at(metadata, "annotations", cost_annotation)));
  return read;
}

/// Changes each of them that `is_meant`.
template <class Meant>
std::vector<NewCost> changed(const std::vector<Pod>& pods, std::optional<int> cost,
                             Meant is_meant) {
  std::vector<NewCost> all;
  for (const auto& pod : pods) {
    if (!pod.replica.deleting && is_meant(pod)) all.push_back({pod, cost});
  }
  return all;
}

bool is_leaders(const Pod& pod) { return pod.deletion_cost == cost_of_leader; }
bool is_of_work(const Pod& pod) { return pod.deletion_cost == cost_of_busy; }

bool has_ended(const Json& pod) {
  const auto phase = text(at(pod, "status", "phase"));
  return phase == "Succeeded" || phase == "Failed";
}

}  // namespace

Request get_workload(const Target& target) { return get(workload_path(target), may_read(target)); }

Result<Workload> parse_workload(const Target& target, std::string_view body) {
  const auto object = parse(body, kind_name(target.kind));
  if (!object) return object.error();
  const auto& status = at(*object, "status");
  const auto desired = count(at(*object, "spec", "replicas"), 1);
  const auto current = count(at(status, "replicas"), 0);
  const auto ready = count(at(status, "readyReplicas"), 0);
  const auto updated = count(at(status, "updatedReplicas"), 0);
  if (!desired || !current || !ready || !updated)
    return malformed("a count of replicas is no count");
  Workload workload;
  workload.selector = selector_text(at(*object, "spec", "selector"));
  if (workload.selector.empty()) return malformed("its selector of pods cannot be understood");
  workload.desired = *desired;
  workload.current = *current;
  workload.ready = *ready;
  workload.updating = is_rolling_out(target, *object, *current, *updated);
  workload.version = text(at(*object, "metadata", "resourceVersion"));
  workload.failure = complaint(*object);
  workload.warnings = warnings_of(target, *object);
  const auto& grace = at(*object, "spec", "template", "spec", "terminationGracePeriodSeconds");
  if (grace.is_number_integer()) workload.grace_seconds = grace.get<double>();
  return workload;
}

Grace grace_of(const Target& target, const Workload& workload) {
  const std::string setting = "terminationGracePeriodSeconds";
  const auto source = workload.grace_seconds ? setting + " of the template of its pods"
                                             : "the platform's own " + setting +
                                                   ", as the template of its pods has none";
  return {
      workload.grace_seconds.value_or(usual_grace_seconds), source, setting + ": ",
      "   # into spec.template.spec of " + std::string{kind_name(target.kind)} + " " + target.name};
}

Request put_scale(const Target& target, int replicas, const std::string& version) {
  const Json scale = {
      {"apiVersion", "autoscaling/v1"},
      {"kind", "Scale"},
      {"metadata",
       {{"name", target.name}, {"namespace", target.name_space}, {"resourceVersion", version}}},
      {"spec", {{"replicas", replicas}}}};
  return write("PUT", workload_path(target) + "/scale?fieldManager=selfscale", scale.dump(),
               may_scale(target));
}

Result<int> parse_scale(std::string_view body) {
  const auto object = parse(body, "Scale");
  if (!object) return object.error();
  const auto replicas = count(at(*object, "spec", "replicas"), 0);
  if (!replicas) return malformed("a count of replicas is no count");
  return *replicas;
}

Request list_pods(const Target& target, const std::string& selector, const std::string& page) {
  return get(paged(pods_path(target) + "?labelSelector=" + percent_encoded(selector), page),
             may_list_pods());
}

Request list_pod(const Target& target, const std::string& name) {
  const auto selector = percent_encoded("metadata.name=" + name);
  return get(pods_path(target) + "?fieldSelector=" + selector, may_list_pods());
}

Result<Pods> parse_pods(const Target& target, std::string_view body, std::string_view server_time) {
  const auto list = parse(body, "PodList");
  if (!list) return list.error();
  const auto now = http::seconds_since_epoch(server_time);
  Pods read;
  for (const auto& pod : at(*list, "items")) {
    if (has_ended(pod) || !is_made_by(target, at(pod, "metadata"))) continue;
    read.pods.push_back(read_pod(pod, now));
  }
  read.next_page = text(at(*list, "metadata", "continue"));
  return read;
}

Request set_deletion_cost(const Target& target, const Pod& pod, std::optional<int> cost) {
  const Json value = cost ? Json(std::to_string(*cost)) : Json(nullptr);
  const Json body = {
      {"metadata",
       {{"resourceVersion", pod.version}, {"annotations", {{cost_annotation, value}}}}}};
  return patch(
      pods_path(target) + "/" + percent_encoded(pod.replica.instance) + "?fieldManager=selfscale",
      body.dump(), may_mark_pods());
}

std::vector<NewCost> costs_of_work(const std::vector<Pod>& pods, bool is_busy) {
  if (!is_busy) return changed(pods, std::nullopt, is_of_work);
  return changed(pods, cost_of_busy,
                 [](const Pod& pod) { return !pod.deletion_cost || is_leaders(pod); });
}

std::vector<NewCost> costs_of_step_down(const std::vector<Pod>& pods, const std::string& own) {
  auto all = changed(pods, cost_of_leader, [&own](const Pod& pod) {
    return pod.replica.instance == own && !pod.deletion_cost;
  });
  std::ranges::move(
      changed(pods, std::nullopt,
              [&own](const Pod& pod) { return pod.replica.instance != own && is_leaders(pod); }),
      std::back_inserter(all));
  return all;
}

std::vector<NewCost> without_leaders(const std::vector<Pod>& pods) {
  return changed(pods, std::nullopt, is_leaders);
}

std::vector<NewCost> without_ours(const std::vector<Pod>& pods) {
  return changed(pods, std::nullopt,
                 [](const Pod& pod) { return is_leaders(pod) || is_of_work(pod); });
}

Request ask_whether_allowed(const Target& target, const Permission& permission) {
  const auto slash = std::min(permission.resource.find('/'), permission.resource.size());
  Json attributes = {{"namespace", target.name_space},
                     {"verb", permission.verb},
                     {"group", permission.group},
                     {"resource", permission.resource.substr(0, slash)}};
  if (slash < permission.resource.size()) {
    attributes["subresource"] = permission.resource.substr(slash + 1);
  }
  if (!permission.name.empty()) attributes["name"] = permission.name;
  const Json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SelfSubjectAccessReview"},
                       {"spec", {{"resourceAttributes", std::move(attributes)}}}};
  auto request =
      write("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review.dump(),
            {"create", "authorization.k8s.io", "selfsubjectaccessreviews", {}});
  request.call.is_query = true;  // nothing comes about by a review
  return request;
}

Result<bool> parse_whether_allowed(std::string_view body) {
  const auto review = parse(body, "SelfSubjectAccessReview");
  if (!review) return review.error();
  const auto& allowed = at(*review, "status", "allowed");
  if (!allowed.is_boolean()) return malformed("the API does not say what is allowed");
  return allowed.get<bool>();
}

Permission may_read(const Target& target) {
  return {"get", "apps", std::string{resource_name(target.kind)}, target.name};
}
Permission may_scale(const Target& target) {
  return {"update", "apps", std::string{resource_name(target.kind)} + "/scale", target.name};
}
Permission may_list_pods() { return {"list", {}, "pods", {}}; }
Permission may_mark_pods() { return {"patch", {}, "pods", {}}; }

}  // namespace selfscale::drivers::kubernetes
