// Time of one decide(): a threshold rule on CPU per instance and a target rule on an external
// metric.
//
//     cmake --preset release -DSELFSCALE_BENCHMARKS=ON && cmake --build --preset release -t
//     decide_benchmark build/release/benchmarks/cpp/decide_benchmark
#include <benchmark/benchmark.h>

#include <selfscale/decide.hpp>

namespace {

using namespace selfscale;

Policy the_policy() {
  return load_policies(R"({
    "service": "backend", "minReplicas": 2, "maxReplicas": 200,
    "rules": [
      {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30,
       "scaleUpFor": "2m"},
      {"name": "load", "type": "target", "metric": "requests_per_second", "targetPerReplica": 20}]})")
      .policies.at(0);
}

Snapshot of_instances(int count) {
  Snapshot snapshot;
  snapshot.platform = {count, count, count, false, {}};
  snapshot.metrics = {std::nullopt, Reading::of(20.0 * count)};
  for (int i = 0; i < count; ++i) {
    Instance instance;
    instance.id = "instance " + std::to_string(i);
    Reading reading = Reading::of(50.0 + i % 7);
    reading.amount = reading.value / 100.0;
    reading.capacity = 1.0;
    instance.metrics = {reading, std::nullopt};
    snapshot.instances.push_back(std::move(instance));
  }
  return snapshot;
}

void decide_once(benchmark::State& run) {
  const Policy policy = the_policy();
  Snapshot snapshot = of_instances(static_cast<int>(run.range(0)));
  DecisionState state;
  Decision decision;
  for (auto _ : run) {
    snapshot.at += Duration{15'000};
    decide(policy, snapshot, state, decision);
    benchmark::DoNotOptimize(decision.to_replicas);
  }
}
BENCHMARK(decide_once)->Arg(10)->Arg(100);

void decide_from_text(benchmark::State& run) {
  const Policy policy = the_policy();
  const std::string text = to_json(policy, of_instances(static_cast<int>(run.range(0))));
  DecisionState state;
  for (auto _ : run) {
    const Decision decision = decide(policy, snapshot_from_json(policy, text), state);
    benchmark::DoNotOptimize(to_json(policy, decision, &state).size());
  }
}
BENCHMARK(decide_from_text)->Arg(10)->Arg(100);

}  // namespace
