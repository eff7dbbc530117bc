// Whatever is kept is read back as it was, from the rows and from the lines.
#include "journal/rows.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <selfscale/decide.hpp>
#include <sstream>

#include "journal/rows_of_tests.hpp"
#include "texts_and_numbers.hpp"

namespace selfscale::journal {
namespace {

using json = nlohmann::json;

const std::string service = "backend";

Instant any_instant() { return Instant{Duration{any_milliseconds()}}; }

/// By name: a metric stands in a row once.
std::map<std::string, std::optional<double>> any_values() {
  std::map<std::string, std::optional<double>> values;
  const int count = *rc::gen::inRange(0, 5);
  for (int i = 0; i < count; ++i) values[any_text()] = perhaps(any_number);
  return values;
}

Evaluation any_evaluation() {
  Evaluation evaluation;
  evaluation.service = service;
  evaluation.at = any_instant();
  evaluation.desired = any_count();
  evaluation.current = any_count();
  evaluation.ready = perhaps(any_count);
  evaluation.recommended = any_count();
  for (const auto& [metric, value] : any_values()) {
    evaluation.metrics.push_back({metric, value, std::abs(any_number())});
  }
  return evaluation;
}

ScalingEvent any_event() {
  ScalingEvent event;
  event.id = any_text();
  event.service = service;
  event.policy = any_text();
  event.decision = any_text();
  event.started_at = any_instant();
  event.accepted_at = perhaps(any_instant);
  event.duration = perhaps([] { return Duration{any_milliseconds()}; });
  event.from_replicas = any_count();
  event.to_replicas = any_count();
  event.ready_replicas = perhaps(any_count);
  event.trigger = any_of_up_to(Trigger::foreign);
  event.reason = any_text();
  for (const auto& [metric, value] : any_values()) {
    if (value) event.metrics.emplace_back(metric, *value);
  }
  event.outcome = any_of_up_to(Outcome::superseded);
  event.error = any_text();
  event.leader = any_text();
  event.token = *rc::gen::arbitrary<std::int64_t>();
  return event;
}

Record any_record() {
  const json object{{"version", 1}, {any_text(), any_text()}};
  return {any_text(), service, any_instant(), any_text(), object.dump()};
}

/// The only line of a kind that the journal exports.
json exported(Journal& journal, const std::string& kind) {
  std::istringstream text{journal.export_jsonl(service).value()};
  json found;
  for (std::string line; std::getline(text, line);) {
    auto parsed = json::parse(line);
    if (parsed["kind"] == kind) found = std::move(parsed);
  }
  return found;
}

RC_GTEST_PROP(Rows, AnEventIsReadBackAsItWasKept, ()) {
  const auto journal = open_memory();
  const auto event = any_event();
  journal->keep_event(event);
  RC_ASSERT(journal->events(service, 1).value() == std::vector<ScalingEvent>{event});
  RC_ASSERT(event_from_json(exported(*journal, "event").dump()) == event);
}

RC_GTEST_PROP(Rows, ADecisionIsReadBackAsItWasKept, ()) {
  const auto journal = open_memory();
  const auto record = any_record();
  journal->keep_decision(record);
  RC_ASSERT(journal->decision(record.id).value() == record);
  auto line = exported(*journal, "decision");
  line.erase("kind");
  RC_ASSERT(line == json::parse(record.json));
}

RC_GTEST_PROP(Rows, AnEvaluationIsReadBackAsItWasKept, ()) {
  const auto journal = open_memory();
  const auto kept = any_evaluation();
  journal->keep_evaluation(kept);
  const auto read = journal->evaluations(service, Instant{}, Instant::max()).value();
  RC_ASSERT(read.size() == 1U);
  RC_ASSERT(read[0].service == kept.service);
  RC_ASSERT(read[0].at == kept.at);
  RC_ASSERT(read[0].desired == kept.desired);
  RC_ASSERT(read[0].current == kept.current);
  RC_ASSERT(read[0].ready == kept.ready);
  RC_ASSERT(read[0].recommended == kept.recommended);
  RC_ASSERT(read[0].metrics.size() == kept.metrics.size());
  const auto line = exported(*journal, "evaluation");
  RC_ASSERT(line["metrics"].size() == kept.metrics.size());
  for (std::size_t i = 0; i < kept.metrics.size(); ++i) {
    const auto& metric = kept.metrics[i];
    RC_ASSERT(read[0].metrics[i].metric == metric.metric);
    RC_ASSERT(read[0].metrics[i].value == metric.value);
    RC_ASSERT(read[0].metrics[i].age_seconds == metric.age_seconds);
    RC_ASSERT(line["metrics"][metric.metric]["age"] == metric.age_seconds);
    RC_ASSERT(line["metrics"][metric.metric]["value"] ==
              (metric.value ? json(*metric.value) : json(nullptr)));
  }
}

}  // namespace
}  // namespace selfscale::journal
