// The driver against a server that plays the Kubernetes API: what it sees, writes and says.
#include "drivers/kubernetes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "drivers/kubernetes/driver_fixture.hpp"
#include "places.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

class KubernetesStatefulSet : public KubernetesDriver {
 protected:
  KubernetesStatefulSet() : KubernetesDriver{Kind::stateful_set} {}
};

// --- observing

TEST_F(KubernetesDriver, SeesCountsAndPods) {
  api.change([](Cluster& cluster) {
    cluster.pods[1].ready = false;
    cluster.version = 41;
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.ready, 1);
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.version, "41");
  ASSERT_EQ(seen.replicas.size(), 2U);
  EXPECT_EQ(seen.replicas[0].instance, "web-5d9c7-0");
  EXPECT_TRUE(seen.replicas[0].ready);
  EXPECT_FALSE(seen.replicas[1].ready);
  EXPECT_EQ(seen.replicas[0].started_seconds_ago, 60.0) << "by the server's clock";
}

TEST_F(KubernetesDriver, SeesAllPagesOfPods) {
  api.set_replicas(7);
  api.change([](Cluster& cluster) { cluster.page = 3; });
  EXPECT_EQ(observe()->replicas.size(), 7U);
}

TEST_F(KubernetesDriver, LeavesOutPodsOfOthersThatHaveTheSameLabels) {
  api.change([](Cluster& cluster) {
    cluster.pods.push_back({"other-1", true, {}, {}, "other-x"});
  });
  EXPECT_EQ(observe()->replicas.size(), 2U);
}

TEST_F(KubernetesDriver, SeesARolloutUntilItIsDone) {
  api.change([](Cluster& cluster) { cluster.generation = 2; });
  EXPECT_TRUE(observe()->updating) << "not begun";
  api.change([](Cluster& cluster) {
    cluster.observed_generation = 2;
    cluster.updated_short = 1;
  });
  EXPECT_TRUE(observe()->updating) << "half done";
  api.change([](Cluster& cluster) { cluster.updated_short = 0; });
  EXPECT_FALSE(observe()->updating);
}

TEST_F(KubernetesDriver, ARolloutThatAPersonHasPausedIsNoneUnderWay) {
  api.change([](Cluster& cluster) {
    cluster.updated_short = 1;
    cluster.is_paused = true;
  });
  EXPECT_FALSE(observe()->updating);
  api.change([](Cluster& cluster) { cluster.is_paused = false; });
  EXPECT_TRUE(observe()->updating);
}

TEST_F(KubernetesDriver, ARolloutPastItsDeadlineIsNoneUnderWay) {
  api.change([](Cluster& cluster) {
    cluster.updated_short = 1;
    cluster.conditions = Json::array({{{"type", "Progressing"},
                                       {"status", "False"},
                                       {"reason", "ProgressDeadlineExceeded"},
                                       {"message", "ReplicaSet web-2 has timed out"}}});
  });
  const auto seen = observe().value();
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.failure, "ProgressDeadlineExceeded: ReplicaSet web-2 has timed out");
  api.change([](Cluster& cluster) { cluster.generation = 2; });
  EXPECT_TRUE(observe()->updating) << "a newer one has begun, of which nothing is said yet";
}

TEST_F(KubernetesDriver, SaysWhyWhatWasAskedForDoesNotComeAbout) {
  api.change([](Cluster& cluster) { cluster.pods[1].waiting = "ImagePullBackOff"; });
  EXPECT_EQ(observe()->failure, "pod web-5d9c7-1: ImagePullBackOff");
  api.change([](Cluster& cluster) {
    cluster.conditions = Json::array({{{"type", "ReplicaFailure"},
                                       {"status", "True"},
                                       {"reason", "FailedCreate"},
                                       {"message", "exceeded quota"}}});
  });
  EXPECT_EQ(observe()->failure, "FailedCreate: exceeded quota");
}

TEST_F(KubernetesDriver, SeesCountsWhereItMayNotListPods) {
  api.change([](Cluster& cluster) { cluster.forbidden = {"list pods"}; });
  const auto seen = observe().value();
  EXPECT_EQ(seen.current, 2);
  EXPECT_TRUE(seen.replicas.empty());
  EXPECT_PRED2(contains, seen.note, "cannot list pods");
}

