#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <future>
#include <limits>
#include <selfscale/decide.hpp>
#include <selfscale/doctor.hpp>
#include <set>

#include "agent/agent_fixture.hpp"
#include "drivers/local/protocol.hpp"
#include "journal/journal.hpp"
#include "segment/segment.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

int count_threads() {
  int threads = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator{"/proc/self/task"}) {
    ++threads;
  }
  return threads;
}

/// The parent of `selfscale run` as this process sees it, on a host that has something to say.
class NotedSupervisor {
 public:
  explicit NotedSupervisor(std::string note) : note_{std::move(note)} {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    ::setenv("SELFSCALE_SUPERVISOR_FD", std::to_string(ends_[0]).c_str(), 1);
    thread_ = std::thread{[this] { answer(); }};
  }
  NotedSupervisor(const NotedSupervisor&) = delete;
  ~NotedSupervisor() {
    ::unsetenv("SELFSCALE_SUPERVISOR_FD");
    ::shutdown(ends_[0], SHUT_RDWR);
    thread_.join();
    for (const int end : ends_) ::close(end);
  }
  [[nodiscard]] int answers() const { return answers_; }

 private:
  void answer() {
    namespace local = drivers::local;
    std::string received;
    std::array<char, 4096> piece{};
    for (auto size = ::read(ends_[1], piece.data(), piece.size()); size > 0;
         size = ::read(ends_[1], piece.data(), piece.size())) {
      received.append(piece.data(), static_cast<std::size_t>(size));
      for (auto end = received.find('\n'); end != std::string::npos; end = received.find('\n')) {
        const auto request = local::parse_request(received.substr(0, end));
        received.erase(0, end + 1);
        local::Report report{1, "0", 5, "", note_, {}, {}};
        const auto line = local::write_line(local::Answer{request.value().id, report}) + "\n";
        if (::write(ends_[1], line.data(), line.size()) < 0) return;
        ++answers_;
      }
    }
  }

  std::string note_;
  std::array<int, 2> ends_{-1, -1};
  std::atomic<int> answers_{0};
  std::thread thread_;
};

TEST_F(AgentTest, MakingOneStartsNothing) {
  const int before = count_threads();
  Agent agent{options()};
  agent.counter("orders").inc();
  EXPECT_EQ(count_threads(), before);
  EXPECT_FALSE(agent.is_running());
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/run"));
}

TEST_F(AgentTest, RecommendsWithoutADriver) {
  Agent agent{options()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto said = *recommendation(agent);
  EXPECT_EQ(said["mayAct"], false);
  EXPECT_EQ(said["because"], "not_enabled");
  EXPECT_GE(said["age"].get<double>(), 0.0);
  EXPECT_EQ(said["replicas"]["current"], 1);
  EXPECT_NE(said["decision"]["recommendation"]["reason"].get<std::string>().find("depth"),
            std::string::npos);
  EXPECT_EQ(status(agent)["role"], "recommender");
}

TEST_F(AgentTest, ApartAndWithoutADriverItInventsNoCount) {
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  auto given = options(policy);
  given.environment["SELFSCALE_APART"] = "true";
  Lines lines;
  given.log = lines.sink();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_TRUE((*recommendation(agent))["replicas"]["current"].is_null());
  const auto seen = status(agent)["services"][0];
  for (const auto* key : {"currentReplicas", "desiredReplicas", "recommendedReplicas"}) {
    EXPECT_TRUE(seen[key].is_null()) << key;
  }
  EXPECT_EQ(seen["action"], "none");
  EXPECT_TRUE(contains(seen["error"].get<std::string>(), "is not known"));
  EXPECT_TRUE(contains(status(agent)["degraded"].dump(), "Name the platform in the policy"));
  EXPECT_FALSE(contains(agent.exposition().body, "kind=\"recommended\""));
  EXPECT_TRUE(
      eventually([&] { return lines.with("how many replicas there are is not known") == 1; }));
  EXPECT_EQ(lines.with("recommends backend"), 0);

  auto inside = options(policy);
  inside.environment["SELFSCALE_INSTANCE"] = "b";
  inside.environment["SELFSCALE_LEADS"] = "none";
  Agent replica{inside};
  replica.start();
  EXPECT_TRUE(eventually([&] { return status(agent)["services"][0]["currentReplicas"] == 1; }));
  EXPECT_TRUE(eventually([&] { return recommended(agent) == 2; }));
}

TEST_F(AgentTest, WhatIsOnlyRecommendedIsJournalledToo) {
  Agent agent{options()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto id = (*recommendation(agent))["decisionId"].get<std::string>();
  agent.stop();
  const auto journal = journal::open_sqlite(directory.path() + "/state");
  const auto record = json::parse(journal->decision(id).value().json);
  EXPECT_EQ(record["mayAct"], false);
  EXPECT_EQ(record["because"], "not_enabled");
  EXPECT_FALSE(journal->evaluations("backend", Instant{}, Instant::max()).value().empty());
}

TEST_F(AgentTest, RecommendsByAPresetWithoutAnyPolicy) {
  auto given = options();
  given.policies_text.clear();
  given.environment["HOME"] = directory.path();
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto seen = status(agent);
  EXPECT_NE(seen["policies"]["origin"].get<std::string>().find("balanced"), std::string::npos);
  EXPECT_FALSE(seen["services"][0]["leftOut"].empty()) << "nobody records in_flight here";
  EXPECT_PRED2(
      ends_with, seen["services"][0]["reason"].get<std::string>(),
      "the minimum of 2; the bounds are those of the preset balanced, as there is no policy "
      "file: name one in SELFSCALE_POLICIES");
}

TEST_F(AgentTest, BoundsThatAPolicyChoseAreNobodyElses) {
  auto policy = depth_policy();
  policy["minReplicas"] = 2;
  Agent agent{options(policy)};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_PRED2(ends_with, status(agent)["services"][0]["reason"].get<std::string>(),
               "the minimum of 2");
}

TEST_F(AgentTest, StatusShowsWhatIsMeasuredThoughNoPolicyNamesIt) {
  auto given = options();
  given.policies_text.clear();
  given.environment["HOME"] = directory.path();
  Agent agent{given};
  auto requests = agent.counter("requests_total");
  agent.start();
  const auto reading = [&agent](const std::string& name) -> json {
    const auto seen = status(agent);
    for (const auto& each : seen["readings"]) {
      if (each["name"] == name) return each;
    }
    return json{{"value", nullptr}};
  };
  ASSERT_TRUE(eventually([&] {
    requests.inc();
    return !reading("requests_per_second")["value"].is_null() &&
           !reading("cpu_usage")["value"].is_null();
  })) << status(agent)["readings"].dump(1);
  const auto rate = reading("requests_per_second");
  EXPECT_GT(rate["value"].get<double>(), 0.0);
  EXPECT_EQ(rate["instance"], "a");
  EXPECT_EQ(rate["unit"], "requests per second");
  EXPECT_EQ(rate["missing"], nullptr);
  EXPECT_EQ(reading("error_rate")["instance"], nullptr) << "of the service";
  EXPECT_FALSE(reading("response_time_p95").contains("name")) << "nobody records it here";
}

TEST_F(AgentTest, StatusSaysWhyAReadingThatThePolicyAsksForIsNotThere) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return !status(agent)["readings"].empty(); }));
  const auto depth = status(agent)["readings"][0];
  EXPECT_EQ(depth["name"], "depth");
  EXPECT_EQ(depth["value"], nullptr);
  EXPECT_EQ(depth["missing"], "nobody has recorded depth");
}

