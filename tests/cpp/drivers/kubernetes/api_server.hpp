/// A server on loopback that plays the Kubernetes API with one Deployment or StatefulSet in it,
/// over TLS unless told otherwise, with a token. Whatever is asked and answered is held against the
/// published OpenAPI document.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/kubernetes/options.hpp"
#include "drivers/openapi.hpp"
#include "http/loopback_server.hpp"
#include "places.hpp"

namespace selfscale::drivers::kubernetes {

class ApiServer {
 public:
  using Json = nlohmann::json;
  /// Has answered the request itself, in its own way; false: it is answered as usual.
  using Intercept = std::function<bool(http::Peer&, const http::Received&)>;

  struct Pod {
    std::string name;
    bool ready = true;
    std::string cost;     ///< the annotation; empty: none
    std::string waiting;  ///< the reason of its container; empty: it runs
    std::string owner;    ///< of another workload; empty: ours
    int version = 1;
  };

  /// A cluster; all of it is guarded by `mutex` while requests come in.
  struct Cluster {
    Kind kind = Kind::deployment;
    int replicas = 2;
    int version = 1;
    int generation = 1;
    int observed_generation = 1;
    int updated_short = 0;  ///< pods of an older revision
    bool is_paused = false;
    int next_pod = 0;
    std::vector<Pod> pods;
    Json conditions = Json::array();
    Json autoscalers = Json::array();
    Json scaled_objects;  ///< null: there is no KEDA
    Json annotations = Json::object();
    Json container = {{"name", "app"}, {"readinessProbe", {{"periodSeconds", 5}}}};
    std::optional<int> grace_seconds;  ///< empty: the template does not say it
    std::set<std::string> forbidden;   ///< "update deployments/scale"
    std::string token = "hunter2";
    std::size_t page = 500;  ///< items of a list
    bool ignores_writes = false;
    int writes = 0;                  ///< accepted ones that changed the count
    std::vector<std::string> asked;  ///< "GET /apis/…", in order
    std::vector<std::string> wrong;  ///< what contradicts the document
    Intercept intercept;
  };

  explicit ApiServer(Kind kind = Kind::deployment, bool is_secured = true)
      : server_{[this](http::Peer& peer) { serve(peer); }, identity(is_secured)} {
    std::string name = "/tmp/selfscale-kubernetes-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    cluster.kind = kind;
    fill();
    std::ofstream{folder_ + "/ca.pem"} << authority_.certificate();
    write_kubeconfig(server_.url(), "hunter2");
  }
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;
  ~ApiServer() { std::filesystem::remove_all(folder_); }

  /// The policy's platform object that leads here.
  [[nodiscard]] std::string platform() const {
    Json json = {{"driver", "kubernetes"}, {"kubeconfig", kubeconfig()}};
    json[cluster.kind == Kind::deployment ? "deployment" : "statefulSet"] = "web";
    return json.dump();
  }
  [[nodiscard]] std::string kubeconfig() const { return folder_ + "/config"; }
  [[nodiscard]] std::string url() const { return server_.url(); }
  void interfere(http::Interference* interference) { server_.interfere(interference); }

  void write_kubeconfig(const std::string& url, const std::string& token) const {
    std::ofstream{kubeconfig()}
        << "current-context: test\ncontexts:\n- name: test\n  context: {cluster: test, user: test, "
           "namespace: shop}\nclusters:\n- name: test\n  cluster: {server: '"
        << url
        << "', certificate-authority: ca.pem}\nusers:\n- name: test\n  user: {token: " << token
        << "}\n";
  }

  /// Changes the cluster as somebody else would.
  template <class Change>
  void change(Change make) {
    const std::lock_guard guard{mutex};
    make(cluster);
  }
  template <class Look>
  auto look(Look take) {
    const std::lock_guard guard{mutex};
    return take(cluster);
  }
  void set_replicas(int count) {
    change([this, count](Cluster& now) {
      now.replicas = count;
      ++now.version;
      fill();
    });
  }

  std::mutex mutex;
  Cluster cluster;

 private:
  std::optional<http::LoopbackServer::Secured> identity(bool is_secured) {
    if (!is_secured) return std::nullopt;
    return http::LoopbackServer::Secured{authority_.issue("IP:127.0.0.1"), {}};
  }

