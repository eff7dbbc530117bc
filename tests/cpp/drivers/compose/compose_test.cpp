// The driver against a server that plays a Docker Engine: what it sees, makes, ends and says.
#include "drivers/compose.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drivers/compose/api.hpp"
#include "drivers/compose/compose_server.hpp"
#include "run_coroutine.hpp"
#include "text_predicates.hpp"

namespace selfscale::drivers::compose {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using State = ComposeServer::Host;
using Texts = std::vector<std::string>;

class ComposeDriver : public testing::Test {
 protected:
  ComposeDriver() { restart(); }
  ~ComposeDriver() override { EXPECT_EQ(api.wrong(), Texts{}) << "against the published document"; }
  ComposeDriver(const ComposeDriver&) = delete;

  void restart(const Json& platform = Json::object()) {
    driver = compose_driver(Setting{io, "web", platform_of(platform), {}, {}}).value();
  }
  std::string platform_of(Json platform) {
    platform["host"] = api.host();
    if (!platform.contains("project")) platform["project"] = "shop";
    return platform.dump();
  }
  Result<Observation> observe() { return run(io, driver->observe()); }
  Result<void> scale(int desired, Texts victims = {}) {
    ScaleRequest request;
    request.desired = desired;
    request.victims = std::move(victims);
    return run(io, driver->scale(std::move(request)));
  }
  Result<void> go_on() { return run(io, driver->go_on()); }
  Preflight preflight() { return run(io, driver->preflight()).value(); }
  /// Another agent's, of which nothing is left but what it has asked of the Engine.
  void scale_and_be_killed(int desired) {
    asio::io_context its_own;
    const auto killed =
        compose_driver(Setting{its_own, "web", platform_of(Json::object()), {}, {}}).value();
    ScaleRequest request;
    request.desired = desired;
    request.deadline = Duration{2'000};
    ASSERT_TRUE(run(its_own, killed->scale(std::move(request))));
  }
  /// The service has two networks, and a third container one of them: an agent was killed before it
  /// could connect its copy.
  void leave_half_made() {
    api.change([](State& host) {
      host.networks = {"shop_default", "shop_back"};
      for (auto& each : host.containers) each.networks = host.networks;
    });
    api.set_intercept([](http::Peer& peer, const http::Received& request) {
      const bool is_late = request.method() == "DELETE" || contains(request.target(), "/connect");
      if (is_late) peer.answer(503, "");
      return is_late;
    });
    ASSERT_FALSE(scale(3));
    api.set_intercept({});
    const auto left = api.look([](const State& host) { return host.containers[2]; });
    ASSERT_EQ(left.state, "created");
    ASSERT_EQ(left.networks, Texts{"shop_default"});
    asked_before = api.asked().size();
    restart();
  }
  /// As Compose 2 does with `up`: first a new one for each, by a name for the meantime.
  void begin_to_make_anew() {
    api.set_replicas(4);
    api.change([](State& host) {
      for (std::size_t at = 0; at < 2; ++at) {
        const auto& old = host.containers[at];
        auto& made = host.containers[at + 2];
        made.number = old.number;
        made.name = old.id.substr(0, 12) + "_" + old.name;
        made.state = "created";
        made.age_seconds = 1;
        made.config_hash = "5c1f";
      }
    });
  }
  /// As `up --scale web=3 --no-recreate` does when the file has changed.
  void make_third_of(const std::string& config_hash, int age_seconds) {
    api.set_replicas(2);
    api.set_replicas(3);
    api.change([&](State& host) {
      for (auto& each : host.containers) each.age_seconds = 7'200;
      host.containers[2].config_hash = config_hash;
      host.containers[2].age_seconds = age_seconds;
    });
  }
  std::string label_of_last(const std::string& name) {
    return api.look([&name](const State& host) {
      return host.containers.back()
          .made_of["Labels"]["com.docker.compose." + name]
          .get<std::string>();
    });
  }
  /// To 1, and whoever goes does so when its work is done.
  void scale_during(std::promise<void>& work) {
    api.set_intercept(
        [done = work.get_future().share()](http::Peer&, const http::Received& request) {
          if (request.target().find("/stop") != std::string::npos) done.wait();
          return false;
        });
    ScaleRequest request;
    request.desired = 1;
    request.deadline = Duration{2'000};
    ASSERT_TRUE(run(io, driver->scale(std::move(request))));
  }
  /// What goes on after an answer ends.
  void hear_it_out() {
    io.restart();
    io.run_for(std::chrono::seconds{30});
  }
  Texts removals() {
    auto all = api.asked();
    all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(asked_before));
    std::erase_if(all, [](const std::string& each) { return !each.starts_with("DELETE"); });
    return all;
  }
  static bool never_stops(http::Peer& peer, const http::Received& request) {
    const bool is_stop = request.target().find("/stop") != std::string::npos;
    if (is_stop) peer.wait_for_the_end();
    return is_stop;
  }

  asio::io_context io;
  ComposeServer api;
  std::size_t asked_before = 0;  ///< by an agent that was killed
  std::unique_ptr<Driver> driver;
};

// --- observing

TEST_F(ComposeDriver, SeesContainersWithTheirStateAndHealth) {
  api.set_replicas(3);
  api.change([](State& host) {
    host.containers[1].unhealthy = true;
    host.containers[1].status = "Up 2 minutes (unhealthy)";
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 3);
  EXPECT_EQ(seen.current, 3);
  EXPECT_EQ(seen.ready, 2);
  EXPECT_EQ(seen.failure, "container shop-web-2: Up 2 minutes (unhealthy)");
  ASSERT_EQ(seen.replicas.size(), 3U);
  EXPECT_EQ(seen.replicas[0].instance, "aaaaaaaaaaa3") << "of equals the last is the first to go";
  EXPECT_TRUE(seen.replicas[0].ready);
  EXPECT_FALSE(seen.replicas[1].ready);
  EXPECT_EQ(seen.replicas[2].started_seconds_ago, 60.0) << "by the engine's clock";
}

TEST_F(ComposeDriver, TakesAContainerThatEndedForOneThatIsMissed) {
  api.change([](State& host) {
    host.containers[1].state = "exited";
    host.containers[1].status = "Exited (1) 5 seconds ago";
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2) << "Compose counts it, and starts it with the next up";
  EXPECT_EQ(seen.current, 1);
  EXPECT_EQ(seen.ready, 1);
  EXPECT_EQ(seen.failure, "container shop-web-2: Exited (1) 5 seconds ago");
}

TEST_F(ComposeDriver, SeesNothingOfOtherProjects) {
  restart({{"project", "blog"}});
  EXPECT_EQ(observe()->desired, 0);
  EXPECT_EQ(sentences(preflight().wrong),
            Texts{"there is no container of the service web in the project blog: docker compose "
                  "up makes the first one"});
  const auto refused = scale(2);
  ASSERT_FALSE(refused);
  EXPECT_PRED2(contains, refused.error().message, "no container to copy");
}

TEST(ComposeDriverAnywhere, NeedsAProject) {
  asio::io_context io;
  const auto driver = compose_driver(Setting{io, "web", "{}", {}, {}}).value();
  EXPECT_PRED2(starts_with, run(io, driver->observe()).error().message, "platform.project");
}

// --- more

TEST_F(ComposeDriver, CopiesAContainerAsComposeWouldMakeIt) {
  api.change([](State& host) {
    host.networks = {"shop_back", "shop_default"};
    for (auto& each : host.containers) each.networks = host.networks;
    host.config["MacAddress"] = "02:42:ac:13:00:05";
  });
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2", "shop-web-3", "shop-web-4"}));
  const auto made = api.look([](const State& host) { return host.containers[2]; });
  EXPECT_EQ(made.state, "running");
  EXPECT_EQ(made.networks, (Texts{"shop_default", "shop_back"}));
  const auto config = api.look([](const State& host) { return host.config; });
  EXPECT_FALSE(made.made_of.contains("Hostname")) << "it was the other's id";
  EXPECT_FALSE(made.made_of.contains("MacAddress"));
  EXPECT_EQ(made.made_of["Image"], "sha256:3033") << "the same bits, whatever the tag means by now";
  EXPECT_EQ(made.made_of["Env"], config["Env"]);
  auto labels = config["Labels"];
  labels["com.docker.compose.container-number"] = "3";
  labels["selfscale.copy"] = "true";
  EXPECT_EQ(made.made_of["Labels"], labels);
  EXPECT_EQ(made.made_of["HostConfig"],
            api.look([](const State& host) { return host.host_config; }));
  EXPECT_EQ(made.made_of["NetworkingConfig"],
            Json::parse(R"({"EndpointsConfig":{"shop_default":{"Aliases":["web"]}}})"));
}

// Compose 2 writes on what it has made anew whose place that took; with such a label `up` tells of
// every new container that the named one "has been recreated".
TEST_F(ComposeDriver, ACopyOfAContainerThatComposeHasMadeAnewReplacesNobody) {
  api.change([](State& host) { host.config["Labels"]["com.docker.compose.replace"] = "web-2"; });
  ASSERT_TRUE(scale(3));
  const auto made = api.look([](const State& host) { return host.containers[2].made_of; });
  EXPECT_FALSE(made["Labels"].contains("com.docker.compose.replace"));
  EXPECT_EQ(made["Labels"]["com.docker.compose.config-hash"], "29db");
}

TEST_F(ComposeDriver, KeepsAHostNameThatWasSetAndNamesOfVersionOne) {
  api.set_replicas(0);
  api.change([](State& host) {
    host.separator = "_";
    host.config["Hostname"] = "backend";
  });
  api.set_replicas(1);
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(api.names(), (Texts{"shop_web_1", "shop_web_2"}));
  EXPECT_EQ(api.look([](const State& host) { return host.containers[1].made_of["Hostname"]; }),
            "backend");
}

TEST_F(ComposeDriver, AsksForNoNetworkWhereThereIsNone) {
  for (const auto* mode : {"none", "host", "bridge", "container:abc"}) {
    api.set_replicas(1);
    api.change([mode](State& host) {
      host.host_config["NetworkMode"] = mode;
      host.containers[0].networks = {"none"};
    });
    ASSERT_TRUE(scale(2));
    EXPECT_FALSE(api.look([](const State& host) {
      return host.containers[1].made_of.contains("NetworkingConfig");
    })) << mode;
  }
}

TEST_F(ComposeDriver, CopiesOneThatRunsAndTakesTheNextNumber) {
  api.set_replicas(3);
  api.change([](State& host) {
    host.containers[2].state = "exited";
    host.containers.erase(host.containers.begin());
  });
  ASSERT_TRUE(scale(3));
  EXPECT_EQ(api.names(), (Texts{"shop-web-2", "shop-web-3", "shop-web-4"}));
  const auto asked = api.asked();
  EXPECT_TRUE(std::ranges::any_of(asked, [](const std::string& each) {
    return each.starts_with("GET /containers/aaaaaaaaaaa2");
  }));
}

TEST_F(ComposeDriver, IsInConflictWithWhoeverTakesTheSameName) {
  api.set_intercept([this](http::Peer&, const http::Received& request) {
    if (request.target().find("/create") != std::string::npos) api.set_replicas(3);
    return false;
  });
  const auto refused = scale(3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_PRED2(contains, refused.error().message, "\"/shop-web-3\" is already in use");
  EXPECT_EQ(api.replicas(), 3);
}

TEST_F(ComposeDriver, TakesBackWhatDoesNotStart) {
  const std::string words = "Bind for 0.0.0.0:8080 failed: port is already allocated";
  api.change([&words](State& host) { host.start_fails = words; });
  const auto refused = scale(3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::failed) << "it is known that nothing was done";
  EXPECT_PRED2(contains, refused.error().message, words);
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2"}));
}

TEST_F(ComposeDriver, RefusesWhatCanBeThereOnlyOnce) {
  api.change([](State& host) {
    host.host_config["PortBindings"] =
        Json::parse(R"({"80/tcp":[{"HostIp":"","HostPort":"8080"}]})");
  });
  EXPECT_PRED2(contains, preflight().wrong.at(0).what, "it takes the port 8080 of this host");
  EXPECT_PRED2(contains, scale(3).error().message, "it takes the port 8080 of this host");
  api.change([](State& host) {
    host.host_config["PortBindings"] =
        Json::parse(R"({"80/tcp":[{"HostIp":"","HostPort":"8080-8090"}]})");
    for (auto& each : host.containers) each.name = "fixed" + std::to_string(each.number);
  });
  EXPECT_PRED2(contains, preflight().wrong.at(0).what, "container_name");
  EXPECT_EQ(api.replicas(), 2);
}

// --- fewer

TEST_F(ComposeDriver, LetsTheVictimsGoByAnyOfTheirNames) {
  api.set_replicas(5);
  const auto second = api.look([](const State& host) { return host.containers[1].id; });
  ASSERT_TRUE(scale(2, {"aaaaaaaaaaa4", "not-there", second, "shop-web-1", "shop-web-5"}));
  EXPECT_EQ(api.names(), (Texts{"shop-web-3", "shop-web-5"}));
}

TEST_F(ComposeDriver, LetsTheHighestNumberGoWhereNobodyIsNamed) {
  api.set_replicas(4);
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2"}));
}

TEST_F(ComposeDriver, LetsWhatDoesNotRunGoFirst) {
  api.set_replicas(3);
  api.change([](State& host) { host.containers[0].state = "exited"; });
  ASSERT_TRUE(scale(2, {"shop-web-3"}));
  EXPECT_EQ(api.names(), (Texts{"shop-web-2", "shop-web-3"}));
}

TEST_F(ComposeDriver, GivesThemTheirOwnGracePeriodUnlessOneIsSaid) {
  const auto stops = [this] {
    Texts all;
    for (const auto& each : api.asked()) {
      if (const auto at = each.find("/stop"); at != std::string::npos)
        all.push_back(each.substr(at));
    }
    return all;
  };
  api.set_replicas(3);
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(stops(), Texts{"/stop"});
  restart({{"gracePeriodSeconds", 30.2}});
  ASSERT_TRUE(scale(1));
  EXPECT_EQ(stops(), (Texts{"/stop", "/stop?t=31"}));
}

TEST_F(ComposeDriver, DoesNotWaitForThoseThatTakeTheirTime) {
  api.set_replicas(3);
  api.set_intercept(never_stops);
  ASSERT_TRUE(scale(1));
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 1);
  EXPECT_EQ(seen.current, 1);
  EXPECT_EQ(std::ranges::count_if(seen.replicas, [](const Replica& each) { return each.deleting; }),
            2);
  EXPECT_TRUE(scale(1)) << "they go already";
  EXPECT_EQ(api.replicas(), 3);
}

TEST_F(ComposeDriver, FreesTheNamesOfThoseThatTakeTheirTime) {
  api.set_intercept(never_stops);
  ASSERT_TRUE(scale(1));
  ASSERT_TRUE(scale(2));
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2.leaving-aaaaaaaaaaa2", "shop-web-2"}));
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 2);
}

TEST_F(ComposeDriver, KnowsWhomAnAgentHasAskedToStopThatWasKilled) {
  api.set_intercept(never_stops);
  scale_and_be_killed(1);
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 1);
  EXPECT_EQ(seen.current, 1);
  EXPECT_EQ(seen.ready, 1);
  ASSERT_EQ(seen.replicas.size(), 2U);
  EXPECT_TRUE(seen.replicas[0].deleting);
  EXPECT_EQ(seen.replicas[0].instance, "aaaaaaaaaaa2");
  EXPECT_FALSE(seen.replicas[1].deleting);
}

TEST_F(ComposeDriver, SendsThemOnTheirWayAgain) {
  api.set_intercept(never_stops);
  scale_and_be_killed(1);
  api.set_intercept({});
  ASSERT_TRUE(observe());
  hear_it_out();
  EXPECT_EQ(api.replicas(), 2) << "whoever looks may not be the one that acts";
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), Texts{"shop-web-1"});
}