TEST_F(AgentTest, ScalesUpAndDownOnceEnabled) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas >= 3; }));
  depth.set(0);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  const auto has_ended = [](const ScalingEvent& event) {
    return event.outcome == Outcome::succeeded;
  };
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return events.size() >= 4 && std::all_of(events.begin(), events.end(), has_ended);
  }));
  for (const auto& event : agent.history("backend")) {
    EXPECT_EQ(event.trigger, Trigger::policy);
    EXPECT_TRUE(event.accepted_at && event.duration);
    EXPECT_FALSE(event.decision.empty());
    EXPECT_NE(event.reason.find("depth"), std::string::npos);
    EXPECT_LE(event.to_replicas, 5);
  }
  EXPECT_EQ(status(agent)["role"], "leader");
}

TEST_F(AgentTest, ScalesWithTheDriverOfMemory) {
  auto given = options();
  given.driver_name = "memory";
  given.enable = true;
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(agent);
    return said && (*said)["replicas"]["current"] == 5;
  }));
}

TEST_F(AgentTest, NeverActsUntilAPersonSaysSo) {
  auto given = options();
  given.driver = platform.driver();
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ(platform.writes, 0);
  EXPECT_EQ((*recommendation(agent))["because"], "not_enabled");
  agent.enable();
  ASSERT_TRUE(
      eventually([&] { return (*recommendation(agent))["because"] == "policy_not_enabled"; }));
  EXPECT_EQ(platform.writes, 0);
  agent.enable("backend");
  ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
  agent.disable("backend", "someone");
  ASSERT_TRUE(eventually([&] { return (*recommendation(agent))["mayAct"] == false; }));
  EXPECT_EQ((*recommendation(agent))["enabledBy"], "someone");
}

TEST_F(AgentTest, AWordGivenWithTheStartIsGoneWithTheAgent) {
  {
    Agent agent{enabled()};
    agent.gauge("depth").set(50);
    agent.start();
    ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
    ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
    EXPECT_EQ((*recommendation(agent))["enabledBy"], "test");
  }
  auto given = enabled();
  given.enable = false;
  platform.replicas = 1;
  const int writes = platform.writes;
  Agent next{given};
  next.gauge("depth").set(50);
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(next);  // at first that of the agent before
    return said && (*said)["because"] == "not_enabled" && recommended(next) > 1;
  }));
  EXPECT_EQ(platform.writes, writes);
}

TEST_F(AgentTest, AWordGivenWithTheStartHoldsAgainstEarlierWordsOnly) {
  Agent agent{enabled()};
  agent.start();
  const auto may_act = [&] {
    const auto said = recommendation(agent);
    return said && (*said)["mayAct"] == true;
  };
  ASSERT_TRUE(eventually(may_act));
  agent.disable();
  ASSERT_TRUE(eventually([&] { return !may_act(); }));
  agent.stop();
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_EQ((*recommendation(agent))["because"], "not_enabled");
  agent.stop();
  agent.configure(enabled());  // said anew, and later
  agent.start();
  EXPECT_TRUE(eventually(may_act));
}

