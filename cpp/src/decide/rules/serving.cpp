#include "decide/rules/serving.hpp"

namespace selfscale {

std::optional<ServingValue> serving_value(const Situation& seen, std::size_t metric,
                                          Across across) noexcept {
  const MetricSpec& spec = seen.policy.metrics[metric];
  if (const Reading* reading = service_reading(seen, metric)) {
    if (!is_usable(*reading, spec)) return std::nullopt;
    return ServingValue{reading->value, reading->value, true};
  }
  Reduction values{across};
  int silent = 0;
  for (const Instance& instance : seen.snapshot.instances) {
    const Standing standing = serving_standing(instance, spec, metric);
    if (standing == Standing::ready) values.add(reading_of(instance, spec, metric)->value);
    if (standing == Standing::missing) ++silent;
  }
  if (values.count() == 0) return std::nullopt;
  ServingValue found{values.value(), values.value(), silent == 0};
  values.add(0.0, silent);
  found.for_up = values.value();
  return found;
}

}  // namespace selfscale
