#include "drivers/harness_rows.hpp"
#include "drivers/kubernetes/api_server.hpp"
#include "drivers/played_faults.hpp"

namespace selfscale::drivers {
namespace {

namespace asio = boost::asio;

/// The API as a server on loopback plays it.
class KubernetesHarness final : public Harness, public OverHttp {
 public:
  explicit KubernetesHarness(bool is_secured = true)
      : api_{kubernetes::Kind::deployment, is_secured} {}
  ~KubernetesHarness() override { EXPECT_EQ(api_.cluster.wrong, std::vector<std::string>{}); }
  KubernetesHarness(const KubernetesHarness&) = delete;

  std::unique_ptr<Driver> make(asio::io_context& io) override {
    return drivers::make("kubernetes", Setting{io, "backend", api_.platform(), {}, {}}).value();
  }
  int truth() override {
    return api_.look([](const auto& cluster) { return cluster.replicas; });
  }
  void set_truth(int replicas) override { api_.set_replicas(replicas); }
  std::optional<Errc> inject(Fault fault) override {
    // A port that nobody can listen on without being root.
    api_.write_kubeconfig(fault == Fault::refuses ? "https://127.0.0.1:1" : api_.url(), "hunter2");
    api_.change([fault](auto& cluster) { cluster.intercept = playing(fault); });
    return owed(fault);
  }
  std::vector<Ailment> ailments() override {
    using Cluster = kubernetes::ApiServer::Cluster;
    const auto busy = [this](asio::io_context& io) { return make_busy(io, ample); };
    const auto with = [this](auto change) { return [this, change] { api_.change(change); }; };
    const auto of_keda = [this] {
      restore();
      api_.change([](Cluster& cluster) {
        cluster.autoscalers[0]["metadata"]["ownerReferences"] =
            Json::array({{{"apiVersion", "keda.sh/v1alpha1"},
                          {"kind", "ScaledObject"},
                          {"name", "queue"},
                          {"uid", "1"}}});
      });
    };
    std::vector<Ailment> all{
        {"there is no Deployment",
         with([](Cluster& cluster) {
           cluster.intercept = [](http::Peer& peer, const http::Received& request) {
             const bool is_meant = request.target().ends_with("/deployments/web");
             if (is_meant) peer.answer(404, R"({"kind": "Status", "message": "not found"})");
             return is_meant;
           };
         }),
         {}},
        {"puts its number back",
         with([](Cluster& cluster) {
           cluster.annotations = {{"kubectl.kubernetes.io/last-applied-configuration",
                                   R"({"kind": "Deployment", "spec": {"replicas": 2}})"}};
         }),
         {}},
        {"readinessProbe",
         with([](Cluster& cluster) {
           cluster.container = {{"name", "app"}};
         }),
         {}},
        {"HorizontalPodAutoscaler web", [this] { restore(); }, {}},
        {"KEDA for the ScaledObject queue", of_keda, {}},
        {"by platform.takeOver", [this] { restore(); }, busy},
        {"suspended by an agent's takeover",
         [this] {
           restore();
           asio::io_context io;
           ScaleRequest request;
           request.desired = 3;
           request.deadline = ample;
           EXPECT_TRUE(run(io, make_busy(io, ample)->scale(std::move(request))));
         },
         {}},
    };
    for (const auto* right :
         {"get deployments", "update deployments/scale", "list horizontalpodautoscalers",
          "list pods", "patch pods", "patch horizontalpodautoscalers", "patch scaledobjects"}) {
      all.push_back({std::string{"the permission to "} + right,
                     [this, right] {
                       restore();
                       api_.change([&](Cluster& cluster) { cluster.forbidden = {right}; });
                     },
                     busy});
    }
    all.push_back({"the permission to list scaledobjects",
                   [this, of_keda] {
                     of_keda();
                     api_.change(
                         [](Cluster& cluster) { cluster.forbidden = {"list scaledobjects"}; });
                   },
                   busy});
    return all;
  }

