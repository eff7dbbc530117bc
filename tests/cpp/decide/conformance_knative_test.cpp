// Recorded decisions of Knative's autoscaler: every case of its tables.
#include <gtest/gtest.h>

#include "decide/activate.hpp"
#include "decide/conformance_fixture.hpp"
#include "decide/policies_fixture.hpp"
#include "decide/rules/concurrency.hpp"
#include "decide/window.hpp"

namespace selfscale {
namespace {

using testing::cases;
using testing::Json;
using namespace std::chrono_literals;

Duration seconds_of(const Json& count) { return 1s * count.get<std::int64_t>(); }
Instant instant_of(const Json& count) { return Instant{} + 24h + seconds_of(count); }

// ---- loads over time

void expect_averages(const Json& it, bool is_weighted) {
  const Json& config = it.at("config");
  BucketWindow window{seconds_of(config.at("window_s")), seconds_of(config.at("granularity_s"))};
  std::size_t queries = 0;
  for (const Json& op : it.at("inputs").at("ops")) {
    const Instant at = instant_of(op.at("t_s"));
    if (op.at("op") == "record") {
      window.record(at, op.at("value"));
      continue;
    }
    const Json& expected = it.at("expected").at("results").at(queries++);
    const double average = is_weighted ? window.weighted_average(at) : window.average(at);
    EXPECT_NEAR(average, expected.at("average").get<double>(), 1e-5) << "query " << queries;
    EXPECT_EQ(window.is_empty(at), expected.at("empty").get<bool>()) << "query " << queries;
  }
}

void expect_maxima(const Json& it) {
  const Json& config = it.at("config");
  const Json& expected = it.at("expected");
  std::vector<DecisionState::Wanted> kept;
  std::size_t records = 0;
  int most = 0;
  for (const Json& op : it.at("inputs").at("ops")) {
    most = sliding_maximum(kept, {instant_of(op.at("t_s")), op.at("value").get<int>()},
                           seconds_of(config.at("window_s")),
                           seconds_of(config.at("granularity_s")), ConcurrencyRule{}.delayed_kept);
    if (!expected.contains("results")) continue;
    EXPECT_EQ(most, expected.at("results").at(records++).at("current_max").get<int>());
  }
  if (!expected.contains("final_max")) return;
  EXPECT_EQ(most, expected.at("final_max").get<int>());
}

TEST(KnativeConformance, Windows) {
  for (const Json& it : cases("kpa_window")) {
    SCOPED_TRACE(it.at("id").get<std::string>() + " " + it.at("name").get<std::string>());
    const std::string kind = it.at("config").at("kind");
    if (kind == "max") {
      expect_maxima(it);
    } else {
      expect_averages(it, kind == "weighted_exponential");
    }
  }
}

// ---- the autoscaler

ConcurrencyRule rule_of(const Json& config) {
  ConcurrencyRule rule;
  rule.target = config.at("target_value");
  rule.capacity = config.at("total_value");
  rule.window = seconds_of(config.at("stable_window_s"));
  rule.panic_threshold = config.at("panic_threshold");
  rule.max_scale_up_rate = config.at("max_scale_up_rate");
  rule.max_scale_down_rate = config.at("max_scale_down_rate");
  rule.scale_down_delay = seconds_of(config.at("scale_down_delay_s"));
  rule.activation_scale = config.at("activation_scale");
  rule.target_burst_capacity = config.at("target_burst_capacity");
  return rule;
}

DecisionState::Memory memory_of(const Json& initial, Instant first) {
  DecisionState::Memory memory;
  memory.peak = initial.at("max_panic_replicas");
  if (initial.at("panic_mode").get<bool>()) {
    memory.panic_since = first - seconds_of(initial.value("panic_age_s", Json(0)));
  }
  return memory;
}

/// A snapshot of what the autoscaler sees in a step; readings as the step has them, or none.
Snapshot snapshot_of(const Json& step) {
  const int ready = step.at("ready_replicas");
  Snapshot seen = testing::snapshot(ready);
  if (step.value("ready_error", false)) seen.platform.error = "the platform does not answer";
  Reading reading = Reading::of(step.at("stable").get<double>());
  reading.short_value = step.at("panic").get<double>();
  if (step.value("metric_error", false)) reading = Reading::absent(Missing::timed_out);
  seen.metrics.emplace_back(reading);
  return seen;
}

Proposal proposed(const ConcurrencyRule& rule, bool is_reachable, const Json& step,
                  DecisionState::Memory& memory) {
  const Instant at = instant_of(step.at("t_s"));
  if (is_reachable) {
    CompiledPolicy policy;
    policy.metrics.emplace_back();
    const Snapshot seen = snapshot_of(step);
    memory.is_met = true;
    return propose_concurrency(rule, {policy, seen, at, seen.platform.desired_replicas}, 0, memory);
  }
  if (step.value("ready_error", false) || step.value("metric_error", false)) {
    return without_data(step.at("ready_replicas"));
  }
  ConcurrencyInput input;
  input.stable = step.at("stable");
  input.panic = step.at("panic");
  input.ready = step.at("ready_replicas");
  input.current = input.ready;
  input.is_reachable = false;
  return judge_concurrency(rule, input, at, memory);
}

void expect_steps(const Json& it) {
  Json config = it.at("config");
  const Json& steps = it.at("inputs").at("steps");
  auto memory = memory_of(it.at("inputs").at("initial_state"), instant_of(steps.at(0).at("t_s")));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    SCOPED_TRACE("step " + std::to_string(i));
    const Json& expected = it.at("expected").at("steps").at(i);
    if (steps[i].contains("config_update")) config.update(steps[i]["config_update"]);
    const Proposal proposal = proposed(rule_of(config), config.at("reachable"), steps[i], memory);
    EXPECT_EQ(proposal.answer != Answer::missing, expected.at("valid").get<bool>());
    EXPECT_EQ(memory.panic_since.has_value(), expected.at("panic_mode_after").get<bool>());
    EXPECT_EQ(memory.peak, expected.at("max_panic_replicas_after").get<int>());
    if (!expected.at("valid").get<bool>()) continue;
    EXPECT_EQ(proposal.replicas, expected.at("replicas").get<int>());
    EXPECT_NEAR(proposal.excess_burst_capacity.value_or(0.0),
                expected.at("excess_burst_capacity").get<double>(), 1.0);
  }
}

TEST(KnativeConformance, Autoscaler) {
  for (const Json& it : cases("kpa_scale")) {
    SCOPED_TRACE(it.at("id").get<std::string>() + " " + it.at("name").get<std::string>());
    expect_steps(it);
  }
}

// ---- bounds and zero

Gate gate_of(const Json& config) {
  Gate gate;
  gate.min = config.at("min");
  gate.max = config.at("max");
  gate.initial_scale = config.at("initial_scale");
  gate.scale_to_zero = config.at("scale_to_zero_enabled");
  gate.stable_window = seconds_of(config.at("stable_window_s"));
  gate.grace_period = seconds_of(config.at("grace_s"));
  gate.retention = seconds_of(config.at("last_instance_retention_s"));
  gate.is_always_buffered = config.at("buffer_always_in_path");
  return gate;
}

GateInput gate_input_of(const Json& inputs) {
  GateInput input;
  if (inputs.at("desired") != -1) input.wanted = inputs.at("desired").get<int>();
  input.current = inputs.at("current");
  const std::string state = inputs.at("state");
  input.activity = state == "activating" ? Activity::activating
                   : state == "active"   ? Activity::active
                                         : Activity::inactive;
  input.active_for = seconds_of(inputs.at("active_for_s"));
  input.inactive_for = seconds_of(inputs.at("inactive_for_s"));
  input.buffered_for = seconds_of(inputs.at("buffered_for_s"));
  input.is_buffered = inputs.at("buffer_probe_ok");
  input.activation_deadline_passed = inputs.at("activation_deadline_passed");
  input.is_initialized = inputs.at("initialized");
  input.is_reachable = !inputs.at("unreachable").get<bool>();
  return input;
}

TEST(KnativeConformance, BoundsAndZero) {
  for (const Json& it : cases("kpa_apply")) {
    SCOPED_TRACE(it.at("id").get<std::string>() + " " + it.at("name").get<std::string>());
    const Gated result = gated(gate_of(it.at("config")), gate_input_of(it.at("inputs")));
    const Json& expected = it.at("expected");
    EXPECT_EQ(result.replicas.value_or(-1), expected.at("desired").get<int>());
    EXPECT_EQ(result.applies, expected.at("apply").get<bool>());
    EXPECT_EQ(result.writes, expected.at("writes").get<bool>());
  }
}

}  // namespace
}  // namespace selfscale
