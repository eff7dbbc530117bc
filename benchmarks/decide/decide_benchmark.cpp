// Time of one decide(), on the load that peers/load_test.go gives to Kubernetes' and Knative's
// autoscalers: compare.py runs both sides in turn.
#include <benchmark/benchmark.h>

#include <array>
#include <selfscale/decide.hpp>
#include <string>

namespace {

using namespace selfscale;

// Four evaluations in turn, each well outside the tolerance.
constexpr std::size_t turns = 4;
constexpr std::array<double, turns> totals{117, 143, 257,
                                           283};               // requests per second, whole service
constexpr std::array<double, turns> percents{35, 43, 77, 85};  // mean over the instances
constexpr int replicas_of_external = 10;
constexpr Duration tick{15'000};
constexpr double noon = 1795694400.0;  // 2026-11-26T12:00Z, for schedules

/// How far an instance lies from the mean; five in a row make up for each other.
double spread(int instance) { return instance % 5 - 2; }

Policy policy_of(const std::string& rules, const std::string& metrics = "",
                 const std::string& schedules = "") {
  return load_policies(R"({"service": "web", "minReplicas": 1, "maxReplicas": 1000,
    "schedules": [)" + schedules +
                       R"(],
    "behavior": {"scaleUp": {"stabilizationWindowSeconds": 0}, "scaleDown": {"stabilizationWindowSeconds": 0}},
    "metrics": [)" + metrics +
                       R"(], "rules": [)" + rules + "]}")
      .policies.at(0);
}

/// Rules on CPU, memory, then metrics of the app, each with a target of its own.
Policy policy_of_instances(int count) {
  std::string metrics;
  std::string rules;
  for (int i = 0; i < count; ++i) {
    const std::string name = i == 0   ? "cpu_usage"
                             : i == 1 ? "memory_usage"
                                      : "load_" + std::to_string(i);
    const std::string comma = i == 0 ? "" : ",";
    metrics += comma + R"({"name": ")" + name + R"("})";
    rules += comma + R"({"type": "target", "metric": ")" + name + R"(", "target": )" +
             std::to_string(60 + i) + "}";
  }
  return policy_of(rules, metrics);
}

Reading reading_of(double percent, int rule) {
  Reading reading = Reading::of(percent);
  if (rule < 2) {
    reading.amount = percent / 100.0;
    reading.capacity = 1.0;
  }
  return reading;
}

Snapshot snapshot_of_instances(int count, int rules, double percent) {
  Snapshot snapshot;
  snapshot.platform = {count, count, count, false, {}};
  snapshot.metrics.resize(static_cast<std::size_t>(rules));
  for (int i = 0; i < count; ++i) {
    Instance instance;
    instance.id = "web-" + std::to_string(i);
    for (int rule = 0; rule < rules; ++rule)
      instance.metrics.emplace_back(reading_of(percent + spread(i), rule));
    snapshot.instances.push_back(std::move(instance));
  }
  return snapshot;
}

/// Times decide() over the turns, and reports what it wanted on average: proof of the same inputs.
void measure(benchmark::State& run, const Policy& policy, std::array<Snapshot, turns> snapshots) {
  DecisionState state;
  Decision decision;
  Instant now{};
  std::size_t turn = 0;
  const auto evaluate = [&] {
    snapshots[turn].at = now += tick;
    decide(policy, snapshots[turn], state, decision);
    turn = (turn + 1) % turns;
    return decision.to_replicas;
  };
  int wanted = 0;
  for (std::size_t i = 0; i < turns; ++i) wanted += evaluate();
  for (auto _ : run) benchmark::DoNotOptimize(evaluate());
  run.counters["wanted"] = wanted / static_cast<double>(turns);
}

/// The load of the whole service.
void measure_external(benchmark::State& run, const Policy& policy) {
  std::array<Snapshot, turns> snapshots;
  for (std::size_t turn = 0; turn < turns; ++turn) {
    constexpr int count = replicas_of_external;
    snapshots[turn].wall_time_seconds = noon;
    snapshots[turn].platform = {count, count, count, false, {}};
    snapshots[turn].metrics = {Reading::of(totals[turn])};
  }
  measure(run, policy, std::move(snapshots));
}

constexpr auto target_rule =
    R"({"type": "target", "metric": "requests_per_second", "targetPerReplica": 20})";

void external(benchmark::State& run) { measure_external(run, policy_of(target_rule)); }
BENCHMARK(external);

/// Four steps, of which each turn takes another.
void step(benchmark::State& run) {
  measure_external(run, policy_of(R"({"type": "step", "metric": "requests_per_second", "steps": [
    {"to": 120, "by": -4}, {"from": 120, "to": 150, "by": -2},
    {"from": 250, "to": 270, "by": 3}, {"from": 270, "by": 5}]})"));
}
BENCHMARK(step);

void backlog(benchmark::State& run) {
  measure_external(run, policy_of(R"({"type": "backlog", "metric": "queue_length",
    "targetLatency": "10s", "throughputPerReplica": 2})"));
}
BENCHMARK(backlog);

/// A window and a set-and-hold schedule, in a zone whose clocks change.
void schedules(benchmark::State& run) {
  measure_external(run, policy_of(target_rule, "", R"(
    {"name": "day", "from": "08:00", "to": "20:00", "minReplicas": 5, "timezone": "Europe/Berlin"},
    {"name": "week", "cron": "0 6 * * mon", "maxReplicas": 500, "timezone": "Europe/Berlin"})"));
}
BENCHMARK(schedules);

void measure_instances(benchmark::State& run, int rules) {
  std::array<Snapshot, turns> snapshots;
  for (std::size_t turn = 0; turn < turns; ++turn)
    snapshots[turn] = snapshot_of_instances(static_cast<int>(run.range(0)), rules, percents[turn]);
  measure(run, policy_of_instances(rules), std::move(snapshots));
}

void instances(benchmark::State& run) { measure_instances(run, 1); }
BENCHMARK(instances)->Arg(10)->Arg(100);

void ten_rules(benchmark::State& run) { measure_instances(run, 10); }
BENCHMARK(ten_rules)->Arg(100);

/// The same through JSON texts, as the Python package and the command line do it.
void from_text(benchmark::State& run) {
  const Policy policy = policy_of_instances(1);
  const std::string text =
      to_json(policy, snapshot_of_instances(static_cast<int>(run.range(0)), 1, percents.front()));
  DecisionState state;
  for (auto _ : run) {
    const Decision decision = decide(policy, snapshot_from_json(policy, text), state);
    benchmark::DoNotOptimize(to_json(policy, decision, &state).size());
  }
}
BENCHMARK(from_text)->Arg(10)->Arg(100);

}  // namespace
