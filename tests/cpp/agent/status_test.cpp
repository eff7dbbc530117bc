// What status shows.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <limits>
#include <selfscale/doctor.hpp>
#include <thread>

#include "agent/agent_fixture.hpp"
#include "drivers/local/protocol.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {
namespace {

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

}  // namespace
}  // namespace selfscale::agent
