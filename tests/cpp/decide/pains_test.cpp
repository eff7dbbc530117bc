// What users of autoscalers complain about, and what a decision does instead.
#include <gtest/gtest.h>

#include <algorithm>

#include "decide/policies_fixture.hpp"

namespace selfscale {
namespace {

using testing::event;
using testing::instances;
using testing::policy_of;
using testing::snapshot;
using testing::start;
using namespace std::chrono_literals;

/// CPU between 30 and 70 %, with these keys beside it.
Policy cpu_policy(const std::string& keys = "") {
  return policy_of(R"({"service": "backend", "maxReplicas": 10, )" + keys +
                   R"("rules": [{"type": "threshold", "metric": "cpu_usage",
                                 "scaleUp": 70, "scaleDown": 30}]})");
}

TEST(Pains, FlappingAndOverScaling) {
  const Policy policy = cpu_policy();
  DecisionState state;
  int replicas = 3;
  int changes = 0;
  for (int tick = 0; tick < 240; ++tick) {  // an hour of load that swings every minute
    const Instant at = start + tick * 15s;
    const double load = tick / 4 % 2 == 0 ? 20 : 60;
    const auto decision = decide(policy, snapshot(replicas, {Reading::of(load)}, at), state);
    if (decision.action != Action::scale) continue;
    record(state, event(at, replicas, decision.to_replicas));
    replicas = decision.to_replicas;
    ++changes;
  }
  EXPECT_EQ(changes, 0) << "every trough is shorter than the five minutes of stabilization";
}

TEST(Pains, StartUpNoise) {
  const Policy policy = cpu_policy();
  Snapshot seen = snapshot(3);
  seen.instances = instances({60, 60, 100});
  DecisionState state;
  EXPECT_EQ(decide(policy, seen, state).to_replicas, 4) << "all three serve: 73 % on average";
  seen.instances[2].ready = Ready::no;
  state = {};
  EXPECT_EQ(decide(policy, seen, state).to_replicas, 3) << "one warms up: 60 % on average";
}

TEST(Pains, DeploysConfuseTheScaler) {
  const Policy policy = cpu_policy(R"("behavior": "none", )");
  Snapshot seen = snapshot(4, {Reading::of(10)});
  DecisionState state;
  EXPECT_EQ(decide(policy, seen, state).to_replicas, 3);
  seen.platform.updating = true;
  const Decision held = decide(policy, seen, state);
  EXPECT_EQ(held.action, Action::hold);
  EXPECT_EQ(held.recommendation.code, Code::updating);
  EXPECT_NE(reason(policy, held).find("deployment"), std::string::npos);
  seen.metrics[0] = Reading::of(90);
  EXPECT_EQ(decide(policy, seen, state).to_replicas, 5) << "load that rises is served";
}

/// kubernetes/kubernetes#72775: each tick of a rollout saw twice what it had asked for, and asked
/// for more again.
TEST(Pains, ASurgeOfADeployment) {
  const Policy policy = testing::policy_of(
      R"({"service": "web", "minReplicas": 1, "maxReplicas": 200, "behavior": "none",
          "rules": [{"type": "target", "metric": "memory_usage", "target": 70}]})");
  DecisionState state;
  int replicas = 4;
  for (int tick = 0; tick < 6; ++tick) {
    Snapshot seen = snapshot(replicas, {std::nullopt}, start + tick * 15s);
    seen.platform.updating = true;
    for (int i = 0; i < 2 * replicas; ++i) {
      Instance instance;
      instance.id = "web-" + std::to_string(i);
      instance.metrics = {Reading::of(56)};
      seen.instances.push_back(std::move(instance));
    }
    const Decision decision = decide(policy, seen, state);
    EXPECT_EQ(decision.recommendation.code, Code::all_hold);
    EXPECT_NE(reason(policy, decision).find("deployment"), std::string::npos);
    replicas = decision.to_replicas;
  }
  EXPECT_EQ(replicas, 4);
}

TEST(Pains, MetricSourceDown) {
  const Policy policy = cpu_policy(R"("behavior": "none", )");
  DecisionState state;
  int replicas = 4;
  for (int tick = 0; tick < 240; ++tick) {
    const auto down = Reading::absent(Missing::timed_out);
    replicas = decide(policy, snapshot(replicas, {down}, start + tick * 15s), state).to_replicas;
  }
  EXPECT_EQ(replicas, 4);
}

TEST(Pains, MemoryNeverScalesIn) {
  const std::string text = R"({"service": "backend", "maxReplicas": 10, "behavior": "none",
    "rules": [{"type": "threshold", "metric": "memory_usage", "scaleUp": 90, "scaleDown": 85}]})";
  DecisionState state;
  // 160 of 200 MiB: a target of 200 would round 4 x 0.8 up to 4 again.
  EXPECT_EQ(decide(policy_of(text), snapshot(4, {Reading::of(80)}), state).to_replicas, 3);
  const auto hints = load_policies(text).hints;
  const auto speaks_of_memory = [](const Problem& hint) {
    return hint.message.find("memory seldom falls") != std::string::npos;
  };
  EXPECT_TRUE(std::any_of(hints.begin(), hints.end(), speaks_of_memory));
}

TEST(Pains, CooldownSemantics) {
  const Policy policy = cpu_policy(R"("cooldown": {"up": "60s", "down": "5m"}, )");
  DecisionState state;
  const auto at = [&](Duration after, double cpu, int replicas = 4) {
    return decide(policy, snapshot(replicas, {Reading::of(cpu)}, start + after), state);
  };
  EXPECT_EQ(at(0s, 90, 3).to_replicas, 4);
  EXPECT_EQ(at(15s, 90).to_replicas, 5) << "what was only decided starts no cooldown";
  record(state, event(start + 15s, 3, 4));
  const Decision held = at(30s, 90);
  EXPECT_EQ(held.recommendation.code, Code::scale_up_cooldown);
  EXPECT_NE(reason(policy, held).find("less than 1 m ago"), std::string::npos);
  EXPECT_EQ(at(75s, 90).to_replicas, 5) << "over exactly at its length";
  EXPECT_EQ(at(90s, 10).recommendation.code, Code::scale_down_cooldown);
  EXPECT_EQ(at(90s, 10, 11).to_replicas, 10) << "bounds do not wait";
}

}  // namespace
}  // namespace selfscale
