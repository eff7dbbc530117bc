// What one recording costs in C++, beside prometheus-cpp: one thread, kernels in turn within each
// round, so that the machine's drift hits all alike. Every kernel contains the loop that makes its
// values; "net" is over that loop alone.
//
//     hot_path_benchmark [ROUNDS]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <selfscale/agent.hpp>
#include <string>
#include <utility>
#include <vector>

#ifdef HAS_PROMETHEUS
#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#endif

namespace {

constexpr int turns = 2'000'000;

/// Values without a pattern that a processor could learn.
class Xorshift {
 public:
  std::uint64_t next() noexcept {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return state_;
  }
  /// 1 ms to 1 s, in seconds.
  double seconds() noexcept { return 0.001 + static_cast<double>(next() >> 44U) * 9.5e-7; }

 private:
  std::uint64_t state_ = 88172645463325252ULL;
};

volatile std::uint64_t kept = 0;
volatile double kept_seconds = 0.0;

/// Nanoseconds a turn.
template <class Turn>
double time_of(Turn turn) {
  Xorshift random;
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < turns; ++i) turn(random);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - started;
  kept = random.next();
  return took.count() / turns;
}

struct Spread {
  double low, middle, high;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&values](double q) {
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
  };
  return {at(0.25), at(0.5), at(0.75)};
}

std::vector<double> combined(const std::vector<double>& one, const std::vector<double>& other,
                             double (*how)(double, double)) {
  std::vector<double> all;
  for (std::size_t i = 0; i < one.size(); ++i) all.push_back(how(one[i], other[i]));
  return all;
}
double difference(double one, double other) { return one - other; }
double ratio(double one, double other) { return one / other; }

void print(const std::string& name, const Spread& gross, const Spread& net) {
  std::printf("%-34s %7.2f [%.2f %.2f] %12.2f [%.2f %.2f]\n", name.c_str(), gross.middle, gross.low,
              gross.high, net.middle, net.low, net.high);
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::max(3, std::atoi(arguments[1])) : 15;
  selfscale::Agent agent{{}};
  const auto counter = agent.counter("orders");
  const auto took = agent.distribution("took");
  const auto gauge = agent.gauge("running");

  std::vector<std::pair<std::string, std::function<double()>>> kernels{
      {"loop", [] { return time_of([](Xorshift& random) { random.next(); }); }},
      {"loop with a duration",
       [] {
         double sum = 0.0;
         const double spent = time_of([&sum](Xorshift& random) { sum += random.seconds(); });
         kept_seconds = sum;
         return spent;
       }},
      {"selfscale Counter::inc",
       [&] {
         return time_of([&](Xorshift& random) {
           random.next();
           counter.inc();
         });
       }},
      {"selfscale Distribution::observe",
       [&] { return time_of([&](Xorshift& random) { took.observe(random.seconds()); }); }},
      {"selfscale Gauge::inc, dec",
       [&] {
         return time_of([&](Xorshift& random) {
           random.next();
           gauge.inc();
           gauge.dec();
         });
       }},
  };
#ifdef HAS_PROMETHEUS
  prometheus::Counter peer_counter;
  prometheus::Histogram peer_histogram{prometheus::Histogram::BucketBoundaries{
      0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0}};
  kernels.emplace_back("prometheus-cpp Counter::Increment", [&] {
    return time_of([&](Xorshift& random) {
      random.next();
      peer_counter.Increment();
    });
  });
  kernels.emplace_back("prometheus-cpp Histogram::Observe", [&] {
    return time_of([&](Xorshift& random) { peer_histogram.Observe(random.seconds()); });
  });
#endif

  std::map<std::string, std::vector<double>> seen;
  for (const auto& [name, kernel] : kernels) kernel();
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [name, kernel] : kernels) seen[name].push_back(kernel());
  }

  std::printf("%-34s %21s %25s\n", "ns, one thread", "with the loop", "net");
  for (const auto& [name, kernel] : kernels) {
    const bool timed =
        name.find("observe") != std::string::npos || name.find("Observe") != std::string::npos;
    const auto& loop = seen[timed ? "loop with a duration" : "loop"];
    print(name, spread_of(seen[name]), spread_of(combined(seen[name], loop, difference)));
  }
#ifdef HAS_PROMETHEUS
  // Net of the loop our counter is too near to nothing for a ratio: it is held against its target.
  const double net =
      spread_of(combined(seen["selfscale Counter::inc"], seen["loop"], difference)).middle;
  const auto times = spread_of(combined(seen["prometheus-cpp Histogram::Observe"],
                                        seen["selfscale Distribution::observe"], ratio));
  std::printf("\nCounter::inc takes %.2f ns net; target: at most 0.4\n", net);
  std::printf(
      "prometheus-cpp's Histogram takes %.1f [%.1f %.1f] times as long; target: at least 8\n",
      times.middle, times.low, times.high);
  return net <= 0.4 && times.middle >= 8.0 ? 0 : 1;
#else
  std::printf("\nnot run: prometheus-cpp is not installed (apt-get install prometheus-cpp-dev)\n");
  return 0;
#endif
}
