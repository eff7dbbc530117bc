// Agents with the driver `ecs` in a task, before a server that plays Amazon ECS and the endpoint of
// the task's own protection.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>

#include "agent/agent_fixture.hpp"
#include "agent/candidacy.hpp"
#include "agent/clock.hpp"
#include "fleet/redis_server.hpp"
#include "http/loopback_server.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {
namespace {

/// Two tasks, of which the own one can be protected.
class PlayedEcs {
 public:
  [[nodiscard]] std::string url() const { return server_.url(); }
  /// What the task told of itself: "on", "off".
  std::vector<std::string> told() {
    const std::lock_guard guard{mutex_};
    return told_;
  }
  void begin_deployment() {
    const std::lock_guard guard{mutex_};
    is_updating_ = true;
  }
  void refuse() {
    const std::lock_guard guard{mutex_};
    refuses_ = true;
  }

 private:
  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    const std::lock_guard guard{mutex_};
    if (request->target() == "/api/own/task-protection/v1/state") {
      answer_own_task(peer, *request);
    } else {
      const auto target = request->header("X-Amz-Target");
      peer.answer(200, said(target.substr(target.find('.') + 1)).dump());
    }
  }

  void answer_own_task(http::Peer& peer, const http::Received& request) {
    if (request.method() == "PUT") {
      if (refuses_) {
        return peer.answer(400, R"({"error": {"Arn": "arn", "Code": "AccessDeniedException",
            "Message": "not authorized to perform: ecs:UpdateTaskProtection on resource: y"}})");
      }
      is_on_ = json::parse(request.body).at("ProtectionEnabled");
      told_.emplace_back(is_on_ ? "on" : "off");
    }
    json shown{{"ProtectionEnabled", is_on_}, {"TaskArn", arn("a")}, {"ExpirationDate", nullptr}};
    if (is_on_) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      shown["ExpirationDate"] =
          std::chrono::duration_cast<std::chrono::seconds>(now).count() + 30 * 60;
    }
    peer.answer(200, json{{"protection", shown}}.dump());
  }

  static std::string arn(const std::string& id) {
    return "arn:aws:ecs:eu-west-1:1:task/prod/" + id;
  }
  json said(const std::string& operation) const {
    if (operation == "DescribeServices") {
      auto deployments = json::array({{{"id", "ecs-svc/1"}, {"status", "PRIMARY"}}});
      if (is_updating_) deployments.push_back({{"id", "ecs-svc/0"}, {"status", "ACTIVE"}});
      return {{"services",
               {{{"serviceArn", "arn:aws:ecs:eu-west-1:1:service/prod/web"},
                 {"status", "ACTIVE"},
                 {"desiredCount", 2},
                 {"runningCount", 2},
                 {"pendingCount", 0},
                 {"schedulingStrategy", "REPLICA"},
                 {"deployments", deployments}}}}};
    }
    if (operation == "ListTasks") return {{"taskArns", {arn("a"), arn("b")}}};
    if (operation == "DescribeScalableTargets") return {{"ScalableTargets", json::array()}};
    if (operation == "GetTaskProtection") return {{"protectedTasks", json::array()}};
    json tasks = json::array();
    for (const auto* id : {"a", "b"}) {
      tasks.push_back({{"taskArn", arn(id)}, {"lastStatus", "RUNNING"}});
    }
    return {{"tasks", tasks}};
  }

  std::mutex mutex_;
  bool is_on_ = false;
  bool refuses_ = false;
  bool is_updating_ = false;
  std::vector<std::string> told_;
  http::LoopbackServer server_{[this](http::Peer& peer) { serve(peer); }};
};

/// Of the same task. It is forked while there is one thread: beside one that is in a sanitizer's
/// allocator just then it could wait for ever.
class AnotherProcess {
 public:
  explicit AnotherProcess(const std::string& run_directory) {
    if (::pipe(order_) != 0) throw std::runtime_error{"no pipe"};
    pid_ = ::fork();
    if (pid_ == 0) report(run_directory);
  }
  AnotherProcess(const AnotherProcess&) = delete;
  AnotherProcess& operator=(const AnotherProcess&) = delete;
  ~AnotherProcess() {
    end();
    for (const int descriptor : order_) ::close(descriptor);
  }