TEST_F(KubernetesStatefulSet, IsSeenAndScaled) {
  EXPECT_EQ(observe()->replicas.size(), 2U);
  ScaleRequest request;
  request.desired = 4;
  ASSERT_TRUE(scale(request));
  EXPECT_EQ(observe()->ready, 4);
  EXPECT_FALSE(driver->capabilities().chooses_victims) << "the highest ordinal goes";
  EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{});
}

// --- scaling

TEST_F(KubernetesDriver, TouchesNothingAtAVersionThatStandsNoMore) {
  const auto version = observe()->version;
  api.set_replicas(5);
  ScaleRequest request;
  request.desired = 3;
  request.version = version;
  request.victims = {"web-5d9c7-3", "web-5d9c7-4"};
  const auto refused = run(io, driver->scale(request));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(refused.error().message,
            "scale: the Deployment web has been changed since it was looked at");
  for (const auto& each : asked()) EXPECT_PRED2(starts_with, each, "GET");
}

TEST_F(KubernetesDriver, WritesOnceAtTheVersionThatWasSeen) {
  bool is_changed = false;
  api.change([&](Cluster& cluster) {
    cluster.intercept = [&](http::Peer&, const http::Received& request) {
      if (request.method() == "PUT" && !std::exchange(is_changed, true)) api.set_replicas(5);
      return false;
    };
  });
  ScaleRequest request;
  request.desired = 3;
  const auto refused = scale(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_PRED2(contains, refused.error().message, "the object has been modified");
  const auto all = asked();
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const auto& each) { return each.starts_with("PUT"); }),
            1);
}

TEST_F(KubernetesDriver, NoticesAWriteThatWasTakenAndNotDone) {
  answer("/scale", 200, R"({"kind":"Scale","spec":{"replicas":2}})");
  ScaleRequest request;
  request.desired = 3;
  const auto refused = scale(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::failed);
  EXPECT_PRED2(contains, refused.error().message, "made 2 of them");
}

TEST_F(KubernetesDriver, SaysHowLongTheServerWantsToBeLeftAlone) {
  answer("", 429, R"({"kind":"Status","details":{"retryAfterSeconds":7}})");
  EXPECT_EQ(observe().error().retry_after, std::chrono::seconds{7});
}

TEST_F(KubernetesDriver, UnderstandsNoAnswerOfAnotherShape) {
  for (
      const auto* body :
      {"", "[]", "null", "{}", R"({"kind":"Deployment"})", R"({"kind":"StatefulSet"})",
       R"({"kind":"Deployment","spec":{"replicas":-1,"selector":{"matchLabels":{"a":"b"}}}})",
       R"({"kind":"Deployment","spec":{"replicas":"3","selector":{"matchLabels":{"a":"b"}}}})",
       R"({"kind":"Deployment","spec":{"replicas":3000000000,"selector":{"matchLabels":{"a":"b"}}}})",
       R"({"kind":"Deployment","spec":{"selector":{"matchExpressions":[{"key":"a","operator":"Near"}]}}})",
       R"({"kind":"Deployment","spec":[],"status":7})"}) {
    SCOPED_TRACE(body);
    answer("/deployments/web", 200, body);
    const auto seen = observe();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, Errc::malformed);
    EXPECT_PRED2(starts_with, seen.error().message, "GET /apis/apps/v1/namespaces/shop");
  }
}

// --- credentials

TEST_F(KubernetesDriver, ReadsWhereTheClusterIsAgainAfterItWasNotReached) {
  api.write_kubeconfig("https://127.0.0.1:1", "hunter2");
  EXPECT_EQ(observe().error().code, Errc::unreachable);
  api.write_kubeconfig(api.url(), "hunter2");
  EXPECT_TRUE(observe());
}