TEST_F(ComposeDriver, WritesNothingOfItselfOnceOneHasStopped) {
  std::promise<void> work;
  scale_during(work);
  work.set_value();
  hear_it_out();
  ASSERT_TRUE(observe());
  hear_it_out();
  EXPECT_EQ(removals(), Texts{}) << "another may lead by now";
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), Texts{"shop-web-1"});
}

TEST_F(ComposeDriver, LeavesToTheNextLeaderWhoHasStopped) {
  std::promise<void> work;
  scale_during(work);
  const auto deposed = std::move(driver);
  restart();
  work.set_value();
  hear_it_out();
  ASSERT_TRUE(observe());
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), Texts{"shop-web-1"});
  EXPECT_EQ(removals().size(), 1U);
}

TEST_F(ComposeDriver, CountsThemAgainWhomTheNextLeaderMayNotStop) {
  api.set_intercept(never_stops);
  scale_and_be_killed(1);
  api.answer_with("/stop", 403, R"({"message":"not through this proxy"})");
  EXPECT_EQ(observe()->desired, 1);
  EXPECT_EQ(go_on().error().code, Errc::denied);
  EXPECT_EQ(observe()->desired, 2);
  EXPECT_TRUE(go_on()) << "nobody leaves";
}

TEST_F(ComposeDriver, TakesNobodyAwayWhoHasBeenStartedAgain) {
  std::promise<void> work;
  scale_during(work);
  work.set_value();
  hear_it_out();
  api.change([](State& host) { host.containers[1].state = "running"; });
  EXPECT_EQ(go_on().error().code, Errc::conflict) << "its work is not cut off";
  EXPECT_EQ(api.replicas(), 2);
  ASSERT_TRUE(observe());
  ASSERT_TRUE(go_on()) << "it is asked once more";
  EXPECT_EQ(api.names(), Texts{"shop-web-1"});
}