  // --- the controllers

  /// Pods come, and go the cheapest first, as the ReplicaSet controller has it.
  void fill() {
    auto& pods = cluster.pods;
    while (ours() < cluster.replicas) {
      pods.push_back({"web-5d9c7-" + std::to_string(cluster.next_pod++), true, {}, {}, {}, 1});
    }
    while (ours() > cluster.replicas) pods.erase(next_to_go());
  }
  [[nodiscard]] int ours() const {
    return static_cast<int>(std::count_if(cluster.pods.begin(), cluster.pods.end(),
                                          [](const Pod& pod) { return pod.owner.empty(); }));
  }
  std::vector<Pod>::iterator next_to_go() {
    const auto rank = [](const Pod& pod) {
      const auto cost = pod.cost.empty() ? 0 : std::stol(pod.cost);
      return std::pair{!pod.owner.empty(), cost};
    };
    return std::min_element(cluster.pods.begin(), cluster.pods.end(),
                            [&](const Pod& a, const Pod& b) { return rank(a) < rank(b); });
  }

  // --- the API

  using Said = std::pair<int, std::string>;

  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    Intercept intercept;
    {
      const std::lock_guard guard{mutex};
      cluster.asked.push_back(request->method() + " " + request->target());
      note(request->method() + " " + request->target(),
           api_.wrong_request(request->method(), request->target(), request->header("Content-Type"),
                              request->body));
      intercept = cluster.intercept;
    }
    if (intercept && intercept(peer, *request)) return;
    const auto [status, body] = answer_checked(*request);
    peer.answer(status, body,
                "Content-Type: application/json\r\nDate: Fri, 27 Nov 2026 02:01:30 GMT\r\n");
  }
  Said answer_checked(const http::Received& request) {
    const std::lock_guard guard{mutex};
    auto said = answer(request);
    if (said.first < 300) {
      note(request.target(), api_.wrong_answer(request.method(), request.target(), said.second));
    }
    return said;
  }
  void note(const std::string& what, const std::string& wrong) {
    if (!wrong.empty()) cluster.wrong.push_back(what + ": " + wrong);
  }