TEST_F(AgentTest, ADryRunWritesNothing) {
  auto given = enabled();
  given.environment["AUTOSCALING_DRY_RUN"] = "true";
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ((*recommendation(agent))["because"], "dry_run");
  agent.scale("backend", 4);
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  EXPECT_EQ(agent.history("backend")[0].outcome, Outcome::failed);
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(AgentTest, APauseHoldsUntilResumed) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(5);
  agent.start();
  agent.pause("backend");
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(agent);
    return said && (*said)["because"] == "paused";
  }));
  depth.set(50);
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ(platform.writes, 0);
  agent.resume("backend");
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; }));
}

TEST_F(AgentTest, AScaleThatThrowsIsAFailedEvent) {
  platform.throws = true;
  Agent agent{enabled()};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::failed;
  }));
  const auto failed = agent.history("backend")[0];
  EXPECT_NE(failed.error.find("quota exceeded"), std::string::npos);
  EXPECT_FALSE(failed.accepted_at);
  platform.throws = false;
  EXPECT_TRUE(eventually([&] { return platform.replicas > 1; })) << "tried again after a while";
}

TEST_F(AgentTest, WhatPreflightFindsWrongEndsTheCandidacy) {
  std::atomic<bool> has_token{false};
  auto given = enabled();
  given.driver.preflight = [&has_token] {
    return has_token ? std::vector<Finding>{} : std::vector<Finding>{"no token"};
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  EXPECT_EQ((*recommendation(agent))["because"], "not_candidate");
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::parse(R"(["no token"])"));
  EXPECT_EQ(status(agent)["role"], "recommender");
  EXPECT_EQ(platform.writes, 0);
  has_token = true;
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; })) << "it is asked again";
}

/// Looks twice: before it leads, and once a replica serves.
TEST_F(AgentTest, ALookThatFailsForAPassingReasonEndsNoLeader) {
  std::atomic<int> looks{0};
  auto given = enabled();
  given.driver.preflight = [&looks]() -> Preflight {
    if (++looks > 1) throw DriverError{Errc::throttled, "429"};
    return {};
  };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return looks > 1; }));
  const auto decided = recommendation(agent);
  ASSERT_TRUE(eventually([&] { return recommendation(agent) != decided; })) << "evaluated again";
  EXPECT_EQ(status(agent)["role"], "leader");
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::array());
}

TEST_F(AgentTest, ALookThatFailsForGoodEndsTheLeader) {
  std::atomic<int> looks{0};
  auto given = enabled();
  given.driver.preflight = [&looks]() -> Preflight {
    if (++looks > 1) throw DriverError{Errc::denied, "403"};
    return {};
  };
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return looks > 1; }));
  EXPECT_TRUE(eventually([&] { return status(agent)["role"] != "leader"; }));
}

TEST_F(AgentTest, WhatPreflightWarnsOfIsSaidAndForbidsNothing) {
  std::mutex mutex;
  std::vector<std::string> lines;
  auto given = enabled();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock{mutex};
    lines.emplace_back(line);
  };
  given.driver.preflight = [] { return Preflight{{}, {"each replica pulls 2 GB"}}; };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.writes > 0; }));
  EXPECT_EQ(status(agent)["preflight"]["warnings"], json::parse(R"(["each replica pulls 2 GB"])"));
  EXPECT_EQ(status(agent)["preflight"]["wrong"], json::array());
  agent.stop();
  EXPECT_EQ(std::ranges::count(lines, "each replica pulls 2 GB"), 1) << "once, not at every look";
}

TEST_F(AgentTest, AForeignChangeIsAdopted) {
  Agent agent{enabled()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  platform.replicas = 4;
  ASSERT_TRUE(eventually([&] { return !agent.history("backend").empty(); }));
  const auto event = agent.history("backend")[0];
  EXPECT_EQ(event.trigger, Trigger::foreign);
  EXPECT_EQ(event.outcome, Outcome::adopted);
  EXPECT_EQ(event.from_replicas, 1);
  EXPECT_EQ(event.to_replicas, 4);
}

TEST_F(AgentTest, AManualOrderIsCarriedOutOnce) {
  Agent agent{enabled()};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 1; }));
  EXPECT_EQ(agent.scale("backend", 3).serial, 1);
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  EXPECT_EQ(agent.history("backend")[0].trigger, Trigger::manual);
  EXPECT_EQ(platform.replicas, 3);
  const auto order = agent.scale("backend", 99);
  EXPECT_EQ(order.serial, 2);
  EXPECT_EQ(order.replicas, 5) << "it says what is aimed for";
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; })) << "within the policy's bounds";
  EXPECT_EQ(platform.writes, 2);
}

