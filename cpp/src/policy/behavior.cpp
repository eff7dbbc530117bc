#include "policy/behavior.hpp"

#include <array>

#include "policy/duration.hpp"
#include "policy/metrics.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;
using Type = ScalingPolicy::Type;

constexpr double longest_window_seconds = 3600.0;
constexpr int longest_period_seconds = 1800;

constexpr std::pair<std::string_view, SelectPolicy> select_policies[] = {
    {"Max", SelectPolicy::max}, {"Min", SelectPolicy::min}, {"Disabled", SelectPolicy::disabled}};
constexpr std::pair<std::string_view, Type> policy_types[] = {{"Pods", Type::pods},
                                                              {"Percent", Type::percent}};

/// autoscaling/v2's defaults (pkg/apis/autoscaling/v2/defaults.go).
DirectionBehavior default_scale_up() {
  return {0s, 0s, SelectPolicy::max, {{Type::pods, 4, 15s}, {Type::percent, 100, 15s}}};
}
DirectionBehavior default_scale_down() {
  return {300s, 0s, SelectPolicy::max, {{Type::percent, 100, 15s}}};
}

Duration of_seconds(double seconds) {
  return std::chrono::round<Duration>(std::chrono::duration<double>{seconds});
}

Json to_seconds(Duration duration) {
  return json_number(static_cast<double>(duration.count()) / 1000.0);
}

ScalingPolicy read_policy(Reader& reader) {
  ScalingPolicy policy;
  policy.type = reader.choice<Type>("type", policy_types).value_or(policy.type);
  policy.value = reader.whole("value", 1, most_replicas).value_or(policy.value);
  const auto period = reader.whole("periodSeconds", 1, longest_period_seconds);
  policy.period = 1s * period.value_or(15);
  if (!reader.has("type")) reader.required("type", R"("Pods" or "Percent")");
  if (!reader.has("value")) reader.required("value", "4");
  if (!reader.has("periodSeconds")) reader.required("periodSeconds", "60");
  return policy;
}

void read_direction(Reader& behavior, std::string_view key, DirectionBehavior& direction,
                    double& tolerance, double largest_tolerance) {
  behavior.object(key, [&](Reader& reader) {
    const auto window = reader.number("stabilizationWindowSeconds", 0.0, longest_window_seconds);
    if (window) direction.stabilization_window = of_seconds(*window);
    direction.cooldown = reader.duration("cooldown").value_or(direction.cooldown);
    direction.select_policy =
        reader.choice<SelectPolicy>("selectPolicy", select_policies).value_or(SelectPolicy::max);
    if (reader.has("policies")) direction.policies.clear();
    reader.objects("policies",
                   [&](Reader& policy) { direction.policies.push_back(read_policy(policy)); });
    tolerance = reader.number("tolerance", 0.0, largest_tolerance).value_or(tolerance);
  });
}

/// An HPA without behavior; its numbers are flags of Kubernetes' controller manager, or built in.
void read_kubernetes(Reader& reader, CompiledPolicy& policy) {
  reader.one_of("as", std::array<std::string_view, 1>{"kubernetes"});
  KubernetesLimits limits;
  limits.scale_up_limit_factor =
      reader.number("scaleUpLimitFactor", 1.0, 1000.0).value_or(limits.scale_up_limit_factor);
  limits.scale_up_limit_minimum = reader.number("scaleUpLimitMinimum", 1.0, most_replicas)
                                      .value_or(limits.scale_up_limit_minimum);
  const auto window = reader.number("downscaleStabilizationSeconds", 0.0, longest_window_seconds);
  policy.scale_down.stabilization_window = of_seconds(window.value_or(300.0));
  policy.kubernetes = limits;
}

void read_directions(Reader& reader, CompiledPolicy& policy, RuleDefaults& defaults) {
  policy.scale_up = default_scale_up();
  policy.scale_down = default_scale_down();
  read_direction(reader, "scaleUp", policy.scale_up, defaults.tolerance_up, largest_tolerance_up);
  read_direction(reader, "scaleDown", policy.scale_down, defaults.tolerance_down,
                 largest_tolerance_down);
}

Json direction_to_json(const DirectionBehavior& behavior) {
  Json policies = Json::array();
  for (const ScalingPolicy& policy : behavior.policies) {
    policies.push_back({{"type", spelled(policy.type, policy_types)},
                        {"value", policy.value},
                        {"periodSeconds", to_seconds(policy.period)}});
  }
  return {{"stabilizationWindowSeconds", to_seconds(behavior.stabilization_window)},
          {"cooldown", to_text(behavior.cooldown)},
          {"selectPolicy", spelled(behavior.select_policy, select_policies)},
          {"policies", std::move(policies)}};
}

}  // namespace

void read_behavior(Reader& reader, CompiledPolicy& policy, RuleDefaults& defaults) {
  const Json* value = reader.find("behavior");
  if (value == nullptr || *value == "none") return;
  if (*value == "kubernetes") {
    policy.scale_down.stabilization_window = 300s;
    policy.kubernetes = KubernetesLimits{};
    return;
  }
  if (!value->is_object()) {
    return reader.wrong("behavior",
                        R"(must be "kubernetes", "none" or an object with scaleUp and scaleDown)");
  }
  reader.object("behavior", [&](Reader& behavior) {
    if (behavior.has("as")) return read_kubernetes(behavior, policy);
    read_directions(behavior, policy, defaults);
  });
}

Json behavior_to_json(const CompiledPolicy& policy) {
  if (!policy.kubernetes) {
    return {{"scaleUp", direction_to_json(policy.scale_up)},
            {"scaleDown", direction_to_json(policy.scale_down)}};
  }
  return {{"as", "kubernetes"},
          {"scaleUpLimitFactor", json_number(policy.kubernetes->scale_up_limit_factor)},
          {"scaleUpLimitMinimum", json_number(policy.kubernetes->scale_up_limit_minimum)},
          {"downscaleStabilizationSeconds", to_seconds(policy.scale_down.stabilization_window)}};
}

}  // namespace selfscale