TEST_F(ComposeDriver, NeitherCountsNorStartsThoseThatHaveStoppedMeanwhile) {
  api.set_intercept(never_stops);
  scale_and_be_killed(1);
  api.set_intercept({});
  api.change([](State& host) { host.containers[1].state = "exited"; });
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 1);
  EXPECT_EQ(seen.current, 1);
  EXPECT_EQ(seen.failure, "");
  EXPECT_EQ(sentences(preflight().wrong), Texts{});
  ASSERT_TRUE(scale(2));
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2"}));
  EXPECT_EQ(api.look([](const State& host) { return host.containers[1].id; }).substr(0, 12),
            "aaaaaaaaaaa3");
}

TEST_F(ComposeDriver, SendsOnTheirWayWhomItMayHaveMarkedWithoutHearingOfIt) {
  api.set_intercept([this](http::Peer& peer, const http::Received& request) {
    const bool is_mark = request.target().find("/rename") != std::string::npos;
    if (is_mark) {
      api.change([](State& host) { host.containers[1].name += ".leaving-aaaaaaaaaaa2"; });
      peer.answer(504, "");
    }
    return is_mark;
  });
  EXPECT_EQ(scale(1).error().code, Errc::timed_out);
  EXPECT_EQ(observe()->desired, 1) << "it was done, so that nobody asks for it again";
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), Texts{"shop-web-1"});
}

