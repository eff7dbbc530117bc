// What holds for any history: bounds, direction, silence, JSON.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <utility>

#include "decide/policies_fixture.hpp"
#include "decide/schedules.hpp"

namespace selfscale {
namespace {

using testing::event;
using namespace std::chrono_literals;

/// Every kind of rule, comparison and stage at once; in_flight is read per instance.
const char* const everything = R"({
  "guardrails": {"maxTotalReplicas": 30, "minAvailableMemoryMb": 100, "maxScaleEventsPerHour": 1000,
                 "budgets": {"connections": {"limit": 100, "reserve": 5}}},
  "policies": [{
    "service": "backend", "minReplicas": 2, "maxReplicas": 12, "uses": {"connections": 6},
    "metrics": [{"name": "in_flight", "window": "60s", "missing": {"atLeastReplicas": 4}},
                {"name": "cpu_usage", "window": "60s"},
                {"name": "cache_hit_rate", "window": "60s", "missing": "ignore"},
                {"name": "requests_per_second", "window": "60s"}],
    "rules": [
      {"name": "busy", "type": "target", "metric": "in_flight", "target": 20},
      {"name": "shared", "type": "target", "metric": "in_flight", "targetPerReplica": 25},
      {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30,
       "scaleUpFor": "20s", "scaleUpBy": 2, "scaleDownFor": "30s"},
      {"name": "cache", "type": "threshold", "metric": "cache_hit_rate", "comparison": "less_than",
       "scaleUp": 60, "scaleDown": 90},
      {"name": "rps", "type": "target", "metric": "requests_per_second", "targetPerReplica": 15},
      {"name": "burst", "type": "concurrency", "metric": "requests_per_second", "targetPerReplica": 15,
       "maxScaleDownRate": 100, "scaleDownDelay": "30s", "panicThreshold": 4}],
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 20, "cooldown": "15s", "policies": []},
                 "scaleDown": {"stabilizationWindowSeconds": 60, "cooldown": "45s", "policies": []}}}]})";

/// And the kinds that it does not have, to none and back.
const char* const everything_else = R"json({
  "guardrails": {"maxTotalReplicas": 30, "minAvailableMemoryMb": 100, "maxScaleEventsPerHour": 1000,
                 "budgets": {"connections": {"limit": 100, "reserve": 5}}},
  "timezone": "Europe/Berlin",
  "policies": [{
    "service": "backend", "minReplicas": 0, "maxReplicas": 12, "uses": {"connections": 6},
    "scaleToZero": {"cooldown": "40s", "retention": "10s"}, "startup": {"timeout": "40s"},
    "metrics": [{"name": "queue_length", "window": "60s"}, {"name": "busy_workers", "window": "60s"},
                {"name": "share", "value": "queue_length / max(busy_workers, 1)"},
                {"name": "in_flight", "window": "60s"}, {"name": "cpu_usage", "window": "60s"},
                {"name": "requests_per_second", "window": "60s"}, {"name": "queue_latency", "window": "60s"}],
    "rules": [
      {"name": "steps", "type": "step", "metric": "share", "threshold": 20, "cooldown": "25s", "activation": 2,
       "steps": [{"to": -15, "by": -2}, {"from": 0, "to": 30, "by": 1}, {"from": 30, "by": 3}]},
      {"name": "percents", "type": "step", "metric": "in_flight", "adjustment": "percent", "minAdjustment": 2,
       "cooldown": "0s", "steps": [{"to": 2, "by": -30}, {"from": 40, "by": 50}]},
      {"name": "tracking", "type": "target", "as": "ecs", "metric": "cpu_usage", "target": 60,
       "scaleOutCooldown": "30s", "scaleInCooldown": "30s"},
      {"name": "jobs", "type": "backlog", "metric": "queue_length", "targetLatency": "20s",
       "throughputPerReplica": 0.5, "running": "busy_workers", "oldest": "queue_latency"},
      {"name": "surge", "type": "threshold", "metric": "requests_per_second", "comparison": "percentage_change",
       "scaleUp": 50, "scaleDown": -50},
      {"name": "load", "type": "target", "metric": "requests_per_second", "target": 90, "tolerance": {"up": 0.2, "down": 0.05}},
      {"name": "more", "type": "target", "metric": "in_flight", "target": 30, "disableScaleIn": true}],
    "combine": {"up": "any", "down": "any"},
    "schedules": [{"name": "rush", "from": "11:45", "to": "11:50", "minReplicas": 3, "maxReplicas": 8},
                  {"name": "calm", "cron": "55 * * * *", "duration": "3m", "maxReplicas": 6}],
    "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 30},
                                          {"type": "Percent", "value": 50, "periodSeconds": 60}]},
                 "scaleDown": {"stabilizationWindowSeconds": 30, "selectPolicy": "Min",
                               "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15},
                                            {"type": "Percent", "value": 50, "periodSeconds": 15}]}}}]})json";

