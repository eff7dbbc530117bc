// What a look at the host and at this process costs. compare.py runs it beside psutil.
//
//     sampling_benchmark hot SAMPLES           microseconds for one sample like psutil's, and for a
//     whole one sampling_benchmark thread HERTZ SECONDS  percent of a core, for samples like
//     psutil's sampling_benchmark agent HERTZ SECONDS   the same for whole samples, each with an
//     evaluation
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <selfscale/decide.hpp>
#include <selfscale/policy.hpp>
#include <string>
#include <string_view>
#include <thread>

#include "agent/clock.hpp"
#include "agent/sampler.hpp"
#include "agent/snapshot.hpp"
#include "policy/compiled.hpp"
#include "sampling/cgroup.hpp"
#include "sampling/descriptors.hpp"
#include "sampling/host.hpp"
#include "sampling/pressure.hpp"
#include "sampling/process.hpp"

namespace {

using namespace selfscale;

constexpr std::string_view policies = R"({"policies": [{"service": "web", "maxReplicas": 10,
  "evaluationInterval": "1s",
  "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30}]}]})";

volatile double kept = 0.0;

/// The host's CPU, memory and load; this process's CPU, memory, threads and open files.
class LikePsutil {
 public:
  void sample() {
    const auto cpu = host_.read_cpu();
    const auto memory = host_.read_memory();
    const auto load = host_.read_load_average();
    const auto process = processes_.read(::getpid());
    const auto files = sampling::count_open_files(::getpid());
    kept = cpu->busy_seconds + memory->available_bytes + *load + process->cpu_seconds + *files;
  }

 private:
  sampling::Host host_;
  sampling::Processes processes_;
};

/// That, the network, pressure and the control group.
class Whole {
 public:
  void sample() {
    like_psutil_.sample();
    const auto network = host_.read_network_bytes();
    const auto stalled = pressure_.read(buffer_);
    const auto cpu = cgroup_.read_cpu();
    const auto memory = cgroup_.read_memory();
    kept = network.value_or(0.0) + stalled.cpu_seconds.value_or(0.0) +
           (cpu ? cpu->used_seconds : 0.0) + (memory ? memory->used_bytes : 0.0);
  }

 private:
  LikePsutil like_psutil_;
  sampling::Host host_;
  sampling::Cgroup cgroup_ = sampling::Cgroup::find();
  sampling::Pressure pressure_{sampling::Cgroup::find_version_2()};
  std::string buffer_;
};

/// What an agent does: samples, readings over windows, a snapshot, a decision.
class Evaluating {
 public:
  Evaluating() { readings_.watch(policy_.compiled().metrics); }
  void sample() {
    const auto now = clock_.now();
    readings_.feed(sampler_.sample(now, nullptr, registry_.block(), "web-1", {}));
    surroundings_.at = now;
    surroundings_.wall_time_seconds = agent::wall_seconds();
    decide(policy_, maker_.make(policy_, readings_, surroundings_), state_, decision_);
    kept = decision_.to_replicas;
  }

 private:
  Policy policy_ = load_policies(policies).policies.front();
  metrics::Registry registry_;
  agent::EngineClock clock_;
  agent::Sampler sampler_;
  agent::Readings readings_{false};
  agent::SnapshotMaker maker_;
  agent::Surroundings surroundings_;
  DecisionState state_;
  Decision decision_;
};

double microseconds_for(int samples, const std::function<void()>& sample) {
  sample();
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < samples; ++i) sample();
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  return took.count() / samples;
}

double percent_of_a_core(double hertz, double seconds, const std::function<void()>& sample) {
  sample();
  const std::chrono::duration<double> period{1.0 / hertz};
  const auto began = std::chrono::steady_clock::now();
  const double used = agent::process_cpu_seconds();
  const int turns = static_cast<int>(hertz * seconds);
  for (int i = 1; i <= turns; ++i) {
    std::this_thread::sleep_until(began + i * period);
    sample();
  }
  return 100.0 * (agent::process_cpu_seconds() - used) / seconds;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view mode = count > 2 ? arguments[1] : "";
  const double first = count > 2 ? std::atof(arguments[2]) : 0.0;
  const double seconds = count > 3 ? std::atof(arguments[3]) : 0.0;
  LikePsutil like_psutil;
  Whole whole;
  Evaluating evaluating;
  if (mode == "hot") {
    const int samples = static_cast<int>(first);
    std::printf("%f %f\n", microseconds_for(samples, [&] { like_psutil.sample(); }),
                microseconds_for(samples, [&] { whole.sample(); }));
  } else if (mode == "thread") {
    std::printf("%f\n", percent_of_a_core(first, seconds, [&] { like_psutil.sample(); }));
  } else if (mode == "agent") {
    std::printf("%f\n", percent_of_a_core(first, seconds, [&] { evaluating.sample(); }));
  } else {
    std::fputs("sampling_benchmark hot SAMPLES | thread HERTZ SECONDS | agent HERTZ SECONDS\n",
               stderr);
    return 2;
  }
}