TEST_F(ComposeDriver, StartsNothingThatWasLeftHalfMade) {
  leave_half_made();
  const auto seen = observe().value();
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.replicas.size(), 2U);
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(observe()->current, 4);
  EXPECT_EQ(api.cut_off(), Texts{});
}

TEST_F(ComposeDriver, TakesAwayWhatWasLeftHalfMade) {
  leave_half_made();
  ASSERT_TRUE(observe());
  EXPECT_EQ(api.replicas(), 3) << "whoever looks may not be the one that acts";
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2"}));
  EXPECT_EQ(removals().size(), 1U);
  EXPECT_TRUE(std::ranges::none_of(removals(), [](const std::string& each) {
    return contains(each, "force=true");
  })) << "it may have been started meanwhile";
}

TEST_F(ComposeDriver, LeavesWhatWasHalfMadeToWhoeverHasStartedItMeanwhile) {
  leave_half_made();
  ASSERT_TRUE(observe());
  api.change([](State& host) { host.containers[2].state = "running"; });
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.replicas(), 3);
  EXPECT_EQ(observe()->desired, 3);
}

TEST_F(ComposeDriver, SaysWhyWhatWasLeftHalfMadeStays) {
  leave_half_made();
  api.answer_with("?v=true", 403, R"({"message":"not through this proxy"})");
  ASSERT_TRUE(observe());
  EXPECT_EQ(go_on().error().code, Errc::denied);
  EXPECT_TRUE(go_on()) << "until it is seen again";
}

