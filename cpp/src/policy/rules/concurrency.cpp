// A concurrency rule: Knative's autoscaler.
#include <algorithm>

#include "policy/duration.hpp"
#include "policy/rules/rule.hpp"
#include "policy/write.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;

constexpr double least_target = 0.01;  // Knative's
constexpr double largest_load = 1e15;
constexpr double knative_utilization = 0.7;

/// A tenth of the window in whole seconds, at least one.
Duration panic_window_of(Duration window) {
  return std::max<Duration>(1s, std::chrono::round<std::chrono::seconds>(window / 10));
}

void read_loads(Reader& reader, ConcurrencyRule& rule) {
  const auto target = reader.number("targetPerReplica", least_target, largest_load);
  if (!reader.has("targetPerReplica")) reader.required("targetPerReplica", "70");
  rule.target = target.value_or(rule.target);
  rule.capacity = reader.number("capacityPerReplica", 0.0, largest_load)
                      .value_or(rule.target / knative_utilization);
  rule.target_burst_capacity =
      reader.number("targetBurstCapacity", -1.0, largest_load).value_or(rule.target_burst_capacity);
}

void read_windows(Reader& reader, ConcurrencyRule& rule) {
  rule.window = reader.duration("window").value_or(rule.window);
  rule.panic_window = reader.duration("panicWindow").value_or(panic_window_of(rule.window));
  if (rule.window < 1s) reader.wrong("window", "must be at least 1s");
  if (rule.panic_window <= 0s) reader.wrong("panicWindow", "must be above 0");
  if (reader.has("panicWindow") && rule.panic_window > rule.window) {
    reader.wrong("panicWindow", "must not be longer than window, which is " + to_text(rule.window));
  }
  rule.scale_down_delay = reader.duration("scaleDownDelay").value_or(rule.scale_down_delay);
}

/// A rate of 1 would never let the count change.
void read_rate(Reader& reader, std::string_view key, double& rate) {
  rate = reader.number(key, 1.0, 1e6).value_or(rate);
  if (rate == 1.0) reader.wrong(key, "must be above 1: the count could never change");
}

RuleKind read(Reader& reader, const RuleDefaults&) {
  ConcurrencyRule rule;
  read_loads(reader, rule);
  read_windows(reader, rule);
  rule.panic_threshold =
      reader.number("panicThreshold", 1.0, 1000.0).value_or(rule.panic_threshold);
  read_rate(reader, "maxScaleUpRate", rule.max_scale_up_rate);
  read_rate(reader, "maxScaleDownRate", rule.max_scale_down_rate);
  rule.activation_scale =
      reader.whole("activationScale", 0, most_replicas).value_or(rule.activation_scale);
  rule.initial_scale = reader.whole("initialScale", 0, most_replicas).value_or(rule.initial_scale);
  return rule;
}

void write(const RuleKind& kind, Json& json) {
  const auto& rule = std::get<ConcurrencyRule>(kind);
  json["targetPerReplica"] = json_number(rule.target);
  json["capacityPerReplica"] = json_number(rule.capacity);
  json["targetBurstCapacity"] = json_number(rule.target_burst_capacity);
  json["window"] = to_text(rule.window);
  json["panicWindow"] = to_text(rule.panic_window);
  json["panicThreshold"] = json_number(rule.panic_threshold);
  json["maxScaleUpRate"] = json_number(rule.max_scale_up_rate);
  json["maxScaleDownRate"] = json_number(rule.max_scale_down_rate);
  json["scaleDownDelay"] = to_text(rule.scale_down_delay);
  json["activationScale"] = rule.activation_scale;
  json["initialScale"] = rule.initial_scale;
}

bool can_lower(const RuleKind&) { return true; }

}  // namespace

extern const RuleType concurrency_type{"concurrency", read, write, can_lower};

}  // namespace selfscale
