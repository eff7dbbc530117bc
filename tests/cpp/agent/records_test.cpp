// Whatever was decided is read back from its record as it was.
#include "agent/records.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/compiled.hpp"
#include "texts_and_numbers.hpp"

namespace selfscale::agent {
namespace {

using json = nlohmann::json;

constexpr int count_of_rules = 2;
constexpr std::size_t count_of_metrics = 2;

Policy policy() {
  return load_policies(R"({"policies": [{"service": "backend", "maxReplicas": 10, "rules": [
    {"name": "cpu", "type": "threshold", "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30},
    {"name": "load", "type": "target", "metric": "in_flight", "targetPerReplica": 20}]}]})")
      .policies.at(0);
}

Instant any_instant() { return Instant{Duration{any_milliseconds()}}; }
Duration any_duration() { return Duration{any_milliseconds()}; }

Reading any_reading() {
  auto reading = Reading::of(std::abs(any_number()));
  if (any_flag()) reading = Reading::absent(any_of_up_to(Missing::unknown));
  if (reading.missing == Missing::no) reading = Reading::of(std::abs(any_number()));
  reading.age = any_duration();
  reading.window = any_duration();
  reading.amount = perhaps(any_number);
  reading.capacity = perhaps(any_number);
  reading.error = perhaps(any_number);
  reading.previous = perhaps(any_number);
  reading.short_value = perhaps(any_number);
  reading.short_window = any_duration();
  reading.detail = any_text();
  return reading;
}

Instance any_instance() {
  Instance instance;
  instance.id = any_text();
  instance.phase = any_of_up_to(Phase::unknown);
  instance.listed = any_flag();
  instance.deleting = any_flag();
  instance.ready = any_of_up_to(Ready::unreported);
  instance.ready_changed_at = perhaps(any_instant);
  instance.started_at = perhaps(any_instant);
  instance.busy = any_flag();
  instance.release = any_text();
  // The first metric is the instances', the second the service's; never both.
  instance.metrics = {perhaps(any_reading), std::nullopt};
  return instance;
}

Snapshot any_snapshot() {
  Snapshot snapshot;
  snapshot.at = any_instant();
  snapshot.wall_time_seconds = any_number();
  snapshot.service = "backend";
  snapshot.platform = {any_count(), any_count(), perhaps(any_count), any_flag(), any_text()};
  const int instances = *rc::gen::inRange(0, 4);
  for (int i = 0; i < instances; ++i) snapshot.instances.push_back(any_instance());
  snapshot.metrics = {std::nullopt, perhaps(any_reading)};
  snapshot.shared.other_replicas = perhaps(any_count);
  snapshot.shared.available_memory_mb = perhaps(any_number);
  snapshot.shared.other_events_last_hour = any_count();
  snapshot.estimates.startup_seconds_p50 = perhaps(any_number);
  snapshot.estimates.startup_seconds_p95 = perhaps(any_number);
  snapshot.estimates.startup_samples = any_count();
  snapshot.estimates.throughput_per_replica = perhaps([] {
    return Throughput{any_number(), any_number(), any_count()};
  });
  snapshot.can_be_woken = any_flag();
  snapshot.is_reachable = any_flag();
  return snapshot;
}

Code any_code() { return any_of_up_to(Code::memory_short); }

Proposal any_proposal() {
  Proposal proposal;
  proposal.rule = *rc::gen::inRange(0, count_of_rules);
  proposal.metric = *rc::gen::inRange(0, static_cast<int>(count_of_metrics));
  proposal.answer = any_of_up_to(Answer::missing);
  proposal.replicas = any_count();
  proposal.code = any_code();
  const bool has_value = proposal.answer != Answer::missing &&
                         proposal.code != Code::floor_for_missing &&
                         proposal.code != Code::missing_ignored;
  if (has_value) proposal.value = any_number();
  proposal.threshold = any_number();
  proposal.held_for = any_duration();
  proposal.excess_burst_capacity = perhaps(any_number);
  return proposal;
}

Adjustment any_adjustment() {
  return {any_of_up_to(Stage::guardrails), any_count(), any_count(), any_code(), any_number()};
}

Decision any_decision() {
  Decision decision;
  decision.at = any_instant();
  decision.action = any_of_up_to(selfscale::Action::none);
  decision.from_replicas = any_count();
  decision.to_replicas = any_count();
  decision.held_by = perhaps([] { return any_of_up_to(Stage::guardrails); });
  auto& recommendation = decision.recommendation;
  recommendation.current_replicas = any_count();
  recommendation.recommended_replicas = any_count();
  recommendation.code = any_code();
  recommendation.confidence = *rc::gen::inRange(0, 1'000'001) / 1e6;
  recommendation.priority = any_of_up_to(Priority::critical);
  const int proposals = *rc::gen::inRange(0, 4);
  for (int i = 0; i < proposals; ++i) recommendation.proposals.push_back(any_proposal());
  recommendation.leading = *rc::gen::inRange(-1, proposals);
  const int adjustments = *rc::gen::inRange(0, 4);
  for (int i = 0; i < adjustments; ++i) recommendation.adjustments.push_back(any_adjustment());
  const int alerts = *rc::gen::inRange(0, 3);
  for (int i = 0; i < alerts; ++i) recommendation.alerts.push_back(any_code());
  return decision;
}

RC_GTEST_PROP(DecisionRecord, IsReadBackAsItWasWritten, ()) {
  const Policy by = policy();
  RC_ASSERT(by.compiled().metrics.size() == count_of_metrics);
  const auto snapshot = any_snapshot();
  const auto decision = any_decision();
  DecisionState state;
  state.at = any_instant();
  state.seen = any_flag();
  state.last_up = perhaps(any_instant);
  state.past = {any_count(), any_count()};
  const Verdict verdict{any_flag(), any_flag() ? "paused" : ""};
  const auto record =
      json::parse(decision_record_json("01J", Evaluated{by, snapshot, state, decision, verdict}));

  RC_ASSERT(snapshot_from_json(by, record["snapshot"].dump()) == snapshot);
  RC_ASSERT(decision_from_json(by, record["decision"].dump()) == decision);
  RC_ASSERT(record["stateBefore"] == json::parse(to_json(by, state)));
  RC_ASSERT(record["id"] == "01J");
  RC_ASSERT(record["policyHash"] == by.hash());
  RC_ASSERT(record["mayAct"] == verdict.may_act);
  RC_ASSERT(record["because"] ==
            (verdict.because.empty() ? json(nullptr) : json(std::string{verdict.because})));
}

}  // namespace
}  // namespace selfscale::agent