// By `docker compose create`, or an `up` that was broken off.
TEST_F(ComposeDriver, LeavesAloneWhatSomebodyElseHasMadeLongAgoAndNotStarted) {
  api.set_replicas(3);
  api.change([](State& host) {
    host.containers[2].state = "created";
    host.containers[2].age_seconds = 601;
  });
  ASSERT_EQ(observe()->desired, 2);
  ASSERT_EQ(observe()->hold, "");
  ASSERT_TRUE(scale(4));
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(),
            (Texts{"shop-web-1", "shop-web-2", "shop-web-3", "shop-web-4", "shop-web-5"}));
  EXPECT_EQ(api.look([](const State& host) { return host.containers[2].state; }), "created");
  EXPECT_EQ(removals(), Texts{});
}

TEST_F(ComposeDriver, CopiesNothingThatWasNeverStarted) {
  leave_half_made();
  api.change([](State& host) {
    for (auto* each : {&host.containers[0], &host.containers[1]}) each->state = "exited";
  });
  ASSERT_TRUE(scale(3));
  EXPECT_EQ(api.replicas(), 4);
  EXPECT_EQ(api.cut_off(), Texts{});
  api.change([](State& host) {
    for (auto& each : host.containers) {
      each.state = "created";
      each.age_seconds = 601;
    }
  });
  EXPECT_PRED2(contains, scale(1).error().message, "no container to copy");
}

// --- while Compose makes containers anew

TEST_F(ComposeDriver, HoldsWhileAContainerOfComposeIsMadeAndNotStarted) {
  begin_to_make_anew();
  auto seen = observe().value();
  EXPECT_EQ(seen.hold,
            "the container aaaaaaaaaaa1_shop-web-1 is made and not started, as while `docker "
            "compose up` is under way; where none is: docker rm aaaaaaaaaaa1_shop-web-1 "
            "aaaaaaaaaaa2_shop-web-2 && docker compose --project-name shop up --detach --scale "
            "web=2 web, or wait until it is 10 minutes old");
  EXPECT_TRUE(seen.updating);
  EXPECT_EQ(seen.desired, 2) << "what takes another's place is asked for with it";
  EXPECT_EQ(seen.current, 2);
  EXPECT_EQ(seen.replicas.size(), 2U);
  api.change([](State& host) {  // the old ones are gone, and of the new ones one runs
    host.containers.erase(host.containers.begin(), host.containers.begin() + 2);
    for (auto& each : host.containers) each.name = "shop-web-" + std::to_string(each.number);
    host.containers[0].state = "running";
  });
  seen = observe().value();
  EXPECT_PRED2(starts_with, seen.hold, "the container shop-web-2 is made");
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(seen.current, 1);
  EXPECT_EQ(seen.ready, 1);
  api.change([](State& host) { host.containers[1].state = "running"; });
  seen = observe().value();
  EXPECT_EQ(seen.hold, "");
  EXPECT_FALSE(seen.updating);
  EXPECT_EQ(seen.desired, 2);
}