TEST(KubernetesDriverAnywhere, IsMadeWhereThereIsNoClusterAndSaysSo) {
  asio::io_context io;
  const auto driver =
      kubernetes_driver(Setting{io, "backend", R"({"kubeconfig": "/nowhere/config"})", {}, {}});
  ASSERT_TRUE(driver);
  const auto seen = run(io, (*driver)->observe());
  const auto found = run(io, (*driver)->preflight());
  const auto written = run(io, (*driver)->scale({}));
  ASSERT_FALSE(seen || found || written);
  for (const auto& failure : {seen.error(), found.error(), written.error()}) {
    EXPECT_PRED2(contains, failure.message, "/nowhere/config cannot be read");
  }
}

// --- preflight

TEST_F(KubernetesDriver, NamesThePermissionThatIsMissing) {
  api.change([](Cluster& cluster) { cluster.forbidden = {"update deployments/scale"}; });
  const auto found = preflight();
  ASSERT_EQ(found.wrong.size(), 1U);
  EXPECT_EQ(
      found.wrong[0].what,
      "the permission to update deployments/scale web (apps) is missing in the namespace shop");
  EXPECT_EQ(found.wrong[0].why, "without it nothing can be scaled");
  EXPECT_PRED2(starts_with, found.wrong[0].paste,
               "- {apiGroups: [apps], resources: [deployments/scale], verbs: [update], "
               "resourceNames: [web]}");
}

TEST_F(KubernetesDriver, WarnsOfThePermissionsThatItCanDoWithout) {
  api.change([](Cluster& cluster) { cluster.forbidden = {"patch pods", "list pods"}; });
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 2U);
  EXPECT_PRED2(contains, found.warnings[0].what, "list pods");
  EXPECT_PRED2(starts_with, found.warnings[0].paste,
               R"(- {apiGroups: [""], resources: [pods], verbs: [list]})");
  EXPECT_PRED2(contains, found.warnings[1].what, "busy pods may go before idle ones");
}

TEST_F(KubernetesDriver, FindsThatTheDeploymentIsNotThere) {
  answer("/deployments/web", 404, R"({"kind":"Status","message":"not found"})");
  EXPECT_EQ(sentences(preflight().wrong),
            std::vector<std::string>{"there is no Deployment web in the namespace shop"});
}

Json autoscaler(const std::string& kind, const std::string& name, const std::string& version) {
  return {{"metadata", {{"name", "cpu"}, {"resourceVersion", "7"}}},
          {"spec",
           {{"scaleTargetRef", {{"apiVersion", version}, {"kind", kind}, {"name", name}}},
            {"minReplicas", 2},
            {"maxReplicas", 10}}}};
}

TEST_F(KubernetesDriver, RefusesToFightAnotherAutoscaler) {
  api.change([](Cluster& cluster) {
    cluster.autoscalers = Json::array({autoscaler("Deployment", "other", "apps/v1"),
                                       autoscaler("StatefulSet", "web", "apps/v1"),
                                       autoscaler("Deployment", "web", "example.com/v1")});
  });
  EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{});
  api.change([](Cluster& cluster) {
    cluster.autoscalers.push_back(autoscaler("Deployment", "web", "apps/v1"));
  });
  const auto wrong = preflight().wrong;
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_PRED2(starts_with, wrong[0].what,
               "the HorizontalPodAutoscaler cpu scales Deployment web too (2 to 10 replicas)");
  EXPECT_PRED2(contains, wrong[0].what, "platform.takeOver");
  EXPECT_EQ(wrong[0].paste, "kubectl delete horizontalpodautoscaler cpu --namespace shop");
}

TEST_F(KubernetesDriver, NamesTheScaledObjectBehindAnAutoscaler) {
  auto made = autoscaler("Deployment", "web", "apps/v1");
  made["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "keda.sh/v1alpha1"},
                                                      {"kind", "ScaledObject"},
                                                      {"name", "queue"},
                                                      {"uid", "1"}}});
  api.change([&](Cluster& cluster) { cluster.autoscalers = Json::array({made}); });
  const auto wrong = preflight().wrong;
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_PRED2(contains, wrong[0].what, "KEDA for the ScaledObject queue");
  EXPECT_EQ(wrong[0].paste, "kubectl delete scaledobject queue --namespace shop");
}

// --- taking over by consent