/// A service, and how many replicas it may have at some time.
struct Subject {
  Policy policy;
  int least, most;
  std::vector<std::string> loads;   ///< more of it never means less load
  std::vector<std::string> needed;  ///< without it nothing is taken away

  [[nodiscard]] const CompiledPolicy& compiled() const { return policy.compiled(); }
  [[nodiscard]] std::size_t metric(std::string_view name) const {
    const auto& metrics = compiled().metrics;
    const auto found =
        std::ranges::find_if(metrics, [&](const MetricSpec& spec) { return spec.name == name; });
    if (found == metrics.end()) ADD_FAILURE() << name;
    return static_cast<std::size_t>(found - metrics.begin());
  }
};

const Subject& first_subject() {
  static const Subject subject{testing::policy_of(everything),
                               2,
                               12,
                               {"in_flight", "cpu_usage", "requests_per_second"},
                               {"in_flight", "cpu_usage", "requests_per_second"}};
  return subject;
}
const Subject& second_subject() {
  static const Subject subject{
      testing::policy_of(everything_else),
      0,
      12,
      {"in_flight", "cpu_usage", "requests_per_second", "queue_length", "queue_latency"},
      {"in_flight", "requests_per_second", "queue_length"}};
  return subject;
}

/// Over the whole range from the first case on.
int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}
bool one_in(int n) { return within(1, n) == 1; }
double any_value(int most) { return within(0, most * 8) / 8.0; }
const Subject& any_subject() { return one_in(2) ? first_subject() : second_subject(); }