TEST_F(ComposeDriver, WritesNoCountWhileComposeMakesContainersAnew) {
  begin_to_make_anew();
  for (const int desired : {1, 3}) {
    const auto refused = scale(desired);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    EXPECT_PRED2(starts_with, refused.error().message,
                 "the service web takes no count now: the container aaaaaaaaaaa1_shop-web-1 is");
  }
  EXPECT_TRUE(scale(2)) << "there are as many";
  EXPECT_EQ(api.replicas(), 4);
}

TEST_F(ComposeDriver, FindsNothingWrongWhileNoneHasBeenStartedYet) {
  begin_to_make_anew();
  api.change([](State& host) {
    host.containers.erase(host.containers.begin(), host.containers.begin() + 2);
  });
  EXPECT_EQ(sentences(preflight().wrong), Texts{});
}

TEST_F(ComposeDriver, HoldsWhileContainersOfTwoVersionsAreFresh) {
  make_third_of("5c1f", 599);
  const auto seen = observe().value();
  EXPECT_EQ(seen.hold,
            "there are containers of two versions, as while `docker compose up` is under way: "
            "shop-web-1, shop-web-2 are older than shop-web-3; where none is: docker compose "
            "--project-name shop up --detach --scale web=3 web, or wait until shop-web-3 is 10 "
            "minutes old");
  EXPECT_EQ(scale(4).error().code, Errc::conflict);
  EXPECT_EQ(api.replicas(), 3);
}

// 1.29 calls a container so that has ended, and only then makes the one that takes its place.
TEST_F(ComposeDriver, HoldsWhileOneThatHasEndedMakesWay) {
  api.change([](State& host) {
    auto& first = host.containers[0];
    first.name = "0123456789ab_shop-web-1";
    first.state = "exited";
    for (auto& each : host.containers) each.age_seconds = 599;
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.hold,
            "the container 0123456789ab_shop-web-1 has ended and makes way for another, as "
            "while `docker compose up` is under way; where none is: docker compose --project-name "
            "shop up "
            "--detach --scale web=2 web, or wait until 0123456789ab_shop-web-1 is 10 minutes old");
  EXPECT_EQ(seen.desired, 2);
  EXPECT_EQ(scale(3).error().code, Errc::conflict);
  EXPECT_EQ(api.replicas(), 2);
  api.change([](State& host) { host.containers[0].state = "running"; });
  EXPECT_EQ(observe()->hold, "")
      << "version 2 leaves such a name after an `up` that was broken off";
  api.change([](State& host) {
    host.containers[0].state = "exited";
    for (auto& each : host.containers) each.age_seconds = 601;
  });
  EXPECT_EQ(observe()->hold, "");
}

TEST_F(ComposeDriver, CopiesTheNewerOfTwoVersionsThatStay) {
  make_third_of("5c1f", 601);
  api.change([](State& host) {
    auto &first = host.containers[0], &third = host.containers[2];
    std::swap(first.number, third.number);
    std::swap(first.name, third.name);
  });
  EXPECT_EQ(observe()->hold, "");
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(label_of_last("config-hash"), "5c1f") << "not the highest number's";
}

TEST_F(ComposeDriver, CopiesNoOlderVersionWhereTheNewerDoesNotRun) {
  make_third_of("5c1f", 601);
  api.change([](State& host) { host.containers[2].state = "restarting"; });
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(label_of_last("config-hash"), "5c1f");
}

TEST_F(ComposeDriver, TakesNoCopyForTheNewestVersion) {
  make_third_of("5c1f", 700);
  api.change([](State& host) {
    auto copy = host.containers[0];
    host.containers.erase(host.containers.begin());
    copy.age_seconds = 5;
    copy.made_of = {{"Labels", host.config["Labels"]}};
    copy.made_of["Labels"]["selfscale.copy"] = "true";
    copy.number = 4;
    copy.name = "shop-web-4";
    for (auto& each : host.containers) each.age_seconds += 100;
    host.containers.push_back(std::move(copy));
  });
  EXPECT_EQ(observe()->hold, "");
  ASSERT_TRUE(scale(4));
  EXPECT_EQ(label_of_last("config-hash"), "5c1f");
}

// The same file, and an image that was built anew.
TEST_F(ComposeDriver, KnowsAVersionByItsImageToo) {
  api.set_replicas(3);
  api.change([](State& host) {
    host.containers[2].image_digest = "sha256:77";
    host.containers[2].age_seconds = 30;
  });
  EXPECT_PRED2(contains, observe()->hold, "containers of two versions");
}

TEST_F(ComposeDriver, SaysThatTwoVersionsStayAndWhatMakesThemAlike) {
  make_third_of("5c1f", 601);
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Texts{});
  ASSERT_EQ(found.warnings.size(), 2U);
  EXPECT_EQ(found.warnings[0].what,
            "the service web has containers of two versions: shop-web-1, shop-web-2 are older than "
            "shop-web-3");
  EXPECT_PRED2(contains, found.warnings[0].why, "new ones are copies of what was started last");
  EXPECT_EQ(found.warnings[0].paste,
            "docker compose --project-name shop up --detach --scale web=3 web");
}

