// The driver `kubernetes` and the deletion cost of pods: one at work goes after the others, and so
// does that of the agent that scales.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "drivers/kubernetes/driver_fixture.hpp"
#include "drivers/kubernetes/own_pod.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::kubernetes {
namespace {

using Names = std::vector<std::string>;

const std::string busy = std::to_string(cost_of_busy);
const std::string leading = std::to_string(cost_of_leader);

std::string pod(int number) { return "web-5d9c7-" + std::to_string(number); }

/// Four pods, in the first of which the driver is.
class KubernetesCosts : public KubernetesDriver {
 protected:
  explicit KubernetesCosts(Kind kind = Kind::deployment) : KubernetesDriver{kind} {
    api.set_replicas(4);
    driver = made_in(pod(0));
  }
  Result<void> keep(bool is_busy) { return run(io, driver->keep_busy_replica(is_busy)); }
  Result<void> go_down(Driver& asked) {
    ScaleRequest request;
    request.desired = 2;
    request.victims = {pod(0), pod(1), pod(2), pod(3)};
    request.version = run(io, asked.observe())->version;
    return run(io, asked.scale(std::move(request)));
  }
  Result<void> go_down() { return go_down(*driver); }
  void go_on() {
    const auto gone_on = run(io, driver->go_on());
    EXPECT_TRUE(gone_on) << gone_on.error().message;
  }
  void set_cost(int number, const std::string& cost) {
    api.change([&](Cluster& cluster) {
      auto& changed = cluster.pods[static_cast<std::size_t>(number)];
      changed.cost = cost;
      ++changed.version;
    });
  }
  Names costs() {
    return api.look([](const Cluster& cluster) {
      Names all;
      for (const auto& each : cluster.pods) all.push_back(each.cost);
      return all;
    });
  }
  Names pods() {
    return api.look([](const Cluster& cluster) {
      Names all;
      for (const auto& each : cluster.pods) all.push_back(each.name);
      return all;
    });
  }
  /// "GET", "PATCH": how pods were asked for since the last time.
  Names asked_of_pods() {
    Names methods;
    api.change([&methods](Cluster& cluster) {
      for (const auto& each : cluster.asked) {
        if (each.find("/pods") != std::string::npos)
          methods.push_back(each.substr(0, each.find(' ')));
      }
      cluster.asked.clear();
    });
    return methods;
  }
  /// Somebody changes the own pod right before the next write of it.
  void be_overtaken_once() {
    api.change([this](Cluster& cluster) {
      cluster.intercept = [this](http::Peer&, const http::Received& request) {
        if (request.method() == "PATCH" && !is_overtaken.exchange(true)) set_cost(0, "");
        return false;
      };
    });
  }
  std::atomic<bool> is_overtaken = false;
};

class KubernetesCostsOfAStatefulSet : public KubernetesCosts {
 protected:
  KubernetesCostsOfAStatefulSet() : KubernetesCosts{Kind::stateful_set} {}
};

// --- of a pod at work

TEST_F(KubernetesCosts, APodHasOneWhileItWorksAndNoLonger) {
  ASSERT_TRUE(driver->keeps_busy_replica());
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(asked_of_pods(), Names{"GET"}) << "an agent before it may have left one";
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(costs(), (Names{busy, "", "", ""}));
  EXPECT_EQ(asked_of_pods(), (Names{"GET", "PATCH"}));
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(asked_of_pods(), Names{});
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(costs(), (Names{"", "", "", ""}));
  EXPECT_EQ(asked_of_pods(), (Names{"GET", "PATCH"}));
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(asked_of_pods(), Names{});
}

TEST_F(KubernetesCosts, OnlyAPodOfADeploymentIsKept) {
  EXPECT_FALSE(made_in("")->keeps_busy_replica());
  EXPECT_FALSE(made_in("no pod's name, this")->keeps_busy_replica());
  Setting apart{io, "backend", api.platform(), {}, {}};
  apart.instance = pod(0);
  apart.is_replica = false;
  EXPECT_FALSE(kubernetes_driver(std::move(apart)).value()->keeps_busy_replica());
}

TEST_F(KubernetesCostsOfAStatefulSet, HelpNothing) { EXPECT_FALSE(driver->keeps_busy_replica()); }

TEST_F(KubernetesCosts, AStepDownEndsNoPodAtWorkThoughTheLeaderHearsNone) {
  ASSERT_TRUE(keep(true));
  const auto leader = made_in(pod(3));
  ASSERT_TRUE(go_down(*leader));
  EXPECT_EQ(pods(), (Names{pod(0), pod(3)}));
}

TEST_F(KubernetesCosts, ThatSomebodyElseSetStays) {
  set_cost(0, "7");
  ASSERT_TRUE(keep(true));
  ASSERT_TRUE(keep(false));
  ASSERT_TRUE(go_down());
  go_on();
  ASSERT_TRUE(run(io, driver->release()));
  EXPECT_EQ(costs()[0], "7");
}

TEST_F(KubernetesCosts, WhatAnAgentBeforeLeftIsTakenAway) {
  set_cost(0, busy);
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(costs()[0], "");
}

TEST_F(KubernetesCosts, APodOfNoDeploymentOfOursHasNone) {
  api.change([](Cluster& cluster) { cluster.pods[0].owner = "other-x"; });
  ASSERT_TRUE(keep(true));
  ASSERT_TRUE(keep(true));
  EXPECT_EQ(asked_of_pods(), Names{"GET"});
}

TEST_F(KubernetesCosts, WhatIsRefusedIsNoFailureAndIsNotAskedForAgainAtOnce) {
  for (const auto* missing : {"patch pods", "list pods"}) {
    api.change([missing](Cluster& cluster) { cluster.forbidden = {missing}; });
    driver = made_in(pod(0));
    EXPECT_TRUE(keep(true)) << missing << ", of which the preflight warns";
    asked_of_pods();
    EXPECT_TRUE(keep(true));
    EXPECT_EQ(asked_of_pods(), Names{}) << missing;
  }
}

TEST_F(KubernetesCosts, WhatFailsIsSaidAndNotTriedAgainAtOnce) {
  answer("/pods", 503, R"({"kind":"Status","message":"etcd is away"})");
  for (int second = 0; second < 3; ++second) {
    const auto kept = keep(true);
    ASSERT_FALSE(kept);
    EXPECT_PRED2(contains, kept.error().message, "etcd is away");
  }
  EXPECT_EQ(asked_of_pods(), Names{"GET"});
  api.change([](Cluster& cluster) { cluster.intercept = {}; });
  EXPECT_TRUE(keep(false)) << "that is news";
}

TEST_F(KubernetesCosts, APodThatSomebodyChangesMeanwhileIsReadAgain) {
  be_overtaken_once();
  EXPECT_TRUE(keep(true));
  EXPECT_EQ(costs()[0], "");
  EXPECT_TRUE(keep(true));
  EXPECT_EQ(costs()[0], busy);
}

// --- how often it is looked at

TEST(OwnPod, IsLookedAtOnceAMinuteWhileItWorks) {
  OwnPod own;
  OwnPod::Time now{};
  int looks = 0;
  const auto tell_for = [&](int seconds, bool is_busy) {
    for (int second = 0; second < seconds; ++second, now += std::chrono::seconds{1}) {
      if (!own.is_to_be_looked_at(is_busy, now)) continue;
      ++looks;
      own.take(Result<void>{}, now);
    }
    return std::exchange(looks, 0);
  };
  EXPECT_EQ(tell_for(3'600, false), 1);
  EXPECT_EQ(tell_for(3'600, true), 60);
  EXPECT_EQ(tell_for(3'600, false), 1);
  now += std::chrono::minutes{5};
  EXPECT_EQ(tell_for(60, false), 1) << "another process of the pod may have told meanwhile";
}

TEST(OwnPod, IsLookedAtAgainSomeSecondsAfterAFailureAndAMinuteAfterARefusal) {
  OwnPod own;
  OwnPod::Time now{};
  const auto waits = [&](Errc code) {
    own.take(Failure{code, "no", {}}, now);
    int seconds = 0;
    do {
      now += std::chrono::seconds{1};
      ++seconds;
    } while (!own.is_to_be_looked_at(true, now));
    return seconds;
  };
  ASSERT_TRUE(own.is_to_be_looked_at(true, now));
  EXPECT_EQ(waits(Errc::unreachable), 10);
  EXPECT_EQ(waits(Errc::denied), 60);
  EXPECT_EQ(waits(Errc::conflict), 1);
}

// --- of the pod of the agent that scales

TEST_F(KubernetesCosts, ThePodOfTheAgentThatScalesGoesLast) {
  ASSERT_TRUE(go_down());
  EXPECT_EQ(pods()[0], pod(0)) << "it is the first that would go";
  EXPECT_EQ(costs()[0], leading);
  go_on();
  EXPECT_EQ(costs(), (Names{"", ""}));
  asked_of_pods();
  go_on();
  EXPECT_EQ(asked_of_pods(), Names{});
}

TEST_F(KubernetesCosts, APodAtWorkGoesAfterThatOfTheLeader) {
  for (const int number : {1, 2, 3}) set_cost(number, busy);
  ASSERT_TRUE(go_down());
  EXPECT_EQ(costs(), (Names{busy, busy}));
}

TEST_F(KubernetesCosts, NoPodIsMarkedToGoFirst) {
  driver = made_in("");
  asked_of_pods();
  ASSERT_TRUE(go_down());
  EXPECT_EQ(asked_of_pods(), Names{"GET"}) << "of the observation";
}

TEST_F(KubernetesCosts, TheLeadersOwnStaysUntilTheStepIsDone) {
  ASSERT_TRUE(go_down());
  api.change([](Cluster& cluster) { cluster.replicas = 1; });  // its controller has not come to it
  go_on();
  EXPECT_EQ(costs()[0], leading);
  api.set_replicas(1);
  go_on();
  EXPECT_EQ(costs(), Names{""});
}

TEST_F(KubernetesCosts, TheLeadersOwnIsTakenBackWhereTheCountIsNotWritten) {
  for (const int status : {403, 409, 422, 429, 503}) {
    answer("/scale", status, R"({"kind":"Status","message":"no"})", "PUT");
    ASSERT_FALSE(go_down());
    EXPECT_EQ(costs()[0], leading) << status;
    go_on();
    EXPECT_EQ(costs(), (Names{"", "", "", ""})) << status;
  }
}

TEST_F(KubernetesCosts, OfALeaderAtWorkIsThatOfItsWork) {
  ASSERT_TRUE(keep(true));
  ASSERT_TRUE(go_down());
  go_on();
  EXPECT_EQ(costs()[0], busy);
  ASSERT_TRUE(keep(false));
  EXPECT_EQ(costs()[0], "");
}

TEST_F(KubernetesCosts, ThatOfALeaderBeforeIsTakenAwayByTheNextStepDown) {
  set_cost(3, leading);
  ASSERT_TRUE(go_down());
  EXPECT_EQ(costs(), (Names{leading, ""}));
}

TEST_F(KubernetesCosts, NothingIsWrittenWhereThePodHasChangedMeanwhile) {
  be_overtaken_once();
  const auto refused = go_down();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_EQ(pods().size(), 4U);
}

TEST_F(KubernetesCosts, AStepDownDoesWithoutWhereItMaySetNone) {
  for (const auto* missing : {"patch pods", "list pods"}) {
    api.set_replicas(4);
    api.change([missing](Cluster& cluster) { cluster.forbidden = {missing}; });
    EXPECT_TRUE(go_down()) << missing;
    EXPECT_EQ(pods().size(), 2U);
    go_on();
  }
}

TEST_F(KubernetesCosts, AStepDownWaitsWhileNoneCanBeSet) {
  answer("/pods/", 503, R"({"kind":"Status","message":"etcd is away"})");
  const auto refused = go_down();
  ASSERT_FALSE(refused);
  EXPECT_PRED2(contains, refused.error().message, "503: etcd is away");
  EXPECT_EQ(pods().size(), 4U);
}

// --- at the end

TEST_F(KubernetesCosts, AllOfOursAreTakenAwayWhereNobodyMayActAnyMore) {
  set_cost(0, leading);
  set_cost(1, "7");
  set_cost(2, busy);
  ASSERT_TRUE(run(io, driver->release()));
  EXPECT_EQ(costs(), (Names{"", "7", "", ""}));
}

TEST_F(KubernetesCosts, TheLeadersOwnIsTakenAwayWhereOthersGoOn) {
  set_cost(2, busy);
  answer("/scale", 409, R"({"kind":"Status","reason":"Conflict"})", "PUT");
  ASSERT_FALSE(go_down());
  ASSERT_TRUE(run(io, driver->leave()));
  EXPECT_EQ(costs(), (Names{"", "", busy, ""}));
}

TEST_F(KubernetesCosts, NoneNeedBeTakenAwayWithoutTheRightToThem) {
  set_cost(1, busy);
  for (const auto* missing : {"list pods", "patch pods"}) {
    api.change([missing](Cluster& cluster) { cluster.forbidden = {missing}; });
    EXPECT_TRUE(run(io, driver->release())) << missing;
  }
}

}  // namespace
}  // namespace selfscale::drivers::kubernetes
