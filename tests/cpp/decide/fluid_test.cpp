// In a fluid model, where the replicas that serve share a constant load evenly, the count comes to
// rest: for every policy that is accepted without a hint.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "decide/policies_fixture.hpp"
#include "policy/rules/rule.hpp"

namespace selfscale {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr Duration interval = 15s;

int within(int least, int most) {
  return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(least, most + 1));
}
bool one_in(int n) { return within(1, n) == 1; }
std::string any_seconds(int most) { return std::to_string(within(0, most / 15) * 15) + "s"; }
template <class T>
T any_of(std::initializer_list<T> choices) {
  return *(choices.begin() + within(0, static_cast<int>(choices.size()) - 1));
}

/// Percent, requests or an app's carts of one replica; memory and the queue do not depend on their
/// number.
std::string any_metric() {
  return any_of<const char*>(
      {"cpu_usage", "in_flight", "requests_per_second", "carts", "memory_usage", "queue_length"});
}

Json any_threshold() {
  const int up = within(20, 90);
  Json rule{{"type", "threshold"}, {"metric", any_metric()}};
  if (one_in(5)) rule["comparison"] = any_of<const char*>({"less_than", "percentage_change"});
  const bool low_is_bad = rule.value("comparison", "") == "less_than";
  const int down = low_is_bad ? up + within(1, 60) : within(1, up - 1);
  if (!one_in(8)) rule["scaleUp"] = up;
  if (!one_in(8) || !rule.contains("scaleUp")) rule["scaleDown"] = down;
  if (one_in(3)) rule["scaleUpFor"] = any_seconds(120);
  if (one_in(3)) rule["scaleDownFor"] = any_seconds(300);
  if (one_in(3)) rule["scaleUpBy"] = within(1, 4);
  if (one_in(3)) rule["scaleDownBy"] = within(1, 3);
  return rule;
}

Json any_target() {
  Json rule{{"type", "target"}, {"metric", any_metric()}};
  rule[one_in(2) ? "target" : "targetPerReplica"] = within(5, 90);
  if (one_in(3)) rule["tolerance"] = within(0, 30) / 100.0;
  if (one_in(5))
    rule["tolerance"] = {{"up", within(1, 30) / 100.0}, {"down", within(0, 30) / 100.0}};
  if (one_in(4)) {
    rule["as"] = "ecs";
    rule.erase("tolerance");
    rule.erase("targetPerReplica");
    rule["target"] = within(5, 90);
    rule["scaleOutCooldown"] = any_seconds(300);
    rule["scaleInCooldown"] = any_seconds(300);
  }
  if (one_in(6)) rule["disableScaleIn"] = true;
  return rule;
}

Json any_step() {
  const int high = within(30, 80);
  const bool is_percent = one_in(3);
  const int by = is_percent ? 20 : 1;
  Json rule{{"type", "step"}, {"metric", any_metric()}, {"cooldown", any_seconds(300)}};
  if (is_percent) rule["adjustment"] = "percent";
  if (is_percent && one_in(2)) rule["minAdjustment"] = within(1, 3);
  if (one_in(4)) {
    rule["adjustment"] = "exact";
    const int few = within(1, 6);
    rule["steps"] = Json::array(
        {{{"to", within(1, high)}, {"by", few}}, {{"from", high}, {"by", few + within(1, 6)}}});
    return rule;
  }
  rule["steps"] = Json::array({{{"to", within(1, high - 1)}, {"by", -by * within(1, 2)}},
                               {{"from", high}, {"to", high + 20}, {"by", by * within(1, 2)}},
                               {{"from", high + 20}, {"by", by * within(2, 5)}}});
  return rule;
}

Json any_backlog() {
  Json rule{{"type", "backlog"}, {"metric", "queue_length"}, {"targetLatency", "30s"}};
  rule["throughputPerReplica"] = within(1, 40) / 10.0;
  if (one_in(3)) rule["oldest"] = "queue_latency";
  if (one_in(3)) rule["running"] = "busy_workers";
  return rule;
}

Json any_concurrency() {
  Json rule{{"type", "concurrency"}, {"metric", "in_flight"}, {"targetPerReplica", within(5, 60)}};
  if (one_in(2)) rule["scaleDownDelay"] = any_seconds(120);
  if (one_in(3)) rule["initialScale"] = within(1, 4);
  return rule;
}

Json any_rule() {
  switch (within(0, 6)) {
    case 0:
      return any_step();
    case 1:
      return any_backlog();
    case 2:
      return any_concurrency();
    case 3:
    case 4:
      return any_target();
    default:
      return any_threshold();
  }
}

Json any_limits() {
  Json limits = Json::array();
  for (int i = within(0, 2); i > 0; --i) {
    const bool is_percent = one_in(2);
    limits.push_back({{"type", is_percent ? "Percent" : "Pods"},
                      {"value", is_percent ? within(20, 200) : within(1, 6)},
                      {"periodSeconds", within(1, 12) * 15}});
  }
  return limits;
}

Json any_behavior() {
  switch (within(0, 3)) {
    case 0:
      return "none";
    case 1:
      return "kubernetes";
    default:
      return {{"scaleUp",
               {{"stabilizationWindowSeconds", within(0, 8) * 15},
                {"cooldown", any_seconds(120)},
                {"policies", any_limits()}}},
              {"scaleDown",
               {{"stabilizationWindowSeconds", within(0, 20) * 15},
                {"cooldown", any_seconds(300)},
                {"policies", any_limits()}}}};
  }
}

/// To no replicas and back: the rules alone say when, or `scaleToZero` does.
void let_sleep(Json& policy) {
  policy["minReplicas"] = 0;
  if (one_in(2)) return;
  policy["scaleToZero"] = {{"cooldown", any_seconds(300)}};
  for (Json& rule : policy["rules"]) {
    if (rule["metric"] == "queue_length" && one_in(2)) rule["activation"] = within(0, 90);
  }
}