  static Said refuse(int status, const std::string& reason, const std::string& message) {
    const Json body = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                       {"status", "Failure"}, {"message", message}, {"reason", reason},
                       {"code", status}};
    return {status, body.dump()};
  }
  static Said good(const Json& body, int status = 200) { return {status, body.dump()}; }

  [[nodiscard]] std::string resource() const { return std::string{resource_name(cluster.kind)}; }

  Said answer(const http::Received& request) {
    if (request.header("Authorization") != "Bearer " + cluster.token) {
      return refuse(401, "Unauthorized", "Unauthorized");
    }
    const auto path = request.target().substr(0, request.target().find('?'));
    const auto workload = "/apis/apps/v1/namespaces/shop/" + resource() + "/web";
    const auto pods = std::string{"/api/v1/namespaces/shop/pods"};
    if (path == workload) return if_allowed("get " + resource(), [&] { return good(manifest()); });
    if (path == workload + "/scale") {
      return if_allowed("update " + resource() + "/scale", [&] { return put(request.body); });
    }
    if (path == pods) return if_allowed("list pods", [&] { return list_pods(request.target()); });
    if (path.starts_with(pods + "/")) {
      return if_allowed("patch pods",
                        [&] { return patch(path.substr(pods.size() + 1), request.body); });
    }
    const auto autoscalers =
        std::string{"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"};
    if (path == autoscalers) {
      return if_allowed("list horizontalpodautoscalers", [&] {
        return good(list_of("HorizontalPodAutoscaler", "autoscaling/v2", cluster.autoscalers));
      });
    }
    if (path.starts_with(autoscalers + "/")) {
      return if_allowed("patch horizontalpodautoscalers",
                        [&] { return patch_one(cluster.autoscalers, request); });
    }
    const auto scaled_objects = std::string{"/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects"};
    if (path == scaled_objects) {
      return if_allowed("list scaledobjects", [&] {
        if (cluster.scaled_objects.is_null()) return refuse(404, "NotFound", "page not found");
        return good(list_of("ScaledObject", "keda.sh/v1alpha1", cluster.scaled_objects));
      });
    }
    if (path.starts_with(scaled_objects + "/")) {
      return if_allowed("patch scaledobjects",
                        [&] { return patch_one(cluster.scaled_objects, request); });
    }
    if (path.ends_with("/selfsubjectaccessreviews")) return review(request.body);
    return refuse(404, "NotFound", path + " not found");
  }

  Said if_allowed(const std::string& what, const std::function<Said()>& allowed) {
    if (!cluster.forbidden.contains(what)) return allowed();
    return refuse(403, "Forbidden", "User \"test\" cannot " + what);
  }

  [[nodiscard]] Json manifest() const {
    const int count = ours();
    const auto ready = std::count_if(cluster.pods.begin(), cluster.pods.end(),
                                     [](const Pod& pod) { return pod.owner.empty() && pod.ready; });
    Json status = {{"observedGeneration", cluster.observed_generation}, {"replicas", count}};
    if (ready > 0) status["readyReplicas"] = ready;
    if (count > cluster.updated_short) status["updatedReplicas"] = count - cluster.updated_short;
    if (!cluster.conditions.empty()) status["conditions"] = cluster.conditions;
    Json pod = {{"containers", Json::array({cluster.container})}};
    if (cluster.grace_seconds) pod["terminationGracePeriodSeconds"] = *cluster.grace_seconds;
    Json spec = {
        {"replicas", cluster.replicas},
        {"selector", {{"matchLabels", {{"app", "web"}}}}},
        {"template", {{"metadata", {{"labels", {{"app", "web"}}}}}, {"spec", std::move(pod)}}}};
    if (cluster.kind == Kind::stateful_set) spec["serviceName"] = "web";
    if (cluster.is_paused) spec["paused"] = true;
    return {{"kind", kind_name(cluster.kind)},
            {"apiVersion", "apps/v1"},
            {"metadata",
             {{"name", "web"},
              {"namespace", "shop"},
              {"resourceVersion", std::to_string(cluster.version)},
              {"generation", cluster.generation},
              {"annotations", cluster.annotations}}},
            {"spec", std::move(spec)},
            {"status", std::move(status)}};
  }

  Said put(const std::string& body) {
    const auto scale = Json::parse(body);
    if (scale["metadata"]["resourceVersion"] != std::to_string(cluster.version)) {
      return refuse(409, "Conflict",
                    "Operation cannot be fulfilled on " + resource() +
                        ".apps \"web\": the object has been modified; please apply your changes to "
                        "the latest version and try again");
    }
    const auto count = scale["spec"].value("replicas", 0);
    if (count < 0) return refuse(422, "Invalid", "must be greater than or equal to 0");
    if (count != cluster.replicas && !cluster.ignores_writes) {
      cluster.replicas = count;
      ++cluster.version;
      ++cluster.writes;
      fill();
    }
    return good(
        {{"kind", "Scale"},
         {"apiVersion", "autoscaling/v1"},
         {"metadata",
          {{"name", "web"},
           {"namespace", "shop"},
           {"resourceVersion", std::to_string(cluster.version)}}},
         {"spec", cluster.replicas == 0 ? Json::object() : Json{{"replicas", cluster.replicas}}},
         {"status", {{"replicas", ours()}, {"selector", "app=web"}}}});
  }

  [[nodiscard]] Json manifest(const Pod& pod) const {
    const bool is_set = cluster.kind == Kind::stateful_set;
    Json metadata = {
        {"name", pod.name},
        {"resourceVersion", std::to_string(pod.version)},
        {"labels", {{"app", "web"}, {"pod-template-hash", "5d9c7"}}},
        {"ownerReferences", Json::array({{{"apiVersion", "apps/v1"},
                                          {"kind", is_set ? "StatefulSet" : "ReplicaSet"},
                                          {"name", !pod.owner.empty() ? pod.owner
                                                   : is_set           ? "web"
                                                                      : "web-5d9c7"},
                                          {"uid", "1"},
                                          {"controller", true}}})}};
    if (!pod.cost.empty()) {
      metadata["annotations"] = {{"controller.kubernetes.io/pod-deletion-cost", pod.cost}};
    }
    Json state = {{"running", {{"startedAt", "2026-11-27T02:00:32Z"}}}};
    if (!pod.waiting.empty()) state = {{"waiting", {{"reason", pod.waiting}}}};
    return {{"metadata", std::move(metadata)},
            {"spec", {{"containers", Json::array({{{"name", "app"}}})}}},
            {"status",
             {{"phase", pod.waiting.empty() ? "Running" : "Pending"},
              {"startTime", "2026-11-27T02:00:30Z"},
              {"conditions",
               Json::array({{{"type", "Ready"}, {"status", pod.ready ? "True" : "False"}}})},
              {"containerStatuses", Json::array({{{"name", "app"},
                                                  {"image", "app"},
                                                  {"imageID", "1"},
                                                  {"ready", pod.ready},
                                                  {"restartCount", 0},
                                                  {"state", std::move(state)}}})}}}};
  }

  Said list_pods(const std::string& target) {
    const auto one = target.find("fieldSelector=metadata.name%3D");
    if (one != std::string::npos) {
      const auto name = target.substr(one + 30, target.find('&', one) - one - 30);
      Json found = Json::array();
      for (const auto& pod : cluster.pods) {
        if (pod.name == name) found.push_back(manifest(pod));
      }
      return good(list_of("Pod", "v1", found));
    }
    if (target.find("labelSelector=app%3Dweb") == std::string::npos) {
      return refuse(400, "BadRequest", "not our selector: " + target);
    }
    const auto token = target.find("continue=");
    const auto first = token == std::string::npos ? 0 : std::stoul(target.substr(token + 9));
    const auto last = std::min(first + cluster.page, cluster.pods.size());
    Json metadata = Json::object();
    if (last < cluster.pods.size()) metadata["continue"] = std::to_string(last);
    Json items = Json::array();
    for (auto i = first; i < last; ++i) items.push_back(manifest(cluster.pods[i]));
    return good({{"kind", "PodList"},
                 {"apiVersion", "v1"},
                 {"metadata", std::move(metadata)},
                 {"items", std::move(items)}});
  }

  Said patch(const std::string& name, const std::string& body) {
    const auto pod = std::find_if(cluster.pods.begin(), cluster.pods.end(),
                                  [&](const Pod& each) { return each.name == name; });
    if (pod == cluster.pods.end()) return refuse(404, "NotFound", "no pod " + name);
    auto metadata = Json::parse(body)["metadata"];
    if (metadata.value("resourceVersion", "") != std::to_string(pod->version)) {
      return refuse(409, "Conflict", "the object has been modified");
    }
    const auto cost = metadata["annotations"]["controller.kubernetes.io/pod-deletion-cost"];
    pod->cost = cost.is_null() ? "" : cost.get<std::string>();
    ++pod->version;
    return good(manifest(*pod));
  }

  static Json list_of(const std::string& kind, const std::string& version, const Json& items) {
    return {{"kind", kind + "List"},
            {"apiVersion", version},
            {"metadata", Json::object()},
            {"items", items}};
  }

  /// A merge patch of what is still at the version that the patch has.
  static Said patch_one(Json& items, const http::Received& request) {
    const auto path = request.target().substr(0, request.target().find('?'));
    const auto name = path.substr(path.rfind('/') + 1);
    for (auto& item : items) {
      if (item["metadata"]["name"] != name) continue;
      const auto body = Json::parse(request.body);
      auto& version = item["metadata"]["resourceVersion"];
      if (body["metadata"]["resourceVersion"] != version) {
        return refuse(409, "Conflict", "the object has been modified");
      }
      item.merge_patch(body);
      version = std::to_string(std::stoi(version.get<std::string>()) + 1);
      return good(item);
    }
    return refuse(404, "NotFound", "there is no " + name);
  }

  Said review(const std::string& body) {
    auto answered = Json::parse(body);
    const auto& asked = answered["spec"]["resourceAttributes"];
    auto what = asked["verb"].get<std::string>() + " " + asked["resource"].get<std::string>();
    if (asked.contains("subresource")) what += "/" + asked["subresource"].get<std::string>();
    answered["status"] = {{"allowed", !cluster.forbidden.contains(what)}};
    return good(answered, 201);
  }

  std::string folder_;
  OpenApi api_{fixture("kubernetes/openapi-1.34.json")};
  http::Authority authority_{"the cluster"};
  http::LoopbackServer server_;
};

}  // namespace selfscale::drivers::kubernetes
