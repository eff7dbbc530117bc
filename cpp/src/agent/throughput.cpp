#include "agent/throughput.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace selfscale::agent {
namespace {

constexpr double fewest_jobs = 10.0;

bool is_over_zero(const InstanceTick& instance, std::string_view gauge) {
  const auto found = instance.gauges.find(gauge);
  return found != instance.gauges.end() && found->second > 0.0;
}

bool shows_what_it_has_in_hand(const InstanceTick& instance) {
  return instance.gauges.contains("busy_workers") || instance.gauges.contains("in_flight");
}

double sum_of(const Series<Amount>& series, Duration window) {
  double total = 0.0;
  for (const auto* point : series.window(window)) total += point->value.total;
  return total;
}

}  // namespace

bool is_busy(const InstanceTick& instance) {
  return is_over_zero(instance, "busy_workers") || is_over_zero(instance, "in_flight");
}

void JobThroughput::feed(const Tally& tally) {
  if (tally.is_first()) return;
  const auto& [from, to] = tally.interval();
  const double seconds = std::chrono::duration<double>{to - from}.count();
  double finished = 0.0;
  double busy = 0.0;
  for (const auto& [name, instance] : tally.instances()) {
    const auto jobs = instance.increments.find(jobs_finished_total);
    if (!instance.reports || jobs == instance.increments.end()) continue;
    finished += jobs->second;
    const bool was_busy =
        shows_what_it_has_in_hand(instance) ? is_busy(instance) : jobs->second > 0.0;
    if (was_busy) busy += seconds;
  }
  finished_.add(from, to, Amount{finished});
  busy_seconds_.add(from, to, Amount{busy});
}

std::optional<Throughput> JobThroughput::per_replica() const {
  const double jobs = sum_of(finished_, remembered);
  const double busy = sum_of(busy_seconds_, remembered);
  if (jobs < fewest_jobs || busy <= 0.0) return std::nullopt;
  constexpr double z = 1.96;
  const double root = 1.0 - 1.0 / (9.0 * jobs) - z / (3.0 * std::sqrt(jobs));
  constexpr double most = std::numeric_limits<int>::max();
  return Throughput{.value = jobs / busy,
                    .low = jobs * root * root * root / busy,
                    .samples = static_cast<int>(std::min(jobs, most))};
}

}  // namespace selfscale::agent