// The old ones were told to stop, or serve on; the new ones were never started.
TEST_F(ComposeDriver, GoesOnWithWhatWasStartedAfterAnUpThatWasBrokenOff) {
  begin_to_make_anew();
  api.change([](State& host) {
    for (auto& each : host.containers) each.age_seconds += 601;
  });
  const auto seen = observe().value();
  EXPECT_EQ(seen.hold, "");
  EXPECT_EQ(seen.desired, 2);
  const auto warnings = preflight().warnings;
  ASSERT_EQ(warnings.size(), 2U);
  EXPECT_PRED2(contains, warnings[0].what,
               "shop-web-1, shop-web-2 are older than aaaaaaaaaaa1_shop-web-1");
  EXPECT_EQ(warnings[0].paste,
            "docker rm aaaaaaaaaaa1_shop-web-1 aaaaaaaaaaa2_shop-web-2 && docker compose "
            "--project-name shop up --detach --scale web=2 web")
      << "with these names left `up` fails to make the old ones anew";
  ASSERT_TRUE(scale(3));
  EXPECT_EQ(label_of_last("config-hash"), "29db");
}

TEST_F(ComposeDriver, HoldsNothingByWhatIsOnItsWayOutOrItsOwn) {
  leave_half_made();
  EXPECT_EQ(observe()->hold, "");
  EXPECT_EQ(sentences(preflight().warnings).size(), 1U);
  make_third_of("5c1f", 5);
  api.change([](State& host) { host.containers[2].name += ".leaving-aaaaaaaaaaa4"; });
  EXPECT_EQ(observe()->hold, "");
}

TEST_F(ComposeDriver, SeesOffWhoIsOnTheirWayBeforeAnotherMayLead) {
  api.set_replicas(3);
  std::promise<void> work;
  scale_during(work);
  EXPECT_EQ(api.replicas(), 3) << "they take their time";
  boost::asio::post(io, [&work] { work.set_value(); });  // while it waits
  ASSERT_TRUE(run(io, driver->release()));
  EXPECT_EQ(api.replicas(), 1);
}

TEST_F(ComposeDriver, SaysWhatTheEngineRefusesAndCountsThemAgain) {
  api.set_replicas(3);
  for (const auto* part : {"/rename", "/stop"}) {
    api.answer_with(part, 403, R"({"message":"not through this proxy"})");
    const auto refused = scale(2);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::denied);
    EXPECT_PRED2(contains, refused.error().message, "403: not through this proxy");
    EXPECT_EQ(observe()->desired, 3);
    EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2", "shop-web-3"}));
  }
}

TEST_F(ComposeDriver, CountsNobodyAgainWhoHasStoppedAndMayNotBeRemoved) {
  api.set_replicas(3);
  api.answer_with("?v=true", 403, R"({"message":"not through this proxy"})");
  EXPECT_EQ(scale(2).error().code, Errc::denied);
  EXPECT_EQ(observe()->desired, 2);
  EXPECT_TRUE(scale(2)) << "the next step is not answerable for it";
  EXPECT_EQ(go_on().error().code, Errc::denied);
  api.set_intercept({});
  ASSERT_TRUE(observe());
  ASSERT_TRUE(go_on());
  EXPECT_EQ(api.names(), (Texts{"shop-web-1", "shop-web-2"}));
}

TEST_F(ComposeDriver, KeepsAtLeastOneToCopy) {
  const auto refused = scale(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::failed);
  EXPECT_EQ(driver->capabilities().minimum, 1);
  EXPECT_EQ(api.replicas(), 2);
}

std::vector<Container> three() {
  std::vector<Container> all;
  for (int number = 1; number <= 3; ++number) {
    const auto digit = std::to_string(number);
    all.push_back({std::string(64, digit[0]), "web-" + digit, number, "running", "Up", {}});
  }
  return all;
}