  /// In a slot before that of an agent that starts later.
  void begin(bool can_tell) const {
    const char word = can_tell ? 'y' : 'n';
    EXPECT_EQ(::write(order_[1], &word, 1), 1);
  }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  [[noreturn]] void report(const std::string& run_directory) const {
    char word = 0;
    if (::read(order_[0], &word, 1) != 1) ::_exit(1);
    const auto segment = segment::Segment::open(
        {.service = "backend", .release = "", .run_directory = run_directory});
    if (!segment || !(*segment)->claim("a", "")) ::_exit(1);
    Candidacy its;
    its.process = "host/1";
    its.role = "follower";
    its.can_tell_of_work = word == 'y';
    for (;;) {
      (*segment)->heartbeat(boot_milliseconds(), {});
      (*segment)->tell(to_json(its));
      std::this_thread::sleep_for(std::chrono::milliseconds{200});
    }
  }

  int order_[2] = {};
  pid_t pid_ = 0;
};

class AgentInATask : public AgentTest {
 protected:
  AgentInATask() {
    ::setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    ::setenv("ECS_AGENT_URI", (ecs.url() + "/api/own").c_str(), 1);
  }
  ~AgentInATask() override {
    for (const auto* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ECS_AGENT_URI"}) {
      ::unsetenv(name);
    }
  }
  AgentOptions on_ecs() {
    auto policy = depth_policy();
    policy["minReplicas"] = 2;
    policy["platform"] = {{"driver", "ecs"},
                          {"cluster", "prod"},
                          {"service", "web"},
                          {"region", "eu-west-1"},
                          {"endpoint", ecs.url()}};
    auto made = options(policy);
    made.environment["SELFSCALE_FLEET"] = "single";
    return made;
  }
  AgentOptions allowed() {
    auto made = on_ecs();
    made.enable = true;
    made.enabled_by = "test";
    return made;
  }
  /// Long enough for work to be told of.
  static bool works_on(const Agent& agent) {
    const double then = status(agent)["uptime"];
    return eventually([&] { return status(agent)["uptime"] > then + 7.0; });
  }

  void begin_another_before(bool can_tell) const {
    other.begin(can_tell);
    ASSERT_TRUE(eventually([&] {
      const auto segment = segment::Segment::open(
          {.service = "backend", .release = "", .run_directory = directory.path() + "/run"});
      return segment && (*segment)->slots().size() == 1;
    }));
  }

  AnotherProcess other{directory.path() + "/run"};  // before the thread that plays ECS
  PlayedEcs ecs;
};

using Told = std::vector<std::string>;

TEST_F(AgentInATask, TellsOfJobsThatLastAndOfTheirEnd) {
  Agent agent{allowed()};
  agent.gauge("in_flight").set(5);
  agent.start();
  ASSERT_TRUE(works_on(agent));
  EXPECT_EQ(ecs.told(), Told{}) << "where there is load, some requests are always in hand";
  const auto jobs = agent.gauge("busy_workers");
  jobs.set(1);
  ASSERT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(agent).dump(1);
  jobs.set(0);
  EXPECT_TRUE(eventually([&] { return ecs.told() == (Told{"on", "off"}); }));
}

TEST_F(AgentInATask, TellsNothingBeforeAPersonAllowsIt) {
  fleet::RedisServer redis;
  auto given = on_ecs();
  given.environment["SELFSCALE_FLEET"] = redis.url();
  Agent agent{given};
  agent.gauge("busy_workers").set(1);
  agent.start();
  ASSERT_TRUE(works_on(agent));
  EXPECT_EQ(ecs.told(), Told{});
  agent.enable();
  agent.enable("backend");
  EXPECT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(agent).dump(1);
}