class KubernetesTakeover : public KubernetesDriver {
 protected:
  KubernetesTakeover() {
    auto mine = autoscaler("Deployment", "web", "apps/v1");
    api.cluster.autoscalers = Json::array({mine, autoscaler("Deployment", "other", "apps/v1")});
    api.cluster.autoscalers[1]["metadata"]["name"] = "other";
    before = api.cluster.autoscalers;
    restart();
  }
  void restart() { driver = made(true); }
  std::unique_ptr<Driver> made(bool takes_over) {
    auto platform = Json::parse(api.platform());
    platform["takeOver"] = takes_over;
    return kubernetes_driver(Setting{io, "backend", platform.dump(), {}, {}}).value();
  }
  void scale_to(int count) {
    ScaleRequest request;
    request.desired = count;
    ASSERT_TRUE(scale(request));
  }
  void give_back() { ASSERT_TRUE(run(io, driver->release())); }
  /// Of the one on the target.
  Json spec() {
    return api.look([](const Cluster& cluster) { return cluster.autoscalers[0]["spec"]; });
  }
  /// All, but for their versions.
  Json autoscalers() {
    auto now = api.look([](const Cluster& cluster) { return cluster.autoscalers; });
    for (auto& each : now) {
      each["metadata"]["resourceVersion"] = "7";
      if (each["metadata"].value("annotations", Json()).empty())
        each["metadata"].erase("annotations");
    }
    return now;
  }
  /// KEDA, with an object that the autoscaler was made for.
  void add_scaled_object() {
    api.change([](Cluster& cluster) {
      cluster.autoscalers[0]["metadata"]["ownerReferences"] =
          Json::array({{{"apiVersion", "keda.sh/v1alpha1"},
                        {"kind", "ScaledObject"},
                        {"name", "queue"},
                        {"uid", "1"}}});
      const Json object = {
          {"metadata", {{"name", "queue"}, {"resourceVersion", "3"}}},
          {"spec", {{"scaleTargetRef", {{"name", "web"}}}, {"triggers", Json::array()}}}};
      auto other = object;
      other["metadata"]["name"] = "other";
      other["spec"]["scaleTargetRef"]["kind"] = "StatefulSet";
      cluster.scaled_objects = Json::array({object, other});
    });
  }
  Json annotations() {
    return api.look([](const Cluster& cluster) {
      return cluster.scaled_objects[0]["metadata"].value("annotations", Json::object());
    });
  }

  Json before;
};

TEST_F(KubernetesTakeover, SuspendsAnAutoscalerBeforeItsFirstWriteAndGivesItBack) {
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(contains, found.warnings[0].what, "suspended when this agent first scales");
  EXPECT_EQ(autoscalers(), before) << "looking changes nothing";

  scale_to(4);
  EXPECT_EQ(spec()["minReplicas"], 1);
  EXPECT_EQ(spec()["maxReplicas"], 2147483647);
  EXPECT_EQ(spec()["behavior"]["scaleUp"]["selectPolicy"], "Disabled");
  EXPECT_EQ(spec()["behavior"]["scaleDown"]["selectPolicy"], "Disabled");
  EXPECT_EQ(autoscalers()[1], before[1]) << "that of another";
  EXPECT_EQ(sentences(preflight().warnings), std::vector<std::string>{}) << "it is suspended";
  const auto all = asked();
  const auto first = [&](const std::string& start) {
    return std::find_if(all.begin(), all.end(),
                        [&](const auto& each) { return each.starts_with(start); });
  };
  EXPECT_LT(first("PATCH /apis/autoscaling"), first("PUT"));

  give_back();
  EXPECT_EQ(autoscalers(), before);
}

TEST_F(KubernetesTakeover, GivesBackWhatAnAgentTookOverThatWasKilled) {
  scale_to(4);
  restart();
  EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{});
  give_back();
  EXPECT_EQ(autoscalers(), before);
}

