// Target rules: HPA's arithmetic, each row with its sum.
#include "decide/rules/target.hpp"

#include <gtest/gtest.h>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::instance;
using testing::instances;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

struct Case {
  CompiledPolicy policy;
  Snapshot seen;
  TargetRule rule;
  explicit Case(double target, std::vector<Instance> of, std::string metric = "in_flight") {
    policy.metrics.resize(1);
    policy.metrics[0].metric = std::move(metric);
    rule.target = target;
    seen = snapshot(static_cast<int>(of.size()));
    seen.instances = std::move(of);
  }
  [[nodiscard]] Proposal propose(int current) const {
    return propose_target(rule, Situation{policy, seen, start, current}, 0);
  }
  [[nodiscard]] int replicas(int current) const { return propose(current).replicas; }
};

Instance silent() { return instance(std::nullopt); }

std::vector<Instance> with(std::vector<Instance> of, std::initializer_list<Instance> more) {
  of.insert(of.end(), more);
  return of;
}

TEST(Target, CeilOfRatioTimesReady) {
  EXPECT_EQ(Case(50, instances({80, 80, 80})).replicas(3), 5);  // 1.6 × 3 = 4.8
  EXPECT_EQ(Case(50, instances({20, 20, 20})).replicas(3), 2);  // 0.4 × 3 = 1.2
  EXPECT_EQ(Case(50, instances({0, 0, 0})).replicas(3), 0);
}

TEST(Target, ToleranceIncludesItsEdges) {
  EXPECT_EQ(Case(100, instances({110})).propose(1).code, Code::within_tolerance);
  EXPECT_EQ(Case(100, instances({90, 90})).propose(2).code, Code::within_tolerance);
  EXPECT_EQ(Case(100, instances({110.01})).replicas(1), 2);
}

TEST(Target, SilentOnesAreIdleOnTheWayUp) {
  EXPECT_EQ(Case(50, with(instances({100, 100}), {silent()})).replicas(3), 4);
  // (100 + 100 + 0) ÷ 3 ÷ 50 × 3 = 4
  const auto held = Case(50, with(instances({70}), {silent()})).propose(2);
  EXPECT_EQ(held.replicas, 2);  // 70 ÷ 50 = 1.4; (70 + 0) ÷ 2 ÷ 50 = 0.7
  EXPECT_EQ(held.code, Code::unready_held);
}

TEST(Target, SilentOnesAreLoadedOnTheWayDown) {
  EXPECT_EQ(Case(50, with(instances({10, 10, 10}), {silent()})).replicas(4), 2);
  // (30 + 50) ÷ 4 ÷ 50 × 4 = 1.6
}

TEST(Target, PercentagesAreSumBySum) {
  Reading large = Reading::of(25);
  large.amount = 1.0;
  large.capacity = 4.0;
  Reading small = Reading::of(100);
  small.amount = 1.0;
  small.capacity = 1.0;
  const Case mixed{50, {instance(large), instance(small)}, "cpu_usage"};
  EXPECT_DOUBLE_EQ(mixed.propose(2).value, 40);  // 100 × 2 ÷ 5, not (25 + 100) ÷ 2
}

TEST(Target, ASilentOneIsFullyLoadedByItsCapacity) {
  Reading low = Reading::of(10);
  low.amount = 0.1;
  low.capacity = 1.0;
  const auto all = with({instance(low), instance(low), instance(low)}, {silent()});
  EXPECT_EQ(Case(50, all, "cpu_usage").replicas(4), 3);  // 100 × (0.3 + 1) ÷ 4 ÷ 50 × 4 = 2.6
}

TEST(Target, StartingOnesAreIdleOnTheWayUpForCpuOnly) {
  auto all = instances({100, 100, 100});
  all[2].ready = Ready::no;
  all[2].started_at = all[2].ready_changed_at = start - 10s;
  EXPECT_EQ(Case(50, all, "cpu_usage").replicas(3), 4);  // (100 + 100 + 0) ÷ 3 ÷ 50 × 3
  EXPECT_EQ(Case(50, all).replicas(3), 6);               // readiness is not looked at
}

struct StandingRow {
  const char* says;
  Ready ready;
  std::optional<Duration> started, changed;  // ago
  Standing expected;
};

TEST(Target, ReadinessForCpu) {
  const StandingRow rows[] = {
      {"readiness unknown", Ready::unknown, 100s, 30s, Standing::ready},
      {"readiness not reported", Ready::unreported, 100s, 30s, Standing::unready},
      {"ready, not started", Ready::yes, {}, {}, Standing::unready},
      {"not ready, not started", Ready::no, {}, {}, Standing::unready},
      {"young, not ready", Ready::no, 10s, 10s, Standing::unready},
      {"young, its sample lies partly before readiness", Ready::yes, 100s, 29s, Standing::unready},
      {"young, its sample lies after readiness", Ready::yes, 100s, 30s, Standing::ready},
      {"old, not ready since its start", Ready::no, 400s, 371s, Standing::unready},
      {"old, was ready once", Ready::no, 400s, 370s, Standing::ready},
      {"as old as the initialization period", Ready::yes, 300s, 1s, Standing::ready},
  };
  MetricSpec cpu;
  cpu.metric = "cpu_usage";
  for (const StandingRow& row : rows) {
    Reading reading = Reading::of(1);
    reading.window = 30s;
    Instance made = instance(reading);
    made.ready = row.ready;
    made.started_at.reset();
    if (row.started) made.started_at = start - *row.started;
    if (row.changed) made.ready_changed_at = start - *row.changed;
    EXPECT_EQ(standing_of(made, cpu, 0, Readiness{}, start), row.expected) << row.says;
  }
}

