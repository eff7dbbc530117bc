#include "agent/sampler.hpp"

#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

namespace selfscale::agent {
namespace {

using namespace std::chrono_literals;

/// A worker without an agent: a process that waits for its child, which burns CPU.
class Wrapped {
 public:
  Wrapped() : pid_{::fork()} {
    if (pid_ != 0) return;
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < 2; ++i) {
      if (::fork() == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (std::atomic<unsigned> turns{0};;) ++turns;
      }
    }
    if (::fork() == 0) ::_exit(0);  // nobody waits for it
    for (;;) ::pause();
  }
  Wrapped(const Wrapped&) = delete;
  ~Wrapped() {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] drivers::Replica replica() const {
    drivers::Replica made;
    made.instance = "web-1-1";
    made.ready = true;
    made.pid = pid_;
    return made;
  }

 private:
  pid_t pid_;
};

MetricSpec cpu_usage() {
  MetricSpec spec;
  spec.metric = "cpu_usage";
  spec.window = std::chrono::seconds{2};
  return spec;
}

TEST(Sampler, TheHostsCpuIsKnownFromTheSecondLookOn) {
  const Wrapped burns;
  Sampler sampler;
  sampler.sample(Instant{}, nullptr, {}, "web-1-1", {});
  EXPECT_FALSE(sampler.host_cpu_percent());
  // The kernel's clock ticks every few milliseconds; two processes burn meanwhile.
  Tick tick;
  for (Instant at{}; sampler.host_cpu_percent().value_or(0.0) == 0.0;) {
    at += 1s;
    tick = sampler.sample(at, nullptr, {}, "web-1-1", {});
  }
  EXPECT_EQ(tick.host.cpu_percent, sampler.host_cpu_percent());
  EXPECT_GT(*sampler.host_cpu_percent(), 0.0);
  EXPECT_LE(*sampler.host_cpu_percent(), 100.0);
}

TEST(Sampler, TheHostIsLookedAtTenTimesASecondAtMost) {
  const Wrapped burns;
  Sampler sampler;
  const auto look = [&sampler](Duration at) {
    return sampler.sample(Instant{} + at, nullptr, {}, "web-1-1", {}).host.cpu_percent;
  };
  for (Duration at{0}; at < 100ms; at += 1ms) EXPECT_FALSE(look(at));
  Duration at{100};
  while (!look(at)) at += 100ms;
}

TEST(Sampler, OfAWorkerThatReportsNothingTheWholeTreeIsCountedOnOneCoreForEachLeaf) {
  const Wrapped worker;
  Sampler sampler;
  Readings readings{/*share_host=*/true};
  readings.watch({cpu_usage()});
  const std::vector<drivers::Replica> replicas{worker.replica()};
  const auto begin = std::chrono::steady_clock::now();
  auto now = [&begin] {
    return Instant{} +
           std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begin);
  };
  auto usage = [&] { return readings.read(cpu_usage(), "web-1-1", now()); };
  const auto is_counted = [&] { return usage().value > 5.0 && usage().capacity == 2.0; };
  const auto deadline = begin + std::chrono::seconds{20};
  while (std::chrono::steady_clock::now() < deadline && !is_counted()) {
    readings.feed(sampler.sample(now(), nullptr, {}, "agent", replicas));
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  EXPECT_FALSE(usage().is_missing());
  EXPECT_GT(usage().value, 5.0) << "the process that was started does nothing but wait";
  EXPECT_EQ(usage().capacity, 2.0) << "the dead one takes no part";
}

/// A child whose /proc hides the processes of others, and who is nobody.
bool hide_others() {
  constexpr uid_t nobody = 65534;
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("proc", "/proc", "proc", 0, "hidepid=2") == 0 && ::setgroups(0, nullptr) == 0 &&
         ::setgid(nobody) == 0 && ::setuid(nobody) == 0;
}

TEST(Sampler, WhatProcHidesIsNotCountedAsNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount a /proc that hides processes";
  const Wrapped worker;  // root's
  const pid_t child = ::fork();
  if (child == 0) {
    if (!hide_others()) ::_exit(2);
    Sampler sampler;
    Readings readings{/*share_host=*/true};
    readings.watch({cpu_usage()});
    const std::span<const std::byte> no_metrics;
    Tick tick;
    for (int second = 0; second < 3; ++second) {
      const auto at = Instant{} + second * 1s;
      tick = sampler.sample(at, nullptr, no_metrics, "web-1-9", {worker.replica()});
      readings.feed(tick);
    }
    const bool own_is_seen = tick.processes.front().cpu_seconds.has_value();
    const bool other_is_hidden = tick.processes.back().is_hidden;
    const auto reading = readings.read(cpu_usage(), "web-1-1", tick.at);
    const bool is_said = reading.is_missing() && reading.detail.starts_with("/proc hides");
    ::_exit(own_is_seen && other_is_hidden && is_said ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace selfscale::agent
