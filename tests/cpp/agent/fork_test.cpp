#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "agent/agent_fixture.hpp"
#include "segment/segment.hpp"

namespace selfscale::agent {
namespace {

std::uint64_t counted(const Agent& agent, std::string_view name) {
  for (const auto& metric : json::parse(agent.metrics_json())) {
    if (metric["name"] == name) return metric["count"];
  }
  return 0;
}

/// Runs in a child; the exit code says which condition failed first, 0: none.
template <class Work>
int in_child(Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);  // a hung child must not outlive the test
    ::_exit(work());
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(AgentTest, AForkedChildCountsFromZeroAndTheParentGoesOn) {
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  agent.start();
  orders.inc(7);
  // A fork amid a thread's own start is not ours to mend.
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const auto before_the_fork = recommendation(agent);
  const int code = in_child([&] {
    if (agent.is_running()) return 1;
    orders.inc();
    return counted(agent, "orders") == 1 ? 0 : 2;
  });
  EXPECT_EQ(code, 0);
  EXPECT_TRUE(agent.is_running());
  EXPECT_EQ(counted(agent, "orders"), 7U);
  EXPECT_TRUE(eventually([&] { return recommendation(agent) != before_the_fork; }));
}

TEST_F(AgentTest, AForkedChildCanStartAnew) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer ends a child that starts threads (\"dup thread with used "
                  "id\"): it takes the parent's for living there. A child that became another "
                  "program would show nothing of this one; the other presets run this";
#endif
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  agent.start();
  orders.inc(7);
  // A fork amid a thread's own start is not ours to mend.
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  const int code = in_child([&] {
    orders.inc();
    agent.ensure_started();
    if (!agent.is_running()) return 3;
    if (counted(agent, "orders") != 1) return 4;
    if (!eventually([&] { return recommendation(agent).has_value(); })) return 5;
    if (status(agent)["process"].get<std::string>().find(std::to_string(::getpid())) ==
        std::string::npos) {
      return 6;
    }
    agent.stop();
    return 0;
  });
  EXPECT_EQ(code, 0);
}

TEST_F(AgentTest, AChildThatNeverStartsItEndsQuietly) {
  Agent agent{enabled()};
  agent.subscribe([](std::string_view) {});
  agent.start();
  ASSERT_TRUE(eventually([&] { return recommendation(agent).has_value(); }));
  EXPECT_EQ(in_child([&] {
              agent.stop();
              return agent.is_running() ? 1 : 0;
            }),
            0);
  EXPECT_TRUE(agent.is_running());
}

TEST_F(AgentTest, ForksOfAnAgentThatDoesNotRunCountFromZero) {
  Agent agent{options()};
  const auto orders = agent.counter("orders");
  orders.inc(3);
  EXPECT_EQ(in_child([&] {
              orders.inc();
              return static_cast<int>(counted(agent, "orders"));
            }),
            1);
  EXPECT_EQ(counted(agent, "orders"), 3U);
}

/// Of all processes of the service, those that have ended too.
std::uint64_t counted_by_all(const std::string& run_directory, std::string_view name) {
  const auto segment =
      segment::Segment::open({.service = "backend", .release = "", .run_directory = run_directory});
  if (!segment) return 0;
  const auto contents = (*segment)->read();
  std::uint64_t count = 0;
  const auto add = [&](const std::vector<metrics::Entry>& entries) {
    for (const auto& entry : entries) count += entry.name == name ? entry.count : 0;
  };
  add(contents.retired);
  for (const auto& process : contents.processes) add(process.entries);
  return count;
}

TEST_F(AgentTest, ManyForksUnderLoadNeitherHangNorLoseACount) {
  constexpr int forks = 200;
  Agent agent{enabled()};
  const auto orders = agent.counter("orders");
  agent.start();
  std::atomic<bool> begun{false};
  std::atomic<bool> done{false};
  std::uint64_t recorded = 0;
  std::thread load{[&] {
    while (!done) {
      orders.inc();
      ++recorded;
      begun = true;
    }
  }};
  while (!begun) std::this_thread::yield();
  std::uint64_t recorded_by_children = 0;
  for (int i = 0; i < forks; ++i) {
    const auto own = static_cast<std::uint64_t>(1 + i % 7);
    const int code = in_child([&] {
      orders.inc(own);
      return counted(agent, "orders") == own ? 0 : 1;
    });
    EXPECT_EQ(code, 0);
    recorded_by_children += own;
  }
  done = true;
  load.join();
  EXPECT_EQ(counted(agent, "orders"), recorded);
  EXPECT_EQ(counted_by_all(directory.path() + "/run", "orders"), recorded + recorded_by_children);
  EXPECT_TRUE(agent.is_running());
}

/// Replicas that two processes see.
struct SharedPlatform {
  SharedPlatform()
      : replicas{*new (::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<int>{1}} {}
  SharedPlatform(const SharedPlatform&) = delete;
  ~SharedPlatform() { ::munmap(&replicas, sizeof replicas); }

  CallbackDriver driver() {
    CallbackDriver made;
    made.capabilities.scope = Capabilities::Scope::host;
    made.scale = [this](int count) { replicas = count; };
    made.observe = [this] {
      const int count = replicas;
      return ReplicaCounts{count, count, count};
    };
    return made;
  }
  std::atomic<int>& replicas;
};

TEST_F(AgentTest, TheNextLeaderTakesUpTheStateOfOneThatWasKilled) {
  SharedPlatform shared;
  auto policy = depth_policy();
  policy["behavior"]["scaleUp"]["cooldown"] = "1h";
  auto given = enabled(policy);
  given.driver = shared.driver();

  const pid_t leader = ::fork();
  if (leader == 0) {
    ::alarm(60);
    Agent agent{given};
    agent.gauge("depth").set(50);
    agent.start();
    for (;;) ::pause();
  }
  Lines lines;
  given.environment["AUTOSCALING_LOG_LEVEL"] = "info";
  given.log = lines.sink();
  Agent next{given};
  next.gauge("depth").set(50);
  ASSERT_TRUE(eventually([&] { return shared.replicas == 2; })) << "the first leader scaled once";
  next.start();
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(next);
    return said && (*said)["decision"]["heldBy"] == "cooldown";
  })) << "the first leader has said that it is held, after its write";
  EXPECT_EQ(status(next)["role"], "follower");
  EXPECT_TRUE(status(next)["leader"].get<std::string>().ends_with("/" + std::to_string(leader)));
  EXPECT_TRUE(eventually([&] { return lines.with("another agent, ") == 1; }))
      << "though many evaluations have passed";
  ::kill(leader, SIGKILL);
  ::waitpid(leader, nullptr, 0);
  ASSERT_TRUE(eventually([&] { return status(next)["role"] == "leader"; }));
  ASSERT_TRUE(eventually([&] {
    const auto said = recommendation(next);
    return said && (*said)["decision"]["recommendation"]["recommendedReplicas"] == 2 &&
           (*said)["decision"]["heldBy"] == "cooldown";
  })) << "the cooldown of the first leader's step holds the second";
  EXPECT_EQ(shared.replicas, 2);
}

}  // namespace
}  // namespace selfscale::agent