Json any_policy() {
  const int least = within(1, 4);
  Json policy{
      {"service", "backend"}, {"minReplicas", least}, {"maxReplicas", least + within(0, 12)}};
  policy["metrics"] =
      Json::array({{{"name", "carts"}},
                   {{"name", "cpu_usage"}, {"of", any_of<const char*>({"limit", "request"})}},
                   {{"name", "requests_per_second"},
                    {"across", any_of<const char*>({"avg", "max", "min", "sum"})}}});
  for (int i = within(1, 3); i > 0; --i) policy["rules"].push_back(any_rule());
  if (one_in(3)) let_sleep(policy);
  if (!one_in(3)) policy["behavior"] = any_behavior();
  if (one_in(4)) {
    policy["combine"] = {{"up", any_of<const char*>({"any", "all"})},
                         {"down", any_of<const char*>({"any", "all"})}};
  }
  return policy;
}

/// One that nothing is said against.
Policy any_accepted_policy() {
  for (;;) {
    try {
      const PolicyDocument document = load_policies(any_policy().dump());
      if (document.hints.empty()) return document.policies.front();
    } catch (const PolicyError&) {  // such as: no rule can ever ask for fewer
    }
  }
}

/// What lies on the service, shared by the replicas that serve.
struct Fluid {
  double total = within(0, 4000) / 4.0;
  double memory = within(1, 100);
  double queue = (one_in(2) ? within(0, 400) : within(0, 2000)) / 4.0;  // a few reach no limit
  double oldest = within(0, 60);
  Duration startup = one_in(2) ? Duration{0} : Duration{1s * within(1, 90)};

  [[nodiscard]] double value(const std::string& metric, int serving) const {
    if (metric == "queue_length") return queue;
    if (metric == "queue_latency") return oldest;
    return metric == "memory_usage" ? memory : total / std::max(1, serving);
  }
};

struct Service {
  Policy policy;
  Fluid fluid;
  Instant at = testing::start;
  std::vector<Instant> born;  // one for each replica
  double shared_before = -1.0;
  DecisionState state;

  explicit Service(Policy of) : policy{std::move(of)} {}
  [[nodiscard]] int replicas() const { return static_cast<int>(born.size()); }
  [[nodiscard]] bool serves(Instant since) const { return at - since >= fluid.startup; }

  [[nodiscard]] Snapshot seen() {
    Snapshot made = testing::snapshot(replicas(), {}, at);
    const int serving = static_cast<int>(
        std::ranges::count_if(born, [this](Instant since) { return serves(since); }));
    made.platform.ready_replicas = serving;
    const auto& metrics = policy.compiled().metrics;
    made.metrics.resize(metrics.size());
    made.instances.resize(born.size());
    const double before = std::exchange(shared_before, fluid.value("cpu_usage", serving));
    for (std::size_t i = 0; i < born.size(); ++i) {
      made.instances[i] = testing::instance({});
      made.instances[i].started_at = born[i];
      made.instances[i].ready_changed_at = born[i] + fluid.startup;
      made.instances[i].ready = serves(born[i]) ? Ready::yes : Ready::no;
      made.instances[i].metrics.resize(metrics.size());
    }
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      Reading reading = Reading::of(fluid.value(metrics[m].metric, serving));
      const bool is_of_service = metrics[m].metric.starts_with("queue_");
      const bool is_shared = !is_of_service && metrics[m].metric != "memory_usage";
      if (metrics[m].metric == "cpu_usage") {  // of half a core
        reading.capacity = 0.5;
        reading.amount = reading.value * 0.5 / 100.0;
      }
      reading.previous = is_shared && before >= 0.0 ? before : reading.value;
      if (is_of_service) made.metrics[m] = reading;
      for (std::size_t i = 0; !is_of_service && i < born.size(); ++i) {
        if (serves(born[i])) made.instances[i].metrics[m] = reading;
      }
    }
    return made;
  }

  /// One evaluation; it is carried out at once.
  void tick() {
    at += interval;
    const Decision decision = decide(policy, seen(), state);
    if (decision.action != Action::scale) return;
    record(state, testing::event(at, replicas(), decision.to_replicas));
    born.resize(static_cast<std::size_t>(decision.to_replicas), at);
  }
};

/// Nothing of the generated policies reaches further back: the alarms of `as: ecs` do.
constexpr Duration longest_window = 15min;
constexpr int evaluations_of_a_window = static_cast<int>(longest_window / interval) + 10;

RC_GTEST_PROP(Fluid, TheCountComesToRest, ()) {
  Service service{any_accepted_policy()};
  const auto& policy = service.policy.compiled();
  RC_TAG(std::string{type_of(policy.rules[0].kind).name});
  const int replicas = within(policy.min_replicas, policy.max_replicas);
  service.born.assign(static_cast<std::size_t>(replicas), testing::start - 1h);
  RC_LOG() << service.policy.to_json() << "\nload " << service.fluid.total << ", memory "
           << service.fluid.memory << ", queue " << service.fluid.queue << ", start-up "
           << service.fluid.startup.count() << " ms, " << replicas << " replicas\n";
  // Each step on the way there may wait for the longest window.
  const int steps = policy.max_replicas - policy.min_replicas + 1;
  for (int i = 0; i < steps * evaluations_of_a_window; ++i) service.tick();
  const int at_rest = service.replicas();
  for (int i = 0; i < 2 * evaluations_of_a_window; ++i) {
    service.tick();
    RC_ASSERT(service.replicas() == at_rest);
  }
}

}  // namespace
}  // namespace selfscale
