// Recorded decisions of Kubernetes' HPA, stage by stage: every case of its table.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "decide/conformance_fixture.hpp"
#include "decide/policies_fixture.hpp"
#include "decide/rate_limit.hpp"
#include "decide/readings.hpp"
#include "decide/rules/rule.hpp"
#include "decide/stabilize.hpp"

namespace selfscale {
namespace {

using testing::behavior_json;
using testing::cases;
using testing::Json;
using testing::policy_json;
using testing::start;
using namespace std::chrono_literals;

// ---- one metric

/// The case's metric with the requests of its instances beside it.
Json metric_of(const Json& it) {
  Json metric = it.at("config").at("metric");
  for (const char* key : {"samples", "values_milli"}) {
    if (it.at("inputs").contains(key)) metric[key] = it.at("inputs").at(key);
  }
  for (const Json& instance : it.at("inputs").at("instances")) {
    if (!instance.contains("request_milli")) continue;
    metric["requests_milli"][instance.at("name").get<std::string>()] = instance["request_milli"];
  }
  return metric;
}

Proposal proposed(const Json& it) {
  Json policy = policy_json(1, 1'000'000);
  testing::pose_readiness(it.at("config"), policy);
  Snapshot seen = testing::snapshot(it.at("inputs").at("current_replicas"));
  seen.platform.ready_replicas.reset();  // HPA counts for itself
  for (const Json& instance : it.at("inputs").at("instances")) {
    seen.instances.push_back(testing::instance_of(instance));
  }
  testing::pose_metric(metric_of(it), it.at("config").at("tolerance"), policy, seen);
  const Policy compiled = testing::policy_of(policy.dump());
  const Situation situation{compiled.compiled(), seen, start, seen.platform.desired_replicas};
  DecisionState::Memory memory;
  return propose(situation, 0, memory, std::nullopt);
}

TEST(Conformance, ReplicaCalculation) {
  for (const Json& it : cases("hpa_replica_calc")) {
    SCOPED_TRACE(it.at("id").get<std::string>() + " " + it.at("name").get<std::string>());
    const Proposal proposal = proposed(it);
    const Json& expected = it.at("expected");
    if (expected.contains("error")) {
      EXPECT_EQ(proposal.answer, Answer::missing);
      continue;
    }
    EXPECT_NE(proposal.answer, Answer::missing);
    EXPECT_EQ(proposal.replicas, expected.at("replicas").get<int>());
    if (expected.contains("utilization_percent")) {
      EXPECT_EQ(proposal.value, expected.at("utilization_percent").get<double>());
    } else if (it.at("config").at("metric").at("type") == "per_instance") {
      EXPECT_EQ(proposal.value, expected.at("usage_milli").get<double>() / 1000.0);
    }
  }
}

TEST(Conformance, Classification) {
  for (const Json& it : cases("hpa_classify")) {
    const Json& config = it.at("config");
    MetricSpec metric;
    metric.metric = config.at("resource") == "cpu" ? "cpu_usage" : "custom";
    metric.missing_after = 24h * 36500;
    const Readiness readiness{1s * config.at("cpu_initialization_period_s").get<int>(),
                              1s * config.at("initial_readiness_delay_s").get<int>()};
    std::map<Standing, std::set<std::string>> by_standing;
    for (const Json& json : it.at("inputs").at("instances")) {
      Instance instance = testing::instance_of(json);
      instance.metrics.resize(1);
      for (const Json& sample : it.at("inputs").at("samples")) {
        if (sample.at("instance") == instance.id) {
          instance.metrics[0] = testing::reading_of(sample, Json{});
        }
      }
      by_standing[standing_of(instance, metric, 0, readiness, start)].insert(instance.id);
    }
    const Json& expected = it.at("expected");
    const auto names = [&](const char* key) {
      return expected.at(key).get<std::set<std::string>>();
    };
    EXPECT_EQ(by_standing[Standing::ready].size(), expected.at("ready_count").get<std::size_t>())
        << it.at("name");
    EXPECT_EQ(by_standing[Standing::unready], names("unready")) << it.at("name");
    EXPECT_EQ(by_standing[Standing::missing], names("missing")) << it.at("name");
    EXPECT_EQ(by_standing[Standing::ignored], names("ignored")) << it.at("name");
  }
}

// ---- stabilization

/// A state as if each recommendation had been made in its time.
DecisionState with_history(const CompiledPolicy& policy, const Json& recommendations) {
  std::vector<std::pair<int, int>> oldest_first;
  for (const Json& entry : recommendations) {
    oldest_first.emplace_back(-entry.at("age_s").get<int>(), entry.at("replicas").get<int>());
  }
  std::stable_sort(oldest_first.begin(), oldest_first.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  DecisionState state;
  for (const auto& [after, replicas] : oldest_first) {
    stabilize(state, policy, replicas, replicas, start + 1s * after);
  }
  return state;
}

/// HPA's condition AbleToScale after a recommendation has been stabilized.
std::string able_to_scale(const Stabilized& result, int wanted) {
  if (result.replicas == wanted) return "ReadyForNewScale";
  return result.code == Code::scale_up_stabilized ? "ScaleUpStabilized" : "ScaleDownStabilized";
}

TEST(Conformance, Stabilization) {
  for (const Json& it : cases("hpa_behavior_stabilize")) {
    const Json& config = it.at("config");
    const Json& inputs = it.at("inputs");
    CompiledPolicy policy;
    policy.scale_up.stabilization_window = 1s * config.at("scale_up_window_s").get<int>();
    policy.scale_down.stabilization_window = 1s * config.at("scale_down_window_s").get<int>();
    DecisionState state = with_history(policy, inputs.at("recommendations"));
    const int wanted = inputs.at("desired_replicas");
    const Stabilized result =
        stabilize(state, policy, wanted, inputs.at("current_replicas"), start);
    const Json& expected = it.at("expected");
    EXPECT_EQ(result.replicas, expected.at("replicas").get<int>()) << it.at("name");
    EXPECT_EQ(result.replicas != wanted, expected.at("stabilized").get<bool>()) << it.at("name");
    if (result.replicas != wanted) {
      EXPECT_EQ(able_to_scale(result, wanted), expected.at("reason")) << it.at("name");
    }
  }
}

TEST(Conformance, StabilizationWithoutBehavior) {
  for (const Json& it : cases("hpa_legacy_stabilize")) {
    CompiledPolicy policy;
    policy.kubernetes = KubernetesLimits{};
    policy.scale_down.stabilization_window =
        1s * it.at("config").at("downscale_stabilization_s").get<int>();
    DecisionState state = with_history(policy, it.at("inputs").at("recommendations"));
    const int wanted = it.at("inputs").at("desired_replicas");
    EXPECT_EQ(stabilize(state, policy, wanted, wanted, start).replicas,
              it.at("expected").at("replicas").get<int>())
        << it.at("name");
  }
}

// ---- rate limits and bounds

CompiledPolicy policy_of(const Json& config) {
  Json policy = policy_json(config.at("min_replicas"), config.at("max_replicas"));
  policy["behavior"] = behavior_json(config);
  policy["rules"] = {{{"type", "target"}, {"metric", "wanted"}, {"targetPerReplica", 1}}};
  return testing::policy_of(policy.dump()).compiled();
}

/// HPA's condition ScalingLimited.
std::string limit_reason(Code code) {
  static const std::map<Code, std::string> reasons{
      {Code::scale_up_rate, "ScaleUpLimit"},     {Code::scale_up_disabled, "ScaleUpLimit"},
      {Code::scale_down_rate, "ScaleDownLimit"}, {Code::scale_down_disabled, "ScaleDownLimit"},
      {Code::at_maximum, "TooManyReplicas"},     {Code::at_minimum, "TooFewReplicas"}};
  return reasons.at(code);
}

struct Bounded {
  int replicas = 0;
  std::string reason = "DesiredWithinRange";
};

/// The two stages that stand where HPA has one.
Bounded bounded(const CompiledPolicy& policy, const DecisionState& state, int wanted, int current,
                Instant at) {
  Bounded result{wanted};
  const auto pass = [&result](const Limited& limited) {
    if (limited.replicas == result.replicas) return;
    result = {limited.replicas, limit_reason(limited.code)};
  };
  pass(within_rate(policy, policy, state, wanted, current, at));
  pass(within_bounds(policy, result.replicas));
  return result;
}

DecisionState with_changes(const Json& inputs) {
  DecisionState state;
  const auto add = [&](const char* key, int sign) {
    for (const Json& event : inputs.at(key)) {
      state.changes.push_back(
          {start - 1s * event.at("age_s").get<int>(), sign * event.at("change").get<int>()});
    }
  };
  add("scale_up_events", 1);
  add("scale_down_events", -1);
  return state;
}

void expect_bounded(const Json& it, const Bounded& result) {
  const Json& expected = it.at("expected");
  EXPECT_EQ(result.replicas, expected.at("replicas").get<int>()) << it.at("id");
  EXPECT_EQ(result.reason != "DesiredWithinRange", expected.at("limited").get<bool>())
      << it.at("id");
  EXPECT_EQ(result.reason, expected.at("reason")) << it.at("id");
}

TEST(Conformance, RateLimits) {
  for (const Json& it : cases("hpa_behavior_rate")) {
    const Json& inputs = it.at("inputs");
    expect_bounded(
        it, bounded(policy_of(it.at("config")), with_changes(inputs), inputs.at("desired_replicas"),
                    inputs.at("current_replicas"), start));
  }
}

TEST(Conformance, TheBareRateLimit) {
  for (const Json& it : cases("hpa_behavior_limit")) {
    const Json& rules = it.at("config").at("rules");
    const bool up = it.at("config").at("direction") == "up";
    const CompiledPolicy policy =
        policy_of({{"min_replicas", 0},
                   {"max_replicas", 1000},
                   {"behavior_effective", {{"scale_up", rules}, {"scale_down", rules}}}});
    EXPECT_EQ(
        rate_bound(up ? policy.scale_up : policy.scale_down, up, with_changes(it.at("inputs")),
                   it.at("inputs").at("current_replicas"), start),
        it.at("expected").at("limit").get<int>())
        << it.at("name");
  }
}

TEST(Conformance, LimitsWithoutBehavior) {
  for (const Json& it : cases("hpa_legacy_limits")) {
    Json config = it.at("config");
    config["behavior_effective"] = nullptr;
    const Json& inputs = it.at("inputs");
    expect_bounded(it, bounded(policy_of(config), {}, inputs.at("desired_replicas"),
                               inputs.at("current_replicas"), start));
  }
}

// ---- many ticks

using Change = DecisionState::Change;

Duration longest_period(const DirectionBehavior& behavior) {
  Duration longest{0};
  for (const ScalingPolicy& one : behavior.policies) longest = std::max(longest, one.period);
  return longest;
}

/// What Kubernetes knows of earlier changes: of each direction for as long as that direction's own
/// policies look back, although the other's read it too. A new change takes the slot of the last
/// one that is too old.
struct UpstreamChanges {
  std::vector<Change> up, down;

  void note(const CompiledPolicy& policy, Change change) {
    std::vector<Change>& slots = change.replicas > 0 ? up : down;
    const Duration longest =
        longest_period(change.replicas > 0 ? policy.scale_up : policy.scale_down);
    const auto old = std::find_if(slots.rbegin(), slots.rend(),
                                  [&](const Change& one) { return change.at - one.at > longest; });
    if (old == slots.rend()) {
      slots.push_back(change);
    } else {
      *old = change;
    }
  }

  [[nodiscard]] std::vector<Change> all() const {
    std::vector<Change> changes = up;
    changes.insert(changes.end(), down.begin(), down.end());
    return changes;
  }
};

/// A service that follows at once.
struct Traced {
  const CompiledPolicy& policy;
  DecisionState state;
  int current;
  std::optional<UpstreamChanges> upstream{};  ///< of a case that shows what Kubernetes forgets

  /// One tick as decide() has it, from the rules' answer on.
  void tick(const Json& it, const Json& expected) {
    const Instant at = start + 1s * it.at("t_s").get<int>();
    if (it.contains("set_current_to")) current = it.at("set_current_to");
    if (!state.seen) seed(state, policy, current, at);
    EXPECT_EQ(current, expected.at("current_replicas").get<int>());
    const int wanted = it.at("raw_desired");
    const Stabilized stabilized = stabilize(state, policy, wanted, current, at);
    const Bounded result = bounded(policy, state, stabilized.replicas, current, at);
    EXPECT_EQ(able_to_scale(stabilized, wanted), expected.at("able_reason"));
    EXPECT_EQ(result.replicas, expected.at("replicas").get<int>());
    EXPECT_EQ(result.reason, expected.at("limit_reason"));
    EXPECT_EQ(result.reason != "DesiredWithinRange", expected.at("limited").get<bool>());
    if (result.replicas != current) follow(at, result.replicas);
  }

  void follow(Instant at, int replicas) {
    record(state, testing::event(at, current, replicas));
    if (upstream) {
      upstream->note(policy, {at, replicas - current});
      state.changes = upstream->all();
    } else {
      forget_old_changes(state, policy, at);
    }
    current = replicas;
  }
};

TEST(Conformance, FiftyTicks) {
  for (const Json& it : cases("hpa_trace")) {
    const CompiledPolicy policy = policy_of(it.at("config"));
    Traced traced{policy, {}, it.at("inputs").at("initial_replicas")};
    if (it.contains("quirk")) traced.upstream.emplace();
    const Json& ticks = it.at("inputs").at("ticks");
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      SCOPED_TRACE(it.at("id").get<std::string>() + " tick " + std::to_string(i));
      traced.tick(ticks[i], it.at("expected").at("ticks")[i]);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace selfscale