TEST_F(AgentInATask, TellsItWhereAnotherOneLeads) {
  fleet::RedisServer redis;
  Directory elsewhere;
  auto leading = allowed();
  leading.environment["SELFSCALE_FLEET"] = redis.url();
  auto following = leading;
  following.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  following.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  following.environment["SELFSCALE_INSTANCE"] = "b";
  following.enable = false;
  Agent leader{leading};
  leader.start();
  ASSERT_TRUE(eventually([&] { return status(leader)["role"] == "leader"; }));
  leader.enable();
  leader.enable("backend");
  Agent follower{following};
  follower.gauge("busy_workers").set(1);
  follower.start();
  EXPECT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(follower).dump(1);
  EXPECT_EQ(status(follower)["role"], "follower");
}

TEST_F(AgentInATask, OfTheProcessesOfOneTaskTheFirstTells) {
  begin_another_before(/*can_tell=*/true);
  Agent agent{allowed()};
  agent.gauge("busy_workers").set(1);
  agent.start();
  EXPECT_TRUE(works_on(agent));
  EXPECT_EQ(ecs.told(), Told{});
  other.end();
  EXPECT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(agent).dump(1);
}

TEST_F(AgentInATask, AProcessThatCannotTellSilencesNoOther) {
  begin_another_before(/*can_tell=*/false);
  Agent agent{allowed()};
  agent.gauge("busy_workers").set(1);
  agent.start();
  EXPECT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(agent).dump(1);
}

TEST_F(AgentInATask, WhatAProcessLeftProtectedTheNextOneSeesTo) {
  {
    Agent agent{allowed()};
    agent.gauge("busy_workers").set(1);
    agent.start();
    ASSERT_TRUE(eventually([&] { return ecs.told() == Told{"on"}; })) << status(agent).dump(1);
  }
  Agent next{allowed()};
  next.gauge("busy_workers").set(1);
  next.start();
  ASSERT_TRUE(works_on(next));
  EXPECT_EQ(ecs.told(), Told{"on"}) << "a job in hand stays protected from one to the next";
  next.gauge("busy_workers").set(0);
  EXPECT_TRUE(eventually([&] { return ecs.told() == (Told{"on", "off"}); }));
}

TEST_F(AgentInATask, ADeploymentDoesNotWaitForATaskThatNeverLeads) {
  fleet::RedisServer redis;
  Directory elsewhere;
  auto leading = allowed();
  leading.environment["SELFSCALE_FLEET"] = redis.url();
  auto following = leading;
  following.environment["SELFSCALE_RUN_DIR"] = elsewhere.path() + "/run";
  following.environment["SELFSCALE_STATE_DIR"] = elsewhere.path() + "/state";
  following.environment["SELFSCALE_INSTANCE"] = "b";
  following.environment["SELFSCALE_LEADS"] = "none";
  following.enable = false;
  Agent leader{leading};
  leader.start();
  ASSERT_TRUE(eventually([&] { return status(leader)["role"] == "leader"; }));
  leader.enable();
  leader.enable("backend");
  ecs.begin_deployment();
  Agent follower{following};
  follower.gauge("busy_workers").set(1);
  follower.start();
  EXPECT_TRUE(works_on(follower));
  EXPECT_EQ(ecs.told(), Told{});
}

TEST_F(AgentInATask, SaysOnceWhatIsRefused) {
  ecs.refuse();
  Lines lines;
  auto given = allowed();
  given.log = lines.sink();
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  Agent agent{given};
  agent.gauge("busy_workers").set(1);
  agent.start();
  const auto* words = "this replica cannot keep the platform from ending it while it works: ";
  ASSERT_TRUE(eventually([&] { return lines.with(words) > 0; })) << status(agent).dump(1);
  ASSERT_TRUE(works_on(agent));
  EXPECT_EQ(lines.with(words), 1);
  EXPECT_EQ(ecs.told(), Told{});
  EXPECT_TRUE(contains(status(agent)["degraded"].dump(), "ecs:UpdateTaskProtection"));
}

}  // namespace
}  // namespace selfscale::agent