TEST_F(KubernetesTakeover, WithoutConsentASuspendedAutoscalerIsNeitherUsedNorGivenBack) {
  scale_to(4);
  const auto suspended = autoscalers();
  driver = made(false);
  const auto wrong = preflight().wrong;
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_PRED2(ends_with, wrong[0].what,
               ", and is suspended by an agent's takeover: with platform.takeOver an agent goes on "
               "from there, and it stays suspended while agents may act; `selfscale disable "
               "SERVICE` gives it back");
  give_back();
  EXPECT_EQ(autoscalers(), suspended);
}

TEST_F(KubernetesTakeover, GivesBackWhatAPersonHasSetMeanwhile) {
  api.change([](Cluster& cluster) {
    cluster.autoscalers[0]["spec"]["behavior"] = {
        {"scaleUp", {{"selectPolicy", "Min"}, {"stabilizationWindowSeconds", 7}}}};
  });
  scale_to(4);
  api.change([](Cluster& cluster) {
    cluster.autoscalers[0]["spec"]["maxReplicas"] = 20;  // as an applied manifest has it
  });
  scale_to(3);
  EXPECT_EQ(spec()["maxReplicas"], 2147483647) << "it would clamp the count even so";
  give_back();
  EXPECT_EQ(spec()["minReplicas"], 2);
  EXPECT_EQ(spec()["maxReplicas"], 20);
  EXPECT_EQ(spec()["behavior"]["scaleUp"]["selectPolicy"], "Min");
  EXPECT_EQ(spec()["behavior"]["scaleUp"]["stabilizationWindowSeconds"], 7);
}

TEST_F(KubernetesTakeover, ReadsAnAutoscalerAgainThatHasChangedMeanwhile) {
  int refusals = 0;
  api.change([&refusals](Cluster& cluster) {
    cluster.intercept = [&refusals](http::Peer& peer, const http::Received& request) {
      const bool is_meant = request.method() == "PATCH" && refusals < 2;
      if (is_meant) peer.answer(409, R"({"kind":"Status","reason":"Conflict"})");
      refusals += is_meant ? 1 : 0;
      return is_meant;
    };
  });
  scale_to(4);
  EXPECT_EQ(refusals, 2);
  EXPECT_EQ(spec()["maxReplicas"], 2147483647);
}

TEST_F(KubernetesTakeover, WritesNothingWhileItCannotSuspend) {
  answer("/horizontalpodautoscalers/cpu", 503, R"({"kind":"Status","message":"etcd is away"})");
  ScaleRequest request;
  request.desired = 4;
  EXPECT_FALSE(scale(request));
  api.look([](const Cluster& cluster) { EXPECT_EQ(cluster.replicas, 2); });
}

TEST_F(KubernetesTakeover, NamesThePermissionThatIsMissingForIt) {
  api.change([](Cluster& cluster) { cluster.forbidden = {"patch horizontalpodautoscalers"}; });
  EXPECT_EQ(sentences(preflight().wrong),
            std::vector<std::string>{"the permission to patch horizontalpodautoscalers cpu "
                                     "(autoscaling) is missing in the namespace shop"});
  api.change([](Cluster& cluster) { cluster.autoscalers = Json::array(); });
  EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{})
      << "there is nothing to take over";
}

TEST_F(KubernetesTakeover, PausesKedasObjectInsteadOfWhatKedaMade) {
  add_scaled_object();
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(starts_with, found.warnings[0].what,
               "KEDA's ScaledObject queue scales Deployment web");
  scale_to(4);
  EXPECT_EQ(annotations()["autoscaling.keda.sh/paused"], "true");
  EXPECT_EQ(spec(), before[0]["spec"]);
  api.change([](Cluster& cluster) { cluster.autoscalers = Json::array(); });  // KEDA deletes it
  restart();
  give_back();
  EXPECT_EQ(annotations(), Json::object());
}

TEST_F(KubernetesTakeover, LeavesAScaledObjectPausedThatAPersonPaused) {
  add_scaled_object();
  api.change([](Cluster& cluster) {
    cluster.scaled_objects[0]["metadata"]["annotations"] = {{"autoscaling.keda.sh/paused", "true"}};
  });
  scale_to(4);
  give_back();
  EXPECT_EQ(annotations(), (Json{{"autoscaling.keda.sh/paused", "true"}}));
}

