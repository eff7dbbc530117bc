#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <selfscale/decide.hpp>
#include <selfscale/error.hpp>
#include <selfscale/simulate.hpp>
#include <string>
#include <vector>

#include "policy/compiled.hpp"

namespace selfscale {
namespace {

constexpr double hour = 3600.0;
constexpr ServiceModel service{.capacity_per_replica = 20.0, .startup_seconds = 30.0};

Policy policy_of(const std::string& body) {
  return load_policies(R"({"policies": [{"service": "web", )" + body + "}]}").policies.at(0);
}

/// Replicas follow the load: one per ten requests a second.
Policy follower() {
  return policy_of(R"("minReplicas": 1, "maxReplicas": 10, "evaluationInterval": "15s",
    "metrics": [{"name": "requests_per_second", "across": "sum", "window": "1m"}],
    "rules": [{"type": "target", "metric": "requests_per_second", "targetPerReplica": 10}])");
}

std::vector<LoadPoint> steady(double rate, double seconds) { return {{0, rate}, {seconds, rate}}; }

int most_replicas(const Simulation& run) {
  return std::ranges::max(run.steps, {}, &SimulationStep::current_replicas).current_replicas;
}

std::string complaint(const std::vector<LoadPoint>& load, const ServiceModel& model) {
  try {
    simulate(follower(), load, model);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    return error.what();
  }
  return "no complaint";
}

TEST(Simulate, SteadyLoadSettlesAtItsTarget) {
  const Simulation run = simulate(follower(), steady(45.0, hour), service);
  EXPECT_EQ(run.steps.back().current_replicas, 5);
  EXPECT_EQ(run.steps.back().ready_replicas, 5);
  EXPECT_NEAR(run.steps.back().utilization, 45.0 / (5 * 20.0), 0.01);
  EXPECT_NEAR(run.steps.back().served_per_second, 45.0, 1e-6);
  const int settled = run.steps[run.steps.size() / 2].current_replicas;
  EXPECT_EQ(settled, 5) << "it must not swing";
}

TEST(Simulate, CountsEveryRequestOfTheLoad) {
  const std::vector<LoadPoint> load{{0, 0}, {1000, 40}, {2000, 40}, {3000, 0}};
  const SimulationSummary summary = simulate(follower(), load, service).summary;
  EXPECT_NEAR(summary.requests, 20'000 + 40'000 + 20'000, 1.0);
  EXPECT_NEAR(summary.offered_per_second, summary.requests / 3000.0, 1e-6);
}

TEST(Simulate, ReplicasArePaidFromTheOrderAndServeAfterTheirStart) {
  const Simulation run = simulate(follower(), steady(35.0, 600.0), service);
  ASSERT_FALSE(run.events.empty());
  const ScalingEvent& first = run.events.front();
  EXPECT_EQ(first.outcome, Outcome::succeeded);
  EXPECT_EQ(first.from_replicas, 1);
  EXPECT_EQ(first.duration, Duration{30'000});
  EXPECT_FALSE(first.reason.empty());
  for (const SimulationStep& step : run.steps) {
    const double ordered =
        std::chrono::duration<double>(first.started_at.time_since_epoch()).count();
    if (step.seconds > ordered && step.seconds < ordered + 30.0) {
      EXPECT_EQ(step.ready_replicas, 1) << step.seconds;
      EXPECT_GT(step.current_replicas, 1) << step.seconds;
    }
  }
}

TEST(Simulate, AFixedCountIsNeverTouched) {
  const Policy fixed = policy_of(R"("minReplicas": 3, "maxReplicas": 3, "evaluationInterval": "15s",
    "metrics": [{"name": "cpu_usage"}], "rules": [{"type": "target", "metric": "cpu_usage", "target": 50}])");
  const Simulation run = simulate(fixed, steady(90.0, hour), service);
  EXPECT_EQ(run.summary.scale_events, 0);
  EXPECT_TRUE(run.events.empty());
  EXPECT_DOUBLE_EQ(run.summary.replica_seconds, 3 * hour);
  EXPECT_GT(run.summary.errors, 0.0) << "90 a second are too many for three";
  EXPECT_GT(run.summary.p95_seconds, 5.0);
}

TEST(Simulate, APercentageOfTheRequestIsKnownOfReplicasThatStart) {
  const auto run = [](const char* of) {
    const Policy policy = policy_of(
        std::string{R"("maxReplicas": 9, "metrics": [{"name": "cpu_usage", "of": ")"} + of +
        R"("}], "rules": [{"type": "target", "metric": "cpu_usage", "target": 50}])");
    return most_replicas(simulate(policy, steady(90.0, hour), service));
  };
  EXPECT_EQ(run("request"), run("limit"));
  EXPECT_GT(run("request"), 1);
}

TEST(Simulate, ScalingServesWhatTheMinimumCannot) {
  const std::vector<LoadPoint> load{{0, 5}, {2 * hour, 120}, {4 * hour, 5}};
  const Policy fixed = policy_of(R"("minReplicas": 1, "maxReplicas": 1, "evaluationInterval": "15s",
    "metrics": [{"name": "cpu_usage"}], "rules": [{"type": "target", "metric": "cpu_usage", "target": 50}])");
  const SimulationSummary scaled = simulate(follower(), load, service).summary;
  const SimulationSummary stuck = simulate(fixed, load, service).summary;
  EXPECT_LT(scaled.p95_seconds, stuck.p95_seconds / 2);
  EXPECT_LT(scaled.errors, stuck.errors);
}

TEST(Simulate, SameArgumentsSameResult) {
  const std::vector<LoadPoint> load{{0, 5}, {hour, 90}, {2 * hour, 5}};
  ServiceModel noisy = service;
  noisy.random_arrivals = true;
  const Simulation one = simulate(follower(), load, noisy, 7);
  const Simulation two = simulate(follower(), load, noisy, 7);
  const Simulation other = simulate(follower(), load, noisy, 8);
  EXPECT_EQ(one.events, two.events);
  ASSERT_EQ(one.steps.size(), two.steps.size());
  for (std::size_t i = 0; i < one.steps.size(); ++i) {
    EXPECT_EQ(one.steps[i].offered_per_second, two.steps[i].offered_per_second);
    EXPECT_EQ(one.steps[i].p95_seconds, two.steps[i].p95_seconds);
  }
  EXPECT_EQ(one.summary.requests, two.summary.requests);
  EXPECT_NE(one.summary.requests, other.summary.requests);
  const SimulationSummary even = simulate(follower(), load, service).summary;
  EXPECT_NEAR(one.summary.requests, even.requests, 5.0 * std::sqrt(even.requests));
}

TEST(Simulate, APolicyOfMillisecondsIsEvaluatedAsOften) {
  const Policy quick =
      policy_of(R"("maxReplicas": 10, "evaluationInterval": "250ms", "behavior": "none",
    "metrics": [{"name": "requests_per_second", "across": "sum", "window": "1s"}],
    "rules": [{"type": "target", "metric": "requests_per_second", "targetPerReplica": 10}])");
  const Simulation run =
      simulate(quick, steady(30.0, 60.0), {.capacity_per_replica = 20.0, .startup_seconds = 1.5});
  EXPECT_EQ(run.steps.size(), 240U);
  EXPECT_EQ(run.steps.back().current_replicas, 3);
}

TEST(Simulate, RefusesWhatMakesNoSense) {
  const auto load = steady(1.0, 60.0);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto says = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  EXPECT_TRUE(says(complaint({}, service), "at least two points"));
  EXPECT_TRUE(says(complaint({{0, 1}}, service), "at least two points"));
  EXPECT_TRUE(says(complaint({{0, 1}, {0, 2}}, service), "load point 1"));
  EXPECT_TRUE(says(complaint({{5, 1}, {0, 2}}, service), "sort the points"));
  EXPECT_TRUE(says(complaint({{0, -1}, {1, 2}}, service), "0 or more"));
  EXPECT_TRUE(says(complaint({{0, nan}, {1, 2}}, service), "finite"));
  EXPECT_TRUE(says(complaint(load, {}), "capacity_per_replica"));
  EXPECT_TRUE(says(complaint(load, {.capacity_per_replica = nan}), "capacity_per_replica"));
  EXPECT_TRUE(
      says(complaint(load, {.capacity_per_replica = 1, .startup_seconds = -1}), "startup_seconds"));
  EXPECT_TRUE(says(complaint(load, {.capacity_per_replica = 1, .startup_seconds = 181}),
                   "startup.timeout"));
  EXPECT_TRUE(
      says(complaint(load, {.capacity_per_replica = 1, .memory_percent = 101}), "memory_percent"));
}

/// A day: six busy hours, enough to saturate the minimum, then nothing at all.
class Preset : public testing::TestWithParam<const char*> {};

TEST_P(Preset, ScalesDownAgainAfterLoadHasGone) {
  const Policy policy = preset_policy(GetParam(), "web");
  const std::vector<LoadPoint> day{
      {0, 0}, {hour, 300}, {6 * hour, 300}, {6.1 * hour, 0}, {24 * hour, 0}};
  const Simulation run = simulate(policy, day, service);
  EXPECT_GT(most_replicas(run), run.steps.front().current_replicas)
      << "the load must have moved it";
  EXPECT_EQ(run.steps.back().desired_replicas, policy.compiled().min_replicas);
}

INSTANTIATE_TEST_SUITE_P(Every, Preset,
                         testing::Values("conservative", "balanced", "aggressive", "backend", "ml"),
                         [](const auto& info) { return std::string{info.param}; });

}  // namespace
}  // namespace selfscale