TEST(ComposeChoice, IsItselfOnlyWhereNobodyElseIsLeft) {
  const auto own = std::string(64, '3');
  const auto numbers = [](const std::vector<Container>& all) {
    std::vector<int> found;
    for (const auto& each : all) found.push_back(each.number);
    return found;
  };
  EXPECT_EQ(numbers(chosen(three(), {"web-3", "web-1"}, own, 2)), (std::vector{1, 2}));
  EXPECT_EQ(numbers(chosen(three(), {"web-3", "web-1"}, own, 3)), (std::vector{1, 2, 3}));
  EXPECT_EQ(numbers(chosen(three(), {}, "", 1)), (std::vector{3}));
  auto all = three();
  all[2].state = "exited";
  EXPECT_EQ(numbers(chosen(all, {}, "", 1)), (std::vector{3}));
}

TEST(ComposeChoice, KnowsItsOwnContainerByTheFileOverItsHostName) {
  const auto id = std::string(64, 'a');
  const auto line = "612 599 8:1 /var/lib/docker/containers/" + id +
                    "/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n";
  EXPECT_EQ(own_container("1 2 8:1 / / rw - ext4 x rw\n" + line), id);
  EXPECT_EQ(own_container("1 2 8:1 / / rw - ext4 x rw\n"), "");
  EXPECT_EQ(own_container("9 2 0:3 / /var/lib/docker/containers/" + id + "/mounts/shm rw\n"), "")
      << "the host sees the mounts of all";
  EXPECT_EQ(own_container("6 5 8:1 /containers/short/hostname /etc/hostname rw\n"), "");
}

// --- how long work takes, and how long a container has to end

TEST_F(ComposeDriver, WarnsOfWorkThatIsLongerThanTheGracePeriod) {
  const LongestWork work{"job_time", 41.2};
  EXPECT_FALSE(driver->cut_off_by_fewer(work)) << "nobody has looked yet";
  ASSERT_EQ(sentences(preflight().wrong), Texts{});
  const auto warning = driver->cut_off_by_fewer(work);
  ASSERT_TRUE(warning);
  EXPECT_EQ(
      warning->what,
      "a piece of work takes up to 41.2 s (recorded in job_time); and a container that is to "
      "go is killed 10 s (the Engine's own, as the service has no stop_grace_period) after it "
      "was told to end");
  EXPECT_EQ(warning->paste,
            "\"gracePeriodSeconds\": 42   # in the policy's platform; or stop_grace_period of the "
            "service in Compose's file");
  EXPECT_FALSE(driver->cut_off_by_fewer(LongestWork{"job_time", 10.0}));
  EXPECT_FALSE(driver->cut_off_by_fewer(std::nullopt));
  EXPECT_FALSE(driver->against_fewer(work)) << "nothing is refused";
  EXPECT_TRUE(scale(1));
}

TEST_F(ComposeDriver, GoesByTheGracePeriodOfThePolicyThenByTheContainers) {
  const auto killed_after = [this](double work) {
    EXPECT_EQ(sentences(preflight().wrong), Texts{});
    const auto warning = driver->cut_off_by_fewer(LongestWork{"job_time", work});
    return warning ? warning->what.substr(warning->what.find("killed")) : "";
  };
  api.change([](State& host) { host.config["StopTimeout"] = 30; });
  EXPECT_EQ(killed_after(30.0), "");
  EXPECT_EQ(killed_after(31.0),
            "killed 30 s (the service's stop_grace_period) after it was told to end");
  restart({{"gracePeriodSeconds", 5}});
  EXPECT_EQ(killed_after(6.0), "killed 5 s (platform.gracePeriodSeconds) after it was told to end");
  restart();
  api.change([](State& host) { host.config["StopTimeout"] = -1; });
  EXPECT_EQ(killed_after(1e6), "") << "the Engine waits for ever";
}

// --- answers of another shape

TEST_F(ComposeDriver, UnderstandsNoAnswerOfAnotherShape) {
  for (const auto* body : {"", "{}", "null", "[7]", "[{}]", "<html>", R"([{"Id":"short"}])",
                           R"([{"Id":"aaaaaaaaaaaaaaaa","Names":[]}])"}) {
    SCOPED_TRACE(body);
    api.answer_with("/containers/json", 200, body);
    const auto seen = observe();
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, Errc::malformed);
    EXPECT_PRED2(starts_with, seen.error().message, "GET /containers/json: the Engine's answer");
    api.answer_with("0/json", 200, body);
    EXPECT_EQ(scale(3).error().code, Errc::malformed);
  }
  EXPECT_EQ(api.replicas(), 2);
}

TEST_F(ComposeDriver, WarnsThatTheFilePutsItsNumberBack) {
  const auto found = preflight();
  EXPECT_EQ(sentences(found.wrong), Texts{});
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_PRED2(contains, found.warnings[0].what, "docker compose up puts back");
}

}  // namespace
}  // namespace selfscale::drivers::compose