TEST_F(AgentTest, AScheduleMovesTheCountAndBoundsManualOrders) {
  auto policy = depth_policy();
  policy["schedules"] = {{{"cron", "* * * * *"}, {"minReplicas", 2}, {"maxReplicas", 3}}};
  Agent agent{enabled(policy)};
  agent.gauge("depth").set(5);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto events = agent.history("backend");
    return !events.empty() && events[0].outcome == Outcome::succeeded;
  }));
  const auto event = agent.history("backend")[0];
  EXPECT_EQ(event.trigger, Trigger::schedule);
  EXPECT_EQ(event.to_replicas, 2);
  EXPECT_EQ(event.reason, "the schedule \"schedule 1\" asks for at least 2");
  EXPECT_EQ(agent.scale("backend", 99).replicas, 3);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 3; }));
}

TEST_F(AgentTest, AnUnknownServiceIsRefused) {
  Agent agent{enabled()};
  agent.start();
  try {
    agent.enable("nobody");
    FAIL() << "it was taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::not_found);
  }
  EXPECT_FALSE(agent.recommendation_json("nobody"));
}

TEST_F(AgentTest, SubscribersHearOfDecisionsAndEvents) {
  std::mutex mutex;
  std::vector<json> heard;
  Agent agent{enabled()};
  agent.subscribe([](std::string_view) { throw std::runtime_error{"no"}; });
  agent.subscribe([&](std::string_view text) {
    const std::lock_guard lock{mutex};
    heard.push_back(json::parse(text));
  });
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return std::any_of(heard.begin(), heard.end(),
                       [](const json& one) { return one.value("outcome", "") == "succeeded"; });
  }));
  EXPECT_TRUE(agent.is_running());
  EXPECT_GT(status(agent)["calls"]["failed"].get<int>(), 0);
  agent.stop();
  EXPECT_TRUE(heard[0].contains("recommendation"));
}

TEST_F(AgentTest, StopsWhileACallbackHangs) {
  const auto entered = std::make_shared<std::promise<void>>();
  const auto release = std::make_shared<std::promise<void>>();
  const auto left = std::make_shared<std::promise<void>>();
  auto given = enabled();
  given.driver.observe = {};
  given.driver.scale = [entered, left, gate = release->get_future().share()](int) {
    entered->set_value();
    gate.wait();
    left->set_value();
  };
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_EQ(entered->get_future().wait_for(deadline), std::future_status::ready);
  agent.stop();
  EXPECT_FALSE(agent.is_running());
  release->set_value();
  EXPECT_EQ(left->get_future().wait_for(deadline), std::future_status::ready);
}

struct Reach {
  const char* name;
  std::optional<int> least;
  std::optional<int> most;
  int minimum;  ///< of the driver
  int replicas;
  double depth;
  int reached;
  const char* words;
};
class WithinReach : public AgentTest, public testing::WithParamInterface<Reach> {};

TEST_P(WithinReach, IsAskedForAndWhatLiesBeyondIsSaid) {
  const auto& row = GetParam();
  platform.replicas = row.replicas;
  auto policy = depth_policy();
  policy["scaleUpBy"] = 4;
  policy["scaleDownBy"] = 4;
  auto given = enabled(policy);
  given.driver.capabilities.minimum = row.minimum;
  given.driver.observe = [this, &row] {
    const int count = platform.replicas;
    ReplicaCounts seen{count, count, count};
    seen.least = row.least;
    seen.most = row.most;
    return seen;
  };
  Agent agent{given};
  agent.gauge("depth").set(row.depth);
  agent.start();
  EXPECT_TRUE(eventually([&] {
    return platform.replicas == row.reached &&
           contains(status(agent)["degraded"].dump(), row.words);
  })) << status(agent).dump(1);
  EXPECT_EQ(platform.writes, row.reached == row.replicas ? 0 : 1);
  const auto events = agent.history("backend");
  EXPECT_EQ(events.size(), row.reached == row.replicas ? 0U : 1U) << "nothing failed";
  for (const auto& event : events) EXPECT_PRED2(contains, event.reason, row.words);
  agent.gauge("depth").set(5);
  EXPECT_TRUE(eventually([&] { return status(agent)["degraded"].empty(); })) << "nothing is wanted";
}

INSTANTIATE_TEST_SUITE_P(
    Of, WithinReach,
    testing::Values(
        Reach{"APlatformThatTakesThree",
              {},
              3,
              0,
              2,
              50,
              3,
              "takes 3 at most, fewer than are wanted"},
        Reach{
            "APlatformThatHasThree", {}, 3, 0, 3, 50, 3, "takes 3 at most, fewer than are wanted"},
        Reach{"APlatformThatKeepsTwo", 2, {}, 0, 2, 0, 2, "takes 2 at least, more than are wanted"},
        Reach{"ADriverWhoseLeastIsTwo",
              {},
              {},
              2,
              4,
              0,
              2,
              "takes 2 at least, more than are wanted"}),
    [](const auto& each) { return each.param.name; });

TEST_F(AgentTest, StartsAndStopsAgainAndAgain) {
  Agent agent{enabled()};
  const auto orders = agent.counter("orders");
  agent.start();  // a sanitizer's own thread begins with the first of ours
  agent.stop();
  const int before = count_threads();
  for (int i = 0; i < 5; ++i) {
    orders.inc();
    agent.start();
    agent.start();
    orders.inc();
    ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
    agent.stop();
    agent.stop();
    EXPECT_FALSE(agent.recommendation_json("backend"));
  }
  // The kernel takes a thread out of /proc shortly after it was joined.
  EXPECT_TRUE(eventually([&] { return count_threads() <= before; }))
      << count_threads() << " threads, before: " << before;
}

