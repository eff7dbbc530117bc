// A program that scales its own worker threads by the length of its queue.
//
//     cmake -S examples/cpp -B build/example -DCMAKE_PREFIX_PATH=/where/selfscale/was/installed
//     cmake --build build/example && build/example/workers
//
// It runs for a few seconds: the queue fills, workers are added; it empties, and they go again.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <selfscale/agent.hpp>
#include <thread>

namespace {

constexpr auto policy = R"({
  "policies": [{
    "service": "workers", "enabled": true, "minReplicas": 1, "maxReplicas": 8, "evaluationInterval": "100ms",
    "metrics": [{"name": "queue_length", "aggregation": "last", "window": "1s"}],
    "rules": [{"name": "queue", "type": "target", "metric": "queue_length", "targetPerReplica": 10}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 1}}
  }]
})";

}  // namespace

int main() {
  std::atomic<int> workers{1};

  selfscale::AgentOptions options;
  options.policies_text = policy;
  options.service = "workers";
  options.enable = true;  // a person's word: here, yours, by starting the example
  options.enabled_by = "example";
  options.driver.scale = [&workers](int replicas) { workers = replicas; };
  options.driver.capabilities.scope = selfscale::Capabilities::Scope::host;
  options.driver.observe = [&workers] {
    const int count = workers;
    return selfscale::ReplicaCounts{count, count, count};
  };

  selfscale::Agent agent{options};
  const selfscale::Gauge queue = agent.gauge("queue_length");
  agent.start();

  double waiting = 0.0;
  int most = 1;
  for (int tick = 0; tick < 80; ++tick) {
    const double arrived = tick < 30 ? 4.0 : 0.0;
    waiting = std::max(0.0, waiting + arrived - 0.7 * workers);
    queue.set(waiting);
    most = std::max(most, workers.load());
    if (tick % 10 == 0) std::cout << "waiting " << waiting << ", workers " << workers << '\n';
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  agent.stop();

  std::cout << "at most " << most << " workers, in the end " << workers << '\n';
  return most > 1 && workers == 1 ? 0 : 1;
}