Reading any_reading(int most) {
  if (one_in(6)) {
    return Reading::absent(static_cast<Missing>(within(1, 7)), one_in(2) ? "why" : "");
  }
  Reading reading = Reading::of(any_value(most));
  reading.window = 1s * within(0, 60);
  reading.age = 1ms * within(0, 70'000);
  if (one_in(2)) reading.previous = any_value(most);
  if (one_in(2)) reading.short_value = any_value(most);
  return reading;
}

Instance any_instance(const Subject& subject, Instant at) {
  Instance instance;
  instance.id = "i" + std::to_string(within(0, 99));
  instance.phase = one_in(8) ? static_cast<Phase>(within(0, 4)) : Phase::running;
  instance.deleting = one_in(10);
  instance.listed = !one_in(12);
  instance.ready = static_cast<Ready>(within(0, 3));
  instance.started_at.reset();
  if (!one_in(8)) instance.started_at = at - 1s * within(0, 900);
  if (instance.started_at) instance.ready_changed_at = *instance.started_at + 1s * within(0, 60);
  instance.busy = one_in(2);
  if (one_in(2)) instance.release = "2";
  instance.metrics.resize(subject.compiled().metrics.size());
  if (!one_in(6)) instance.metrics[subject.metric("in_flight")] = any_reading(60);
  return instance;
}

Snapshot any_snapshot(const Subject& subject, Instant at, int replicas) {
  Snapshot seen = testing::snapshot(replicas, {}, at);
  seen.wall_time_seconds = static_cast<double>(at.time_since_epoch().count()) / 1000.0;
  if (one_in(4)) seen.platform.current_replicas = within(0, replicas + 2);
  seen.platform.ready_replicas.reset();
  if (!one_in(4)) seen.platform.ready_replicas = within(0, seen.platform.current_replicas);
  if (one_in(12)) seen.platform.error = "503";
  const int listed = within(0, replicas + 1);
  for (int i = 0; i < listed; ++i) seen.instances.push_back(any_instance(subject, at));
  for (const MetricSpec& metric : subject.compiled().metrics) {
    seen.metrics.emplace_back();
    if (metric.name != "in_flight")
      seen.metrics.back() = any_reading(metric.name == "cpu_usage" ? 100 : 200);
  }
  for (const Expression& computed : subject.compiled().expressions) {
    seen.metrics[static_cast<std::size_t>(computed.metric)].reset();
  }
  if (one_in(2)) seen.shared.other_replicas = within(0, 30);
  if (one_in(2)) seen.shared.available_memory_mb = any_value(400);
  seen.shared.budgets_used.resize(1);
  if (one_in(2)) seen.shared.budgets_used[0] = any_value(60);
  seen.can_be_woken = !one_in(8);
  if (one_in(3)) seen.estimates.startup_seconds_p50 = any_value(60);
  return seen;
}

std::size_t any_metric(const Subject& subject, const std::vector<std::string>& names) {
  const int last = static_cast<int>(names.size()) - 1;
  return subject.metric(names[static_cast<std::size_t>(within(0, last))]);
}

/// A service in the middle of its life.
struct Life {
  const Subject& subject;
  Instant at = testing::start;
  int replicas = 3;
  DecisionState state;

  explicit Life(const Subject& of = any_subject()) : subject{of} {}
  [[nodiscard]] const Policy& policy() const { return subject.policy; }
  [[nodiscard]] Snapshot any_next(Duration later = 1s) const {
    return any_snapshot(subject, at + later, replicas);
  }

  void live(int ticks) {
    for (int i = 0; i < ticks; ++i) {
      at += 1ms * within(1, 30'000);
      if (one_in(15)) replicas = within(0, 14);  // somebody else
      const Decision decision = decide(policy(), any_snapshot(subject, at, replicas), state);
      if (decision.action == Action::scale && !one_in(4)) {
        record(state, event(at, replicas, decision.to_replicas));
        replicas = decision.to_replicas;
        if (one_in(3)) record(state, event(at, replicas, replicas, Outcome::failed));
      }
    }
  }
};

RC_GTEST_PROP(AnyHistory, StaysWithinBoundsOrWhereItIs, ()) {
  Life life;
  life.live(within(0, 25));
  const Snapshot seen = life.any_next();
  const Decision decision = decide(life.policy(), seen, life.state);
  const int to = decision.to_replicas;
  RC_ASSERT(decision.from_replicas == life.replicas);
  const bool is_left_alone = !seen.platform.error.empty() || life.replicas == 0;
  const auto [least, most] = std::pair{life.subject.least, life.subject.most};
  RC_ASSERT((to >= least && to <= most) || (to == life.replicas && is_left_alone));
  RC_ASSERT((decision.action == Action::scale) == (to != life.replicas));
  RC_ASSERT((decision.action == Action::hold) == decision.held_by.has_value());
  RC_ASSERT(decision.recommendation.confidence >= 0.0);
  RC_ASSERT(decision.recommendation.confidence <= 1.0);
  RC_ASSERT(!reason(life.policy(), decision).empty());
}

RC_GTEST_PROP(AnyHistory, GuardrailsNeverLower, ()) {
  Life life;
  life.live(within(0, 15));
  Snapshot free = life.any_next();
  free.shared = {};
  Snapshot tight = free;
  tight.shared.other_replicas = within(0, 40);
  tight.shared.available_memory_mb = any_value(200);
  tight.shared.budgets_used = {any_value(200)};
  tight.shared.other_events_last_hour = within(0, 2000);
  DecisionState state = life.state;
  const int without = decide(life.policy(), free, state).to_replicas;
  state = life.state;
  const int with = decide(life.policy(), tight, state).to_replicas;
  RC_ASSERT(with <= std::max(without, life.replicas));
  RC_ASSERT(with >= std::min(without, life.replicas));
}

/// Two snapshots that differ in one reading of the service, or in all of one instance metric.
int with_value(const Life& life, Snapshot seen, std::size_t metric, double more) {
  const auto raise = [more](std::optional<Reading>& reading) {
    if (!reading || reading->is_missing()) return;
    reading->value += more;
    if (reading->short_value) *reading->short_value += more;
  };
  raise(seen.metrics[metric]);
  for (Instance& instance : seen.instances) raise(instance.metrics[metric]);
  DecisionState state = life.state;
  return decide(life.policy(), seen, state).to_replicas;
}

/// As many are listed as were asked for, and counted as ready. Elsewhere Kubernetes' arithmetic is
/// not monotone (docs/decisions/0007-target-is-kubernetes.md).
Snapshot complete_snapshot(const Life& life) {
  Snapshot seen = life.any_next(1ms * within(1, 60'000));
  const auto stays = [](const Instance& one) {
    return one.listed && !one.deleting && one.phase != Phase::failed;
  };
  const auto listed = std::count_if(seen.instances.begin(), seen.instances.end(), stays);
  seen.platform.desired_replicas = static_cast<int>(listed);
  if (seen.platform.ready_replicas) seen.platform.ready_replicas = static_cast<int>(listed);
  return seen;
}

RC_GTEST_PROP(AnyHistory, ALargerReadingNeverGivesFewer, ()) {
  Life life;
  life.live(within(0, 25));
  const Snapshot seen = complete_snapshot(life);
  const double more = any_value(100);
  const auto metric = any_metric(life.subject, life.subject.loads);
  RC_ASSERT(with_value(life, seen, metric, more) >= with_value(life, seen, metric, 0.0));
  if (&life.subject != &first_subject()) return;
  const auto low_is_bad = life.subject.metric("cache_hit_rate");
  RC_ASSERT(with_value(life, seen, low_is_bad, more) <= with_value(life, seen, low_is_bad, 0.0));
}

RC_GTEST_PROP(AnyHistory, OneInstancesLargerReadingNeverGivesFewer, ()) {
  Life life;
  life.live(within(0, 25));
  const auto metric = life.subject.metric("in_flight");
  Snapshot seen = complete_snapshot(life);
  RC_PRE(!seen.instances.empty());
  auto& reading = seen.instances[static_cast<std::size_t>(
                                     within(0, static_cast<int>(seen.instances.size()) - 1))]
                      .metrics[metric];
  RC_PRE(reading && !reading->is_missing());
  const int before = with_value(life, seen, metric, 0.0);
  reading->value += any_value(200);
  RC_ASSERT(with_value(life, seen, metric, 0.0) >= before);
}

void forget(Snapshot& seen, std::size_t metric) {
  if (seen.metrics[metric]) seen.metrics[metric] = Reading::absent(Missing::timed_out);
  for (Instance& instance : seen.instances) instance.metrics[metric].reset();
}

RC_GTEST_PROP(AnyHistory, MissingDataNeverLowers, ()) {
  Life life;
  life.live(within(0, 25));
  Snapshot seen = life.any_next();
  const auto bounds = bounds_at(life.subject.compiled(), seen.wall_time_seconds, seen.estimates);
  RC_PRE(life.replicas <= bounds.max_replicas);
  forget(seen, any_metric(life.subject, life.subject.needed));
  RC_ASSERT(decide(life.policy(), seen, life.state).to_replicas >= life.replicas);
}

/// A service on which nothing lies.
Snapshot calm_snapshot(Instant at, int replicas) {
  Snapshot seen = testing::snapshot(replicas, {}, at);
  const Subject& subject = first_subject();
  seen.metrics.resize(subject.compiled().metrics.size());
  seen.metrics[subject.metric("cpu_usage")] = Reading::of(any_value(29));
  seen.metrics[subject.metric("cache_hit_rate")] = Reading::of(95);
  seen.metrics[subject.metric("requests_per_second")] = Reading::of(any_value(10));
  for (int i = 0; i < replicas; ++i) {
    Instance instance;
    instance.id = std::to_string(i);
    instance.metrics.resize(seen.metrics.size());
    instance.metrics[subject.metric("in_flight")] = Reading::of(any_value(3));
    seen.instances.push_back(std::move(instance));
  }
  return seen;
}

RC_GTEST_PROP(AnyHistory, WhereAllWantLessOneMissingMetricHolds, ()) {
  Life life{first_subject()};
  life.live(within(0, 25));
  life.replicas = within(4, 12);
  for (int i = 0; i < 20; ++i) {
    life.at += 10s;
    decide(life.policy(), calm_snapshot(life.at, life.replicas), life.state);
  }
  Snapshot seen = calm_snapshot(life.at + 10s, life.replicas);
  DecisionState state = life.state;
  RC_ASSERT(decide(life.policy(), seen, state).to_replicas < life.replicas);
  forget(seen, any_metric(life.subject, life.subject.needed));
  RC_ASSERT(decide(life.policy(), seen, life.state).to_replicas == life.replicas);
}

/// The silent one is taken to be at its target, 20 and more: that it had more nobody can know.
RC_GTEST_PROP(AnyHistory, AnInstanceThatFallsSilentNeverLowers, ()) {
  Life life;
  life.live(within(0, 25));
  const auto metric = life.subject.metric("in_flight");
  Snapshot seen = life.any_next();
  RC_PRE(!seen.instances.empty());
  auto& silent = seen.instances[static_cast<std::size_t>(
      within(0, static_cast<int>(seen.instances.size()) - 1))];
  if (silent.metrics[metric]) {
    silent.metrics[metric]->value = std::min(silent.metrics[metric]->value, 20.0);
  }
  const int before = with_value(life, seen, metric, 0.0);
  silent.metrics[metric].reset();
  const int after = with_value(life, seen, metric, 0.0);
  RC_ASSERT(after >= std::min(before, life.replicas));
}

RC_GTEST_PROP(AnyHistory, TheStateStaysSmall, ()) {
  Life life;
  life.live(within(0, 60));
  RC_ASSERT(to_json(life.policy(), life.state).size() < 8192U);
}

RC_GTEST_PROP(Json, EveryFormGoesThereAndBack, ()) {
  Life life;
  life.live(within(1, 20));
  const Snapshot seen = life.any_next();
  const std::string snapshot_text = to_json(life.policy(), seen);
  RC_ASSERT(snapshot_from_json(life.policy(), snapshot_text) == seen);
  RC_ASSERT(state_from_json(life.policy(), to_json(life.policy(), life.state)) == life.state);

  const Decision decision = decide(life.policy(), seen, life.state);
  const std::string text = to_json(life.policy(), decision, &life.state);
  Decision read = decision_from_json(life.policy(), text);
  for (std::size_t i = 0; i < read.recommendation.proposals.size(); ++i) {
    // A value that is not there is null.
    if (decision.recommendation.proposals[i].answer == Answer::missing) {
      read.recommendation.proposals[i].value = decision.recommendation.proposals[i].value;
    }
  }
  RC_ASSERT(read == decision);
  RC_ASSERT(to_json(life.policy(), read, &life.state) == text);
}

RC_GTEST_PROP(Json, EventsGoThereAndBack, ()) {
  ScalingEvent made = event(testing::start + 1ms * within(0, 1'000'000), within(0, 99),
                            within(0, 99), static_cast<Outcome>(within(0, 5)));
  made.trigger = static_cast<Trigger>(within(0, 4));
  if (one_in(2)) made.accepted_at.reset();
  if (one_in(2)) made.duration = 1ms * within(0, 1'000'000);
  if (one_in(2)) made.ready_replicas = within(0, 9);
  if (one_in(2)) made.decision = "01J0000000000000000000000B";
  made.policy = *rc::gen::string<std::string>();
  for (char& letter : made.policy) letter = static_cast<char>(letter & 0x7f);
  made.metrics = {{"a", any_value(9)}, {"b", *rc::gen::nonNegative<int>() / 3.0}};
  made.token = *rc::gen::nonNegative<std::int64_t>();
  RC_ASSERT(event_from_json(to_json(made)) == made);
}

RC_GTEST_PROP(Json, AProcessThatGetsOnlyTextDecidesTheSameBits, ()) {
  Life life;
  life.live(within(0, 25));
  const Snapshot seen = life.any_next(1ms * within(1, 60'000));
  const std::string snapshot_text = to_json(life.policy(), seen);
  const std::string state_text = to_json(life.policy(), life.state);
  const Decision decision = decide(life.policy(), seen, life.state);

  const Policy policy = testing::policy_of(life.policy().to_json());
  DecisionState state = state_from_json(policy, state_text);
  const Decision again = decide(policy, snapshot_from_json(policy, snapshot_text), state);
  RC_ASSERT(again == decision);
  RC_ASSERT(to_json(policy, again, &state) == to_json(life.policy(), decision, &life.state));
}

TEST(Json, AReadingMovedPastItsLimitDecidesOtherwise) {
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 9, "rules":
          [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]})");
  DecisionState first;
  DecisionState second;
  const auto on = decide(policy, testing::snapshot(3, {Reading::of(70)}), first);
  const auto past = decide(policy, testing::snapshot(3, {Reading::of(70.001)}), second);
  EXPECT_NE(to_json(policy, on), to_json(policy, past));
  EXPECT_EQ(past.to_replicas, 4);
}

TEST(State, StaysUnder8KiBWhateverTheTick) {
  // Twenty rules, windows of an hour, a tick every 250 ms, numbers that let nothing be forgotten:
  // the wish falls for twenty minutes (long for the way down), then rises (long for the way up).
  std::string rules;
  for (int i = 0; i < 20; ++i) {
    rules += R"({"name": "rule )" + std::to_string(i) +
             R"(", "type": "threshold", "metric": "cpu_usage", "scaleUp": )" +
             std::to_string(1000 + i) + R"(, "scaleDown": 900, "scaleDownFor": "1h"},)";
  }
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 100000, "rules": [)" + rules +
      R"({"type": "target", "metric": "requests_per_second", "targetPerReplica": 1}],
          "behavior": {"scaleUp": {"stabilizationWindowSeconds": 3600, "policies": []},
                       "scaleDown": {"stabilizationWindowSeconds": 3600, "policies": []}}})");
  DecisionState state;
  Decision decision;
  Snapshot seen = testing::snapshot(50'000, {Reading::of(1), Reading::of(0)});
  std::size_t largest = 0;
  for (int tick = 0; tick < 9600; ++tick) {
    seen.at = testing::start + tick * 250ms;
    const int wanted = tick < 4800 ? 90'000 - tick : 10'000 + tick;
    seen.metrics[1] = Reading::of(wanted);
    decide(policy, seen, state, decision);
    if (tick % 100 == 0) largest = std::max(largest, to_json(policy, state).size());
  }
  EXPECT_LT(largest, 8192U);
  EXPECT_GT(state.up_window.size() + state.down_window.size(), 33U) << "the windows were at work";
}

TEST(State, StaysUnder8KiBWhateverIsDelayed) {
  // Six loads that fall for an hour: every result is needed once those before it are forgotten.
  std::string rules;
  for (int i = 0; i < 6; ++i) {
    rules += R"({"name": "rule )" + std::to_string(i) +
             R"(", "type": "concurrency", "metric": "requests_per_second", "targetPerReplica": 1,
                 "scaleDownDelay": "1h"},)";
  }
  rules.pop_back();
  const Policy policy = testing::policy_of(
      R"({"service": "backend", "maxReplicas": 100000, "rules": [)" + rules + "]}");
  DecisionState state;
  Decision decision;
  Snapshot seen = testing::snapshot(50'000, {Reading::of(0)});
  for (int tick = 0; tick < 1800; ++tick) {
    seen.at = testing::start + tick * 2s;
    seen.metrics[0] = Reading::of(90'000 - tick);
    decide(policy, seen, state, decision);
    ASSERT_LT(to_json(policy, state).size(), 8192U);
  }
  EXPECT_EQ(state.rules[5].delayed.size(), 5U) << "the delays were at work";
}

TEST(State, APolicyThatCouldNotStayUnder8KiBIsRefused) {
  const auto load = [](int rules, std::size_t length) {
    std::string text;
    for (int i = 0; i < rules; ++i) {
      text += R"({"name": ")" + std::string(length, 'r') + std::to_string(i) +
              R"(", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},)";
    }
    text.pop_back();
    return load_policies(R"({"service": "backend", "maxReplicas": 9, "rules": [)" + text + R"(],
        "behavior": {"scaleUp": {"stabilizationWindowSeconds": 60}}})");
  };
  EXPECT_EQ(load(20, 20).policies.size(), 1U);
  EXPECT_THROW(load(40, 20), Error);
  EXPECT_THROW(load(20, 100), Error);
}

}  // namespace
}  // namespace selfscale