TEST(Target, GoingOnesAreIgnored) {
  auto all = instances({80, 80, 10});
  all[2].deleting = true;
  EXPECT_EQ(Case(50, all).replicas(2), 4);  // 1.6 × 2 = 3.2
}

TEST(Target, OfAReadingOfTheServiceWithinToleranceNobodyNeedsToBeCounted) {
  Case one(100, {});
  one.seen.platform.ready_replicas.reset();
  one.seen.metrics = {Reading::of(105)};
  EXPECT_EQ(one.propose(3).code, Code::within_tolerance);
  EXPECT_EQ(one.replicas(3), 3);
  one.seen.metrics = {Reading::of(120)};
  EXPECT_EQ(one.propose(3).code, Code::no_ready_instances);
}

TEST(Target, NobodyMeasuredIsMissing) {
  const auto none = Case(50, {silent(), silent()}).propose(2);
  EXPECT_EQ(none.answer, Answer::missing);
  EXPECT_EQ(none.code, Code::no_data);
  Instance pending = silent();
  pending.phase = Phase::pending;
  EXPECT_EQ(Case(50, {pending}).propose(1).code, Code::no_ready_instances);
}

// HPA's quirk (docs/decisions/0007-target-is-kubernetes.md): the load of the instances that are
// there becomes the count, however many were asked for.

TEST(Target, AskedForMoreThanAreThereALargerLoadGivesFewer) {
  EXPECT_EQ(Case(50, instances({50, 50})).replicas(5), 5);  // within tolerance: what there is
  EXPECT_EQ(Case(50, instances({75, 75})).replicas(5), 3);  // 1.5 × 2
}

TEST(Target, AskedForFewerThanAreThereASmallerLoadGivesMore) {
  EXPECT_EQ(Case(50, instances({50, 50, 50, 50})).replicas(2), 2);
  EXPECT_EQ(Case(50, instances({40, 40, 40, 40})).replicas(2), 4);  // 0.8 × 4 = 3.2
}

TEST(Target, OnceInstancesAreFilledInNothingTurnsRound) {
  const auto surge = with(instances({40, 40, 40}), {silent()});  // (120 + 50) ÷ 4 ÷ 50 × 4 = 3.4
  EXPECT_EQ(Case(50, surge).propose(2).code, Code::unready_held);
}

TEST(Target, HasATolerancePerDirection) {
  Case made{100, instances({125})};
  made.rule.tolerance_up = 0.25;
  made.rule.tolerance_down = 0.5;
  EXPECT_EQ(made.propose(1).code, Code::within_tolerance);
  made.seen.instances = instances({126});
  EXPECT_EQ(made.replicas(1), 2);
  made.seen.instances = instances({50, 50});
  EXPECT_EQ(made.propose(2).code, Code::within_tolerance);
  made.seen.instances = instances({49, 49});
  EXPECT_EQ(made.replicas(2), 1);
}

TEST(Target, AReadingOfAnInstanceThatIsNotListedCountsInTheMeanAlone) {
  Case made{50, instances({60, 60, 60})};
  made.seen.instances[2].listed = false;
  EXPECT_EQ(made.replicas(2), 3);  // 1.2 × 2 = 2.4
}

// Percent of requests: HPA's whole numbers.

Reading share(double amount, double request) {
  Reading reading = Reading::of(100.0 * amount / request);
  reading.amount = amount;
  reading.capacity = request;
  return reading;
}

Case of_requests(double target, std::vector<Instance> all) {
  Case made{target, std::move(all), "cpu_usage"};
  made.policy.metrics[0].of = Of::request;
  return made;
}

TEST(TargetOfRequests, PercentIsCutToAWholeNumber) {
  // 100 × 1.109 ÷ 1 is 110: within tolerance; 111 is not.
  EXPECT_EQ(of_requests(100, {instance(share(1.109, 1))}).propose(1).code, Code::within_tolerance);
  EXPECT_EQ(of_requests(100, {instance(share(1.11, 1))}).replicas(1), 2);
  EXPECT_EQ(of_requests(100, {instance(share(1.109, 1))}).propose(1).value, 110);
}

TEST(TargetOfRequests, IsSumBySum) {
  const auto all = {instance(share(1, 4)), instance(share(1, 1))};
  EXPECT_EQ(of_requests(50, all).propose(2).value, 40);  // 100 × 2 ÷ 5
}

