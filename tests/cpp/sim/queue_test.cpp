#include "sim/queue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "sim/latencies.hpp"
#include "sim/random.hpp"

namespace selfscale::sim {
namespace {

constexpr ServiceModel model{
    .capacity_per_replica = 10.0, .service_seconds = 0.2, .timeout_seconds = 5.0};

TEST(ServiceQueue, ServesAllBelowCapacity) {
  ServiceQueue queue{model};
  const ServiceStep step = queue.advance(/*arrivals=*/15.0, /*ready=*/3, /*seconds=*/1.0);
  EXPECT_DOUBLE_EQ(step.served, 15.0);
  EXPECT_DOUBLE_EQ(step.utilization, 0.5);
  EXPECT_EQ(step.backlog, 0.0);
  EXPECT_EQ(step.lost, 0.0);
  EXPECT_EQ(step.queued_seconds, 0.0);
}

TEST(ServiceQueue, OverloadBecomesABacklogThatNewcomersWaitFor) {
  ServiceQueue queue{model};
  queue.advance(30.0, 2, 1.0);
  const ServiceStep step = queue.advance(30.0, 2, 1.0);
  EXPECT_DOUBLE_EQ(step.served, 20.0);
  EXPECT_DOUBLE_EQ(step.utilization, 1.0);
  EXPECT_DOUBLE_EQ(step.backlog, 20.0);
  EXPECT_DOUBLE_EQ(step.queued_seconds, (10.0 + 20.0) / 2.0 / 20.0);
}

TEST(ServiceQueue, ClientsGiveUpAfterTheTimeout) {
  ServiceQueue queue{model};
  double lost = 0.0;
  for (int i = 0; i < 20; ++i) {
    const ServiceStep step = queue.advance(40.0, 2, 1.0);
    lost += step.lost;
    EXPECT_LE(step.queued_seconds, model.timeout_seconds);
    EXPECT_LE(step.backlog, 2 * 10.0 * model.timeout_seconds);
  }
  EXPECT_DOUBLE_EQ(lost,
                   20 * (40.0 - 20.0) - 100.0);  // all that came, less served, less still waiting
}

TEST(ServiceQueue, WithoutReplicasEverybodyGivesUpInTime) {
  ServiceQueue queue{model};
  queue.advance(100.0, 0, 1.0);
  double backlog = 100.0;
  for (int i = 0; i < 60; ++i) backlog = queue.advance(0.0, 0, 1.0).backlog;
  EXPECT_LT(backlog, 0.01);
}

TEST(ServiceQueue, InFlightFollowsLittlesLaw) {
  ServiceQueue queue{model};
  const ServiceStep calm = queue.advance(10.0, 5, 1.0);
  EXPECT_DOUBLE_EQ(calm.in_flight(), 10.0 * (0.2 + calm.mean_wait()));
  const ServiceStep pressed = queue.advance(500.0, 5, 1.0);
  EXPECT_GE(pressed.in_flight(), pressed.backlog + 50.0 * 0.2);
}

TEST(ServiceQueue, WaitsGrowWithUtilization) {
  double before = -1.0;
  for (double arrivals = 1.0; arrivals < 30.0; arrivals += 1.0) {
    ServiceQueue queue{model};
    const double wait = queue.advance(arrivals, 3, 1.0).mean_wait();
    EXPECT_GT(wait, before);
    before = wait;
  }
}

TEST(ServiceQueue, ResponsesLieBetweenTheServiceTimeAndTheTimeout) {
  ServiceQueue queue{model};
  Latencies latencies;
  for (int i = 0; i < 10; ++i) queue.advance(i < 5 ? 200.0 : 10.0, 2, 1.0).add_responses(latencies);
  EXPECT_GE(latencies.quantile(0.0), model.service_seconds);
  EXPECT_EQ(latencies.quantile(1.0), model.timeout_seconds);
}

TEST(ServiceQueue, ConservesRequests) {
  rc::check("arrivals = served + lost + backlog",
            [](std::vector<std::uint8_t> loads, std::vector<std::uint8_t> replicas) {
              ServiceQueue queue{model};
              double arrived = 0.0;
              double ended = 0.0;
              double backlog = 0.0;
              for (std::size_t i = 0; i < loads.size(); ++i) {
                const int ready = replicas.empty() ? 1 : replicas[i % replicas.size()] % 6;
                const ServiceStep step = queue.advance(loads[i], ready, 0.25);
                arrived += loads[i];
                ended += step.served + step.lost;
                backlog = step.backlog;
                RC_ASSERT(step.backlog >= 0.0 && step.lost >= 0.0 && step.utilization <= 1.0);
              }
              RC_ASSERT(std::abs(arrived - ended - backlog) < 1e-6 * (1.0 + arrived));
            });
}

TEST(Random, PoissonHasItsMeanAndVariance) {
  for (const double mean : {0.3, 4.0, 49.0, 51.0, 400.0}) {
    Random random{7};
    constexpr int draws = 20'000;
    double sum = 0.0;
    double squares = 0.0;
    for (int i = 0; i < draws; ++i) {
      const double count = random.poisson(mean);
      sum += count;
      squares += count * count;
    }
    const double average = sum / draws;
    EXPECT_NEAR(average, mean, 5.0 * std::sqrt(mean / draws)) << mean;
    EXPECT_NEAR((squares / draws - average * average) / mean, 1.0, 0.1) << mean;
  }
}

TEST(Random, SameSeedSameNumbers) {
  Random one{42};
  Random two{42};
  Random other{43};
  EXPECT_EQ(one.next(), 13679457532755275413U);  // SplitMix64's published first value for seed 42
  two.next();
  EXPECT_EQ(one.next(), two.next());
  EXPECT_NE(one.next(), other.next());
}

}  // namespace
}  // namespace selfscale::sim