TEST_F(AgentTest, WhatIsRecordedBeforeTheStartCounts) {
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  orders.inc(2);
  agent.start();
  orders.inc();
  std::uint64_t count = 0;
  for (const auto& metric : json::parse(agent.metrics_json())) {
    if (metric["name"] == "orders") count = metric["count"];
  }
  EXPECT_EQ(count, 3U);
}

TEST_F(AgentTest, OptionsCannotChangeWhileItRuns) {
  Agent agent{options()};
  agent.start();
  EXPECT_THROW(agent.configure(options()), Error);
  agent.stop();
  agent.configure(enabled());
  agent.gauge("depth").set(50);
  agent.start();
  EXPECT_TRUE(eventually([&] { return platform.writes > 0; }));
}

TEST_F(AgentTest, AWrongPolicyIsRefusedAtTheStart) {
  auto given = options();
  given.policies_text = R"({"policies": 7})";
  Agent agent{given};
  EXPECT_THROW(agent.start(), PolicyError);
  EXPECT_FALSE(agent.is_running());
}

TEST_F(AgentTest, AServiceWhoseNameCouldBeNoFilesIsRefusedWithoutAPolicyToo) {
  auto given = options();
  given.policies_text.clear();
  given.environment["HOME"] = directory.path();
  given.service = "a/b";  // files and sockets are named after services
  Agent agent{given};
  EXPECT_THROW(agent.start(), PolicyError);
}

TEST_F(AgentTest, APolicyFileMadeWrongKeepsTheLastGoodOne) {
  const auto path = directory.path() + "/policies.json";
  const auto write = [&path](const std::string& text) {
    std::ofstream{path + ".new"} << text;
    std::filesystem::rename(path + ".new", path);
  };
  auto policy = depth_policy();
  write(policy.dump());
  auto given = options();
  given.policies_text.clear();
  given.policies = path;
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) == 2; }));

  write(R"({"policies": [{"service": "backend", "maxReplicas": 0, "rulez": []}]})");
  ASSERT_TRUE(eventually([&] { return !status(agent)["policies"]["problems"].empty(); }));
  EXPECT_EQ(recommended(agent), 2) << "the policies of before stay in force";
  EXPECT_GE(status(agent)["policies"]["problems"].size(), 2U) << "every mistake is listed";

  policy["minReplicas"] = 4;
  write(policy.dump(2));
  EXPECT_TRUE(eventually([&] { return recommended(agent) >= 4; }));
  EXPECT_TRUE(status(agent)["policies"]["problems"].empty());
}

TEST_F(AgentTest, OfTwoAgentsOneLeadsAndTheOtherReadsIt) {
  Platform others;
  auto second_options = enabled();
  second_options.driver = others.driver();
  second_options.environment["SELFSCALE_INSTANCE"] = "b";
  Agent first{enabled()};
  Agent second{second_options};
  first.start();
  ASSERT_TRUE(eventually([&] { return status(first)["role"] == "leader"; }));
  second.start();
  ASSERT_TRUE(eventually([&] { return recommendation(second).has_value(); }));
  EXPECT_EQ(status(second)["role"], "follower");
  EXPECT_EQ(status(second)["instances"].size(), 2U);
  first.stop();
  ASSERT_TRUE(eventually([&] { return status(second)["role"] == "leader"; }));
  second.gauge("depth").set(50);
  EXPECT_TRUE(eventually([&] { return others.writes > 0; }));
}

TEST_F(AgentTest, AJournalledDecisionIsReplayedBitForBit) {
  Agent agent{enabled()};
  const auto depth = agent.gauge("depth");
  depth.set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return platform.replicas == 5; }));
  depth.set(0);
  ASSERT_TRUE(eventually([&] { return platform.replicas == 1; }));
  agent.stop();

  const auto journal = journal::open_sqlite(directory.path() + "/state");
  const auto records = journal->decisions("backend", 1'000).value();
  ASSERT_GE(records.size(), 8U);
  for (const auto& record : records) {
    const auto written = nlohmann::ordered_json::parse(record.json);
    const auto policy = load_policies(journal->policy(record.policy_hash).value()).policies.front();
    EXPECT_EQ(policy.hash(), record.policy_hash);
    const auto snapshot = snapshot_from_json(policy, written["snapshot"].dump());
    auto state = state_from_json(policy, written["stateBefore"].dump());
    const auto again = decide(policy, snapshot, state);
    EXPECT_NE(record.json.find("\"decision\":" + to_json(policy, again)), std::string::npos)
        << record.json;
    EXPECT_EQ(written["mayAct"], true);
    EXPECT_EQ(written["id"], record.id);
  }
}