TEST(TargetOfRequests, NeedsThatOfEveryListedInstance) {
  Instance going = silent();
  going.deleting = true;
  const auto held = of_requests(50, {instance(share(1, 1)), going}).propose(2);
  EXPECT_EQ(held.answer, Answer::missing);
  EXPECT_EQ(held.code, Code::no_data);
  Instance unlisted = instance(Reading::of(1));
  unlisted.listed = false;
  EXPECT_EQ(of_requests(50, {instance(share(1, 1)), unlisted}).propose(2).replicas, 2)
      << "100 ÷ 50 × 1: whoever is not listed has no request to be known";
}

TEST(TargetOfRequests, SilentOnesUseTheirRequestOnTheWayDown) {
  Reading silence = Reading::absent(Missing::not_reported);
  silence.capacity = 2.0;
  const auto all = {instance(share(0.2, 1)), instance(share(0.2, 1)), instance(silence)};
  // 100 × (0.4 + 2) ÷ 4 = 60: below 80 by more than the tolerance, 0.75 × 3 = 2.25
  EXPECT_EQ(of_requests(80, all).replicas(4), 3);
}

TEST(TargetOfRequests, LargeNumbersEndAtTheirEnds) {
  const auto made = of_requests(50, {instance(share(9e15, 9e15)), instance(share(9e15, 9e15))});
  EXPECT_EQ(made.propose(2).answer, Answer::up);
}

// Readings of the service.

Case service(double target, bool per_replica, double value, int existing, int ready) {
  Case made{target, {}};
  made.rule.per_replica = per_replica;
  made.seen.metrics = {Reading::of(value)};
  made.seen.platform.current_replicas = existing;
  made.seen.platform.ready_replicas = ready;
  return made;
}

TEST(TargetOfTheService, ValueIsRatioTimesReady) {
  EXPECT_EQ(service(100, false, 150, 4, 4).replicas(4), 6);
  EXPECT_EQ(service(100, false, 50, 4, 4).replicas(4), 2);
  EXPECT_EQ(service(100, false, 109, 4, 4).replicas(4), 4);
  EXPECT_EQ(service(100, false, 150, 0, 0).replicas(0), 2) << "no tolerance from 0: ceil(1.5)";
}

TEST(TargetOfTheService, PerReplicaIsCeilOfValueByTarget) {
  EXPECT_EQ(service(20, true, 101, 3, 3).replicas(3), 6);
  EXPECT_EQ(service(20, true, 65, 3, 3).replicas(3), 3) << "65 ÷ 60 is within tolerance";
  EXPECT_EQ(service(20, true, 10, 3, 3).replicas(3), 1);
  EXPECT_EQ(service(20, true, 10, 0, 0).replicas(0), 1);
}

TEST(TargetPerReplicaOverInstances, SumsWhatInstancesCarry) {
  Case three{10, instances({20, 20, 20})};
  three.rule.per_replica = true;
  EXPECT_EQ(three.replicas(3), 6);
}

TEST(TargetPerReplicaOverInstances, SilentOnesCarryATargetOnTheWayDown) {
  Case three{10, with(instances({1, 1}), {silent()})};
  three.rule.per_replica = true;
  EXPECT_EQ(three.replicas(3), 2);  // (1 + 1 + 10) ÷ 10 = 1.2
  Case two{10, with(instances({8}), {silent()})};
  two.rule.per_replica = true;
  EXPECT_EQ(two.propose(2).code, Code::unready_held);  // 8 ÷ 20 asks for 1, 18 ÷ 20 for none less
}

TEST(Target, WithoutScaleInItAbstainsUnlessItAsksForMore) {
  Case idle{50, instances({10, 10})};
  idle.rule.scale_down = false;
  EXPECT_EQ(idle.propose(2).answer, Answer::abstain);
  EXPECT_EQ(idle.propose(2).replicas, 2);
  Case busy{50, instances({90, 90})};
  busy.rule.scale_down = false;
  EXPECT_EQ(busy.propose(2).answer, Answer::up);
}

/// Else another rule would take away what this one has asked for, before it can serve.
TEST(Target, WithoutScaleInItHoldsWhileItIsTooMuchForThoseThatServe) {
  Case starting{50, with(instances({60}), {silent()})};
  starting.rule.scale_down = false;
  EXPECT_EQ(starting.propose(2).code, Code::unready_held);
  EXPECT_EQ(starting.propose(2).answer, Answer::hold);
  Case idle{50, with(instances({40}), {silent()})};
  idle.rule.scale_down = false;
  EXPECT_EQ(idle.propose(2).answer, Answer::abstain);

  Case service{10, {}, "queue_length"};
  service.rule.scale_down = false;
  service.seen.platform = {2, 2, 1, false, {}};
  service.seen.metrics = {Reading::of(12)};
  EXPECT_EQ(service.propose(2).answer, Answer::hold) << "1 x 1.2 asks for the 2 that there are";
  EXPECT_EQ(service.propose(3).replicas, 3) << "and for no fewer";
  service.seen.metrics = {Reading::of(9)};
  EXPECT_EQ(service.propose(2).answer, Answer::abstain);
}

TEST(Target, CountsSaturate) {
  EXPECT_EQ(Case(1e-9, instances({1e300})).replicas(1), std::numeric_limits<int>::max());
}

}  // namespace
}  // namespace selfscale