  std::unique_ptr<Driver> make_busy(asio::io_context& io, Duration patience) override {
    auto platform = Json::parse(api_.platform());
    platform["takeOver"] = true;
    Setting setting{io, "backend", platform.dump(), {}, {}};
    setting.patience = patience;
    setting.instance = "web-5d9c7-0";
    return drivers::make("kubernetes", std::move(setting)).value();
  }
  /// One of KEDA's, and one beside it.
  void restore() override {
    api_.change([](kubernetes::ApiServer::Cluster& cluster) {
      cluster.pods.clear();
      cluster.next_pod = 0;
      const Json target = {{"kind", "Deployment"}, {"name", "web"}, {"apiVersion", "apps/v1"}};
      cluster.autoscalers = Json::array(
          {{{"metadata", {{"name", "web"}, {"resourceVersion", "7"}}},
            {"spec", {{"scaleTargetRef", target}, {"minReplicas", 2}, {"maxReplicas", 9}}}}});
      cluster.scaled_objects = Json::array(
          {{{"metadata", {{"name", "queue"}, {"resourceVersion", "3"}}},
            {"spec", {{"scaleTargetRef", {{"name", "web"}}}, {"triggers", Json::array()}}}}});
    });
    api_.set_replicas(2);
  }
  std::string autoscaler() override {
    auto all = api_.look([](const auto& cluster) {
      return Json{cluster.autoscalers, cluster.scaled_objects};
    });
    for (auto& kind : all) {
      for (auto& each : kind) {
        auto& metadata = each["metadata"];
        metadata.erase("resourceVersion");
        if (metadata.value("annotations", Json::object()).empty()) metadata.erase("annotations");
      }
    }
    return all.dump();
  }
  void interfere(http::Interference* interference) override { api_.interfere(interference); }
  Refused refusal(const Called&, int status, std::chrono::seconds wait) override {
    const auto headers = "Retry-After: " + std::to_string(wait.count()) + "\r\n";
    return {status,
            R"({"kind": "Status", "apiVersion": "v1", "message": "the API server says no"})",
            status == 429 ? headers : ""};
  }
  bool ignore_writes() override {
    api_.change([](auto& cluster) { cluster.ignores_writes = true; });
    return true;
  }
  bool rotate_key() override {
    api_.change([](auto& cluster) { cluster.token = "hunter3"; });
    api_.write_kubeconfig(api_.url(), "hunter3");
    return true;
  }
  Called called(const http::Received& request) override {
    auto call = OverHttp::called(request);
    // Nothing comes about by a review.
    if (call.name.ends_with("/selfsubjectaccessreviews")) call.writes = false;
    return call;
  }
  std::vector<Divergence> divergences() override {
    using End = Divergence::End;
    constexpr auto gone = "it has been deleted meanwhile";
    constexpr auto late = "its controller was faster, so it is read again";
    return {
        {"observe", "/pods", "401 403", End::done,
         "the Deployment tells the counts; the note says why its pods are not known"},
        {"scale", "/pods", "401 403", End::done,
         "pods without a cost go as the platform likes; the preflight has warned of it"},
        {"scale", "PATCH /api/v1/namespaces/shop/pods", "404", End::done,
         "a pod that has gone by itself needs no cost"},
        {"release", "/pods", "401 403", End::done, "who cannot set costs has none to take away"},
        {"release", "/deployments/web", "404", End::done,
         "no pods are left that could have a cost"},
        {"", "GET /apis/keda.sh", "401 403 404", End::done,
         "most clusters have no KEDA; where it made an autoscaler, the right is needed"},
        {"", "PATCH /apis/autoscaling", "404", End::done, gone},
        {"", "PATCH /apis/keda.sh", "404", End::done, gone},
        {"", "PATCH /apis/autoscaling", "409", End::done, late},
        {"", "PATCH /apis/keda.sh", "409", End::done, late},
        {"preflight", "/deployments/web", "404", End::finding, "it says what to do about it"},
        {"preflight", "GET /apis/autoscaling", "401 403", End::finding,
         "it says which rule the Role needs"},
    };
  }

 private:
  using Json = nlohmann::json;
  kubernetes::ApiServer api_;
};

}  // namespace

HarnessRow kubernetes_harness() {
  // A handshake for each of thousands of calls would only take time.
  return {"kubernetes", [] { return std::make_unique<KubernetesHarness>(); },
          [] { return std::make_unique<KubernetesHarness>(/*is_secured=*/false); }};
}

}  // namespace selfscale::drivers