TEST_F(AgentTest, AWorkerIsToldToGoThroughItsSlot) {
  auto given = options();
  given.environment["SELFSCALE_SUPERVISED"] = "1";
  Agent agent{given};
  agent.start();
  EXPECT_FALSE(agent.is_draining());
  pollfd told{agent.drain_descriptor(), POLLIN, 0};
  ASSERT_GE(told.fd, 0);
  EXPECT_EQ(::poll(&told, 1, 0), 0);
  auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  EXPECT_EQ((*segment)->mark_draining("a"), 1);
  EXPECT_EQ(::poll(&told, 1, 20'000), 1);
  EXPECT_TRUE(agent.is_draining());
}

TEST_F(AgentTest, AnUnsupervisedProcessHasNothingToDrain) {
  Agent agent{options()};
  agent.start();
  EXPECT_EQ(agent.drain_descriptor(), -1);
  EXPECT_FALSE(agent.is_draining());
}

TEST_F(AgentTest, ReadinessIsReportedAtOnce) {
  Agent agent{options()};
  agent.start();
  agent.report_ready();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  EXPECT_TRUE(eventually([&] {
    const auto slots = (*segment)->slots();
    return slots.size() == 1 && slots[0].standing.readiness == segment::Readiness::ready;
  }));
}

TEST_F(AgentTest, ThatReadinessFollowsIsSaidFromTheFirstReportOn) {
  Agent agent{options()};
  agent.report_ready(false);
  agent.report_drains();
  agent.start();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  const auto slots = (*segment)->slots();
  ASSERT_EQ(slots.size(), 1U);
  EXPECT_EQ(slots[0].standing, (segment::Standing{segment::Readiness::follows, true}));
  EXPECT_FALSE(slots[0].is_ready());
  agent.report_ready();
  EXPECT_TRUE(eventually([&] { return (*segment)->slots()[0].is_ready(); }));
}

TEST_F(AgentTest, AProcessWithoutASlotCountsForItselfUntilOneIsFree) {
  std::vector<std::unique_ptr<segment::Segment>> others;
  for (int number = 0; number < segment::slot_count; ++number) {
    auto other = segment::Segment::open(
        {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
    ASSERT_TRUE(other);
    ASSERT_TRUE((*other)->claim("b", ""));
    others.push_back(std::move(*other));
  }
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  agent.start();
  const auto is_unseen = [&] {
    return contains(status(agent)["degraded"].dump(), "others do not see this process");
  };
  EXPECT_TRUE(is_unseen());

  std::atomic<bool> is_over{false};
  std::uint64_t counted = 0;
  std::thread counting{[&] {
    for (; !is_over; ++counted) orders.inc();
  }};
  others.back()->release();
  EXPECT_TRUE(eventually([&] { return !is_unseen(); }));
  is_over = true;
  counting.join();
  EXPECT_TRUE(eventually([&] {
    std::uint64_t seen = 0;
    for (const auto& process : others.front()->read().processes) {
      for (const auto& entry : process.entries) seen += entry.name == "orders" ? entry.count : 0;
    }
    return seen == counted;
  })) << "what came while it moved is fetched afterwards";
}

TEST_F(AgentTest, AnUnwritableDirectoryDegradesAndItRecommendsAllTheSame) {
  std::ofstream{directory.path() + "/file"} << "not a directory";
  auto given = enabled();
  given.environment["SELFSCALE_RUN_DIR"] = directory.path() + "/file";
  given.environment["SELFSCALE_STATE_DIR"] = directory.path() + "/file";
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  Lines lines;
  given.log = lines.sink();
  Agent agent{given};
  agent.gauge("depth").set(50);
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommended(agent) > 1; }));
  const auto said = status(agent);
  for (const auto& sentence : said["degraded"]) {
    EXPECT_PRED2(contains, sentence.get<std::string>(), "SELFSCALE_") << "it says what to do";
  }
  EXPECT_PRED2(contains, said["degraded"].dump(), "in SELFSCALE_RUN_DIR");
  EXPECT_PRED2(contains, said["journal"]["degraded"].get<std::string>(), "in SELFSCALE_STATE_DIR");
  ASSERT_TRUE(eventually([&] { return lines.with("in SELFSCALE_STATE_DIR") > 0; }));
  const auto now = (*recommendation(agent))["at"].get<double>();
  ASSERT_TRUE(eventually([&] { return (*recommendation(agent))["at"].get<double>() > now; }));
  EXPECT_EQ(lines.with("in SELFSCALE_STATE_DIR"), 1);
  EXPECT_EQ((*recommendation(agent))["mayAct"], false);
  EXPECT_EQ(platform.writes, 0);
}

TEST_F(AgentTest, ADriverThatCannotWorkHereLeavesWhatReportsToBeCounted) {
  auto policy = depth_policy();
  policy["platform"]["driver"] = "local";
  policy["minReplicas"] = 2;
  Agent agent{options(policy)};
  agent.start();
  ASSERT_TRUE(eventually([&] { return !status(agent)["services"].empty(); }));
  const auto service = status(agent)["services"][0];
  EXPECT_EQ(service["currentReplicas"], 1);
  EXPECT_EQ(service["recommendedReplicas"], 2);
  EXPECT_EQ(service["mayAct"], false);
}

TEST_F(AgentTest, WhatThePlatformHasToSayIsLoggedOnceAndStandsInTheStatus) {
  NotedSupervisor supervisor{"this host has no CPU left"};
  Lines lines;
  auto policy = depth_policy();
  policy["platform"]["driver"] = "local";
  auto given = options(policy);
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.log = lines.sink();
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(
      eventually([&] { return lines.with("no CPU left") > 0 && supervisor.answers() > 5; }));
  ASSERT_TRUE(eventually([&] { return !status(agent)["services"].empty(); }));
  EXPECT_EQ(status(agent)["services"][0]["note"], "this host has no CPU left");
  agent.stop();
  EXPECT_EQ(lines.with("no CPU left"), 1);
}

TEST_F(AgentTest, WhatTheAgentCostsIsAmongTheMetrics) {
  Agent agent{options()};
  agent.start();
  const auto segment = segment::Segment::open(
      {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
  ASSERT_TRUE(segment);
  const auto gauge = [&](std::string_view name) {
    for (const auto& process : (*segment)->read().processes) {
      for (const auto& entry : process.entries) {
        if (entry.name == name) return entry.value;
      }
    }
    return 0.0;
  };
  EXPECT_TRUE(eventually([&] { return gauge("agent_cpu_seconds") > 0.0; }));
  EXPECT_TRUE(eventually([&] { return gauge("agent_process_resident_bytes") > 1e6; }));
}

TEST_F(AgentTest, ExposesWhatItRecordedWhetherItRunsOrNot) {
  Agent agent{options()};
  agent.counter("orders").inc(3);
  EXPECT_TRUE(contains(agent.exposition().body, "\norders_total 3\n"));
  agent.start();
  EXPECT_TRUE(contains(agent.exposition().body, "\norders_total 3\n"));
  agent.stop();
  agent.counter("orders").inc(1);
  const auto exposition = agent.exposition("application/openmetrics-text");
  EXPECT_TRUE(contains(exposition.content_type, "application/openmetrics-text; version=1.0.0"));
  EXPECT_TRUE(contains(exposition.body, "\norders_total 4\n"));
}

/// The value of a series without labels.
double exposed(const std::string& text, const std::string& series) {
  const auto line = text.find("\n" + series + " ");
  if (line == std::string::npos) return std::numeric_limits<double>::quiet_NaN();
  return std::stod(text.substr(line + series.size() + 2));
}

TEST_F(AgentTest, ExposesItsLastWordAndWhatItCosts) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto text = agent.exposition().body;
  EXPECT_TRUE(contains(text, "\nselfscale_replicas{kind=\"recommended\",service=\"backend\"} "));
  EXPECT_TRUE(contains(text, "\nselfscale_paused{service=\"backend\"} 0\n"));
  EXPECT_GT(exposed(text, "process_cpu_seconds_total"), 0.0);
  EXPECT_GT(exposed(text, "selfscale_agent_cpu_seconds_total"), 0.0);
  EXPECT_TRUE(contains(text, "\nprocess_resident_memory_bytes "));
}

TEST_F(AgentTest, TheHostsAvailableMemoryIsInTheSnapshot) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto id = (*recommendation(agent))["decisionId"].get<std::string>();
  agent.stop();
  const auto journal = journal::read_sqlite(directory.path() + "/state");
  ASSERT_TRUE(journal);
  const auto decision = (*journal)->decision(id);
  ASSERT_TRUE(decision);
  const auto shared = json::parse(decision->json)["snapshot"]["shared"];
  EXPECT_GT(shared["availableMemoryMb"].get<double>(), 0.0) << shared;
}

TEST_F(AgentTest, RefusedReadingsAreCountedInTheStatus) {
  Agent agent{options()};
  agent.start();
  const auto depth = agent.gauge("depth");
  depth.set(7);
  EXPECT_EQ(status(agent)["refused"], 0);
  depth.set(std::numeric_limits<double>::quiet_NaN());
  depth.set(std::numeric_limits<double>::infinity());
  agent.distribution("took").observe(-1.0);
  EXPECT_EQ(status(agent)["refused"], 3);
}

TEST_F(AgentTest, AReadingThatIsNegativeWhenItIsSampledIsCountedAsRefused) {
  Agent agent{options()};
  const auto depth = agent.gauge("depth");
  depth.dec();
  agent.start();
  EXPECT_TRUE(eventually([&] { return status(agent)["refused"] > 0; }));
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto proposals = (*recommendation(agent))["decision"]["recommendation"]["proposals"];
  EXPECT_EQ(proposals[0]["code"], "data_refused");
}

TEST_F(AgentTest, WhatPeopleTellItIsLoggedWithWhoSaidIt) {
  Lines lines;
  auto given = enabled();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  given.log = lines.sink();
  Agent agent{given};
  agent.start();
  agent.disable({}, "Ada");
  agent.enable("backend", "Ada");
  agent.pause("backend");
  agent.resume("backend");
  agent.scale("backend", 99);
  for (const auto* const line :
       {"the global switch is off, by Ada", "the switch of backend is on, by Ada",
        "backend is paused until it is resumed, by the app", "backend is resumed, by the app",
        "backend: 5 replicas are ordered, by the app"}) {
    EXPECT_TRUE(eventually([&] { return lines.with(line) == 1; })) << line;
  }
}

TEST_F(AgentTest, AStartSaidAgainstAWordThatIsKeptIsWarnedOf) {
  constexpr auto warning = "AUTOSCALING_ENABLED=false (option) has no effect";
  auto given = options();
  given.driver = platform.driver();
  const auto warns = [&](int times) {
    Lines lines;
    auto logged = given;
    logged.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
    logged.log = lines.sink();
    Agent agent{logged};
    agent.start();
    EXPECT_TRUE(eventually([&] { return !status(agent)["switches"].empty(); }));
    EXPECT_TRUE(eventually([&] { return lines.with(warning) == times; }));
    agent.stop();
    return lines.with(warning) == times;
  };
  given.environment["AUTOSCALING_ENABLED"] = "false";
  EXPECT_TRUE(warns(0)) << "nobody has spoken";
  {
    Agent before{given};
    before.start();
    before.enable({}, "Ada");
    before.stop();
  }
  EXPECT_TRUE(warns(1));
  given.environment.erase("AUTOSCALING_ENABLED");
  EXPECT_TRUE(warns(0)) << "nobody said anything against it";
  given.environment["AUTOSCALING_ENABLED"] = "true";
  EXPECT_TRUE(warns(0));
}

TEST_F(AgentTest, APlatformThatAsksToBeLeftAloneIsAndStatusSaysUntilWhen) {
  std::atomic<int> looks{0};
  auto given = options();
  given.driver = platform.driver();
  given.driver.observe = [&]() -> ReplicaCounts {
    ++looks;
    throw RetryAfter{Errc::throttled, "slow down", std::chrono::hours{1}};
  };
  Agent agent{given};
  agent.start();
  const auto services = [&] { return status(agent)["services"]; };
  ASSERT_TRUE(eventually([&] { return !services().empty() && !services()[0]["wait"].is_null(); }));
  const auto service = services()[0];
  EXPECT_EQ(service["wait"]["code"], "throttled");
  EXPECT_TRUE(contains(service["wait"]["because"].get<std::string>(), "slow down"));
  EXPECT_GT(service["wait"]["until"], service["lastEvaluation"].get<double>() + 3000.0);
  EXPECT_EQ(looks, 1);
}

TEST_F(AgentTest, AnOwnDriverIsKnownByTheNameThatItWasGiven) {
  auto given = enabled();
  given.driver.name = "racks";
  Agent agent{given};
  agent.start();
  EXPECT_EQ(status(agent)["driver"], "racks");
  EXPECT_EQ(examine(given).driver, "racks");
}

TEST_F(AgentTest, LinesGoToTheUsersSink) {
  std::mutex mutex;
  std::vector<std::string> lines;
  auto given = options();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  given.log = [&](LogLevel, std::string_view line) {
    const std::lock_guard lock{mutex};
    lines.emplace_back(line);
  };
  given.environment["AUTOSCALING_ENABLED"] = "true";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock{mutex};
    return !lines.empty();
  }));
  agent.stop();
  EXPECT_NE(lines[0].find("policy_not_enabled"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("start with --enable"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("the policy's own \"enabled\""), std::string::npos) << lines[0];
}

TEST_F(AgentTest, AMisspeltSettingIsLoggedOnceAndStandsInTheStatus) {
  auto given = options();
  Lines lines;
  given.log = lines.sink();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "warning";
  given.environment["SELFSCALE_FLET"] = "single";
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return lines.with("did you mean SELFSCALE_FLEET?") > 0; }));
  ASSERT_TRUE(eventually([&] { return !status(agent)["services"].empty(); }));
  EXPECT_PRED2(contains, status(agent)["degraded"].dump(), "SELFSCALE_FLET is set (option)");
  EXPECT_EQ(lines.with("SELFSCALE_FLET "), 1);
}