TEST_F(KubernetesTakeover, NeedsKedasPermissionsOnlyWhereKedaScales) {
  add_scaled_object();
  api.change([](Cluster& cluster) { cluster.forbidden = {"list scaledobjects"}; });
  EXPECT_EQ(sentences(preflight().wrong),
            std::vector<std::string>{
                "the permission to list scaledobjects (keda.sh) is missing in the namespace shop"});
  api.change([](Cluster& cluster) { cluster.forbidden = {"patch scaledobjects"}; });
  EXPECT_EQ(sentences(preflight().wrong),
            std::vector<std::string>{"the permission to patch scaledobjects queue (keda.sh) is "
                                     "missing in the namespace shop"});
  api.change([this](Cluster& cluster) {
    cluster.autoscalers = before;
    cluster.forbidden = {"list scaledobjects"};
  });
  EXPECT_EQ(sentences(preflight().wrong), std::vector<std::string>{});
}

TEST_F(KubernetesDriver, WarnsOfAManifestThatSetsTheCount) {
  api.change([](Cluster& cluster) {
    cluster.annotations = {{"kubectl.kubernetes.io/last-applied-configuration",
                            R"({"kind":"Deployment","spec":{"replicas":2}})"}};
  });
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), std::vector<std::string>{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(contains, found.warnings[0].what, "sets replicas");
}

TEST_F(KubernetesDriver, WarnsOfPodsThatCountAsReadyTooSoon) {
  api.change([](Cluster& cluster) { cluster.container = {{"name", "app"}}; });
  const auto found = preflight();
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(contains, found.warnings[0].what, "readinessProbe");
}

TEST_F(KubernetesDriver, WarnsOfWorkThatTakesLongerThanAPodHasToEnd) {
  const LongestWork work{"job_time", 41.3, false};
  EXPECT_FALSE(driver->cut_off_by_fewer(work)) << "nothing has been looked at";
  preflight();
  const auto found = driver->cut_off_by_fewer(work);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->what,
            "a piece of work takes up to 41.3 s (recorded in job_time); and a pod that is to go is "
            "killed 30 s (the platform's own terminationGracePeriodSeconds, as the template of its "
            "pods has none) after it was told to end");
  EXPECT_EQ(found->paste,
            "terminationGracePeriodSeconds: 42   # into spec.template.spec of Deployment web");
  EXPECT_FALSE(driver->cut_off_by_fewer(LongestWork{"job_time", 30.0, false}));
  EXPECT_FALSE(driver->cut_off_by_fewer(std::nullopt));
}

TEST_F(KubernetesDriver, TakesTheTimeToEndFromTheTemplateOfItsPods) {
  api.change([](Cluster& cluster) { cluster.grace_seconds = 0; });
  preflight();
  const auto found = driver->cut_off_by_fewer(LongestWork{"response_time", 0.2, false});
  ASSERT_TRUE(found);
  EXPECT_PRED2(contains, found->what,
               "killed 0 s (terminationGracePeriodSeconds of the template of its pods) after");
  api.change([](Cluster& cluster) { cluster.grace_seconds = 60; });
  preflight();
  EXPECT_FALSE(driver->cut_off_by_fewer(LongestWork{"job_time", 41.3, false}));
}

TEST(OpenApiDocument, KnowsWhatContradictsIt) {
  const OpenApi api{fixture("kubernetes/openapi-1.34.json")};
  const std::string scale = "/apis/apps/v1/namespaces/a/deployments/b/scale";
  const auto wrong = [&](const std::string& body) {
    return api.wrong_request("PUT", scale, "application/json", body);
  };
  EXPECT_EQ(wrong(R"({"kind":"Scale","spec":{"replicas":3}})"), "");
  EXPECT_EQ(wrong(R"({"spec":{"replica":3}})"), "/spec/replica is not known");
  EXPECT_EQ(wrong(R"({"spec":{"replicas":"3"}})"), "/spec/replicas is no integer");
  EXPECT_EQ(api.wrong_request("GET", scale + "s", "", ""), "there is no GET " + scale + "s");
  EXPECT_EQ(api.wrong_request("PUT", scale + "?force=1", "application/json", "{}"), "query force");
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