TEST_F(AgentTest, StatusShowsTheHostsCpuAndEachInstancesFilesAndThreads) {
  Agent agent{options()};
  agent.start();
  ASSERT_TRUE(eventually([&] {
    const auto seen = status(agent);
    return !seen["instances"].empty() && seen["host"]["cpuUsage"].is_number();
  }));
  const auto before = status(agent)["instances"][0];
  EXPECT_GE(before["threads"].get<int>(), 2) << "this one and the agent's";
  const int files = before["openFiles"].get<int>();
  const std::array<int, 2> opened{::dup(0), ::dup(0)};
  EXPECT_TRUE(eventually(
      [&] { return status(agent)["instances"][0]["openFiles"].get<int>() == files + 2; }));
  for (const int file : opened) ::close(file);
}

TEST_F(AgentTest, APolicyCanScaleByFilesThreadsAndTheHostsCpu) {
  for (const char* measured : {"open_files", "threads", "host_cpu_usage"}) {
    auto policy = depth_policy();
    policy["metrics"] = {{{"name", measured}, {"window", "1s"}}};
    policy["scaleDown"] = "never";
    policy["rules"] = {
        {{"name", "only"}, {"type", "threshold"}, {"metric", measured}, {"scaleUp", 0.001}}};
    Agent agent{options(policy)};
    agent.start();
    EXPECT_TRUE(eventually([&] { return recommended(agent) > 1; })) << measured;
  }
}

}  // namespace
}  // namespace selfscale::agent
