/// What every journal does, wherever it keeps its rows. A new one adds a line to
/// conformance_test.cpp, and nothing here.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "journal/journal.hpp"
#include "journal/rows_of_tests.hpp"
#include "text_predicates.hpp"

namespace selfscale::journal {

/// A place of its own for each test.
struct Harness {
  virtual ~Harness() = default;
  virtual std::unique_ptr<Journal> open() = 0;
};
using MakeHarness = std::unique_ptr<Harness> (*)();

class JournalConformance : public testing::TestWithParam<MakeHarness> {
 protected:
  std::vector<nlohmann::json> exported(const std::string& service = "backend") {
    std::vector<nlohmann::json> lines;
    std::istringstream text{journal_->export_jsonl(service).value()};
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  [[nodiscard]] std::size_t evaluations_between(Instant from, Instant to) {
    return journal_->evaluations("backend", from, to).value().size();
  }

  std::unique_ptr<Harness> harness_ = GetParam()();
  std::unique_ptr<Journal> journal_ = harness_->open();
};

TEST_P(JournalConformance, IsEmptyAtFirst) {
  EXPECT_TRUE(journal_->events("backend", 10).value().empty());
  EXPECT_TRUE(journal_->decisions("backend", 10).value().empty());
  EXPECT_EQ(evaluations_between(Instant{}, Instant::max()), 0U);
  EXPECT_EQ(journal_->export_jsonl("backend").value(), "");
  EXPECT_EQ(journal_->decision("nothing").error().code, Errc::not_found);
  EXPECT_EQ(journal_->policy("nothing").error().code, Errc::not_found);
  EXPECT_EQ(journal_->degraded(), "");
}

TEST_P(JournalConformance, KeepsPoliciesByHash) {
  journal_->keep_policy("h1", R"({"service":"backend","maxReplicas":5})");
  journal_->keep_policy("h1", R"({"service":"backend","maxReplicas":5})");
  EXPECT_EQ(journal_->policy("h1").value(), R"({"service":"backend","maxReplicas":5})");
  EXPECT_PRED2(contains, journal_->policy("h2").error().message, "h2");
}

TEST_P(JournalConformance, FindsADecisionByItsIdAndByItsEvents) {
  const auto record = record_of("D1", at(0s));
  journal_->keep_decision(record);
  journal_->keep_event(event_of("E1", at(0s), "D1"));
  EXPECT_EQ(journal_->decision("D1").value(), record);
  EXPECT_EQ(journal_->decision("E1").value(), record);
}

TEST_P(JournalConformance, GivesARecordWithItsPolicyBitForBit) {
  auto record = record_of("D1", at(0s), "h1");
  record.json = R"({"id":"D1","value":0.1000000000000000055})";
  journal_->keep_policy("h1", R"({"service":"backend"})");
  journal_->keep_decision(record);
  journal_->keep_event(event_of("E1", at(0s), "D1"));
  const std::string whole =
      R"({"id":"D1","value":0.1000000000000000055,"policy":{"service":"backend"}})";
  EXPECT_EQ(record_with_policy(*journal_, "D1").value(), whole);
  EXPECT_EQ(record_with_policy(*journal_, "E1").value(), whole);
  EXPECT_EQ(record_with_policy(*journal_, "D2").error().code, Errc::not_found);
  journal_->keep_decision(record_of("D3", at(0s), "h3"));
  EXPECT_PRED2(contains, record_with_policy(*journal_, "D3").error().message, "h3");
}

TEST_P(JournalConformance, NamesTheServicesThatItHasDecisionsOf) {
  EXPECT_TRUE(journal_->services().value().empty());
  journal_->keep_decision(record_of("D1", at(0s), "p1", "worker"));
  journal_->keep_decision(record_of("D2", at(1s), "p1", "backend"));
  journal_->keep_decision(record_of("D3", at(2s), "p1", "worker"));
  EXPECT_EQ(journal_->services().value(), (std::vector<std::string>{"backend", "worker"}));
}

TEST_P(JournalConformance, SaysWhyAnEventHasNoDecision) {
  journal_->keep_event(event_of("E1", at(0s)));
  journal_->keep_event(event_of("E2", at(0s), "D9"));
  EXPECT_PRED2(contains, journal_->decision("E1").error().message, "manual or foreign");
  EXPECT_PRED2(contains, journal_->decision("E2").error().message, "D9");
  EXPECT_EQ(journal_->decision("E2").error().code, Errc::not_found);
}

TEST_P(JournalConformance, AnEventIsReplacedAsItsLifeGoesOn) {
  auto event = event_of("E1", at(5s), "D1");
  journal_->keep_event(event);
  event.outcome = Outcome::succeeded;
  journal_->keep_event(event);
  EXPECT_EQ(journal_->events("backend", 10).value(), std::vector<ScalingEvent>{event});
}

TEST_P(JournalConformance, GivesTheNewestFirstAndNoMoreThanAsked) {
  for (int i = 0; i < 5; ++i) {
    journal_->keep_event(event_of("E" + std::to_string(i), at(i * 1s)));
    journal_->keep_decision(record_of("D" + std::to_string(i), at(i * 1s)));
  }
  const auto events = journal_->events("backend", 2).value();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].id, "E4");
  EXPECT_EQ(events[1].id, "E3");
  const auto decisions = journal_->decisions("backend", 2).value();
  ASSERT_EQ(decisions.size(), 2U);
  EXPECT_EQ(decisions[0].id, "D4");
  EXPECT_EQ(decisions[1].id, "D3");
  EXPECT_TRUE(journal_->events("backend", 0).value().empty());
  EXPECT_TRUE(journal_->events("backend", -1).value().empty());
}

TEST_P(JournalConformance, GivesEvaluationsOfATimeInOrder) {
  for (const auto when : {30s, 10s, 20s, 40s}) {
    journal_->keep_evaluation(evaluation_of(at(when), static_cast<double>(when.count())));
  }
  const auto found = journal_->evaluations("backend", at(10s), at(30s)).value();
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(found[i].at, at(static_cast<int>(i + 1) * 10s));
    ASSERT_EQ(found[i].metrics.size(), 2U);
    EXPECT_EQ(found[i].metrics[0].metric, "cpu_usage");
    EXPECT_EQ(found[i].metrics[0].value, static_cast<double>((i + 1) * 10));
    EXPECT_EQ(found[i].metrics[0].age_seconds, 1.5);
    EXPECT_EQ(found[i].metrics[1].value, std::nullopt);
    EXPECT_EQ(found[i].desired, 3);
    EXPECT_EQ(found[i].current, 2);
    EXPECT_EQ(found[i].ready, std::nullopt);
    EXPECT_EQ(found[i].recommended, 4);
  }
}

TEST_P(JournalConformance, KeepsReadyWhereItIsKnown) {
  auto evaluation = evaluation_of(at(0s));
  evaluation.ready = 0;
  journal_->keep_evaluation(evaluation);
  EXPECT_EQ(journal_->evaluations("backend", at(0s), at(0s)).value().at(0).ready, 0);
}

TEST_P(JournalConformance, KeepsServicesApart) {
  journal_->keep_decision(record_of("D1", at(0s), "p1", "worker"));
  journal_->keep_evaluation(evaluation_of(at(0s), 1.0, "worker"));
  journal_->keep_evaluation(evaluation_of(at(0s), 2.0, "backend"));
  EXPECT_TRUE(journal_->decisions("backend", 10).value().empty());
  EXPECT_EQ(journal_->decisions("worker", 10).value().size(), 1U);
  EXPECT_EQ(journal_->evaluations("worker", at(0s), at(0s)).value()[0].metrics[0].value, 1.0);
  EXPECT_EQ(exported("backend").size(), 1U);
}

TEST_P(JournalConformance, ExportsEverythingOldestFirst) {
  journal_->keep_event(event_of("E1", at(10s), "D1"));
  journal_->keep_decision(record_of("D2", at(20s)));
  journal_->keep_decision(record_of("D1", at(10s)));
  journal_->keep_evaluation(evaluation_of(at(10s)));
  journal_->keep_evaluation(evaluation_of(at(250ms)));
  journal_->keep_policy("p1", "{\n  \"service\": \"backend\"\n}");
  journal_->keep_policy("p2", R"({"service":"worker"})");
  const auto lines = exported();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0], nlohmann::json::parse(
                          R"({"kind":"policy","hash":"p1","policy":{"service":"backend"}})"));
  EXPECT_EQ(lines[1], nlohmann::json::parse(
                          R"({"kind":"evaluation","service":"backend","at":1732272000.25,
                              "desiredReplicas":3,"currentReplicas":2,"readyReplicas":null,
                              "recommendedReplicas":4,
                              "metrics":{"cpu_usage":{"value":50.0,"age":1.5},
                                         "rps":{"value":null,"age":0.0}}})"));
  EXPECT_EQ(lines[2]["kind"], "evaluation");
  EXPECT_EQ(lines[3],
            nlohmann::json::parse(R"({"kind":"decision","version":1,"id":"D1","note":"x"})"));
  EXPECT_EQ(lines[4]["kind"], "event");
  EXPECT_EQ(lines[4]["id"], "E1");
  EXPECT_EQ(lines[5]["id"], "D2");
  EXPECT_EQ(journal_->export_jsonl("backend").value(), journal_->export_jsonl("backend").value());
}

TEST_P(JournalConformance, ExportsWhateverStandsInAText) {
  auto record = record_of("D1", at(0s));
  record.json = "{ }";
  journal_->keep_decision(record);
  auto evaluation = evaluation_of(at(0s));
  evaluation.metrics = {{"a\"\n\\b", 1.0, 0.0}};
  journal_->keep_evaluation(evaluation);
  const auto lines = exported();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["metrics"]["a\"\n\\b"]["value"], 1.0);
  EXPECT_EQ(lines[1], nlohmann::json::parse(R"({"kind":"decision"})"));
}

TEST_P(JournalConformance, BadTextHurtsNobody) {
  const std::string odd{"a\0'; DROP TABLE events; --\xff", 27};
  auto evaluation = evaluation_of(at(0s), 1.0, odd);
  evaluation.metrics = {{"\xff\xfe", 1.0, 0.0}};
  journal_->keep_evaluation(evaluation);
  journal_->keep_policy(odd, odd);
  auto record = record_of("D1", at(0s));
  record.json = "no JSON\nat all";
  journal_->keep_decision(record);
  EXPECT_EQ(journal_->evaluations(odd, at(0s), at(0s)).value().size(), 1U);
  EXPECT_TRUE(journal_->events("backend", 10));
  EXPECT_TRUE(journal_->export_jsonl("backend"));
  EXPECT_EQ(journal_->degraded(), "");
}

TEST_P(JournalConformance, ThinsEvaluationsOfOlderDaysToOneAMinute) {
  const auto start = at(0s);
  for (auto since = 0s; since < 10min; since += 15s) {
    journal_->keep_evaluation(evaluation_of(start + since));
    journal_->keep_evaluation(evaluation_of(start + since, 1.0, "worker"));
  }
  journal_->tidy(start + 24h + 5min);
  EXPECT_EQ(evaluations_between(start, start + 5min - 1ms), 5U);
  EXPECT_EQ(evaluations_between(start + 5min, start + 10min), 20U);
  EXPECT_EQ(journal_->evaluations("worker", start, start + 10min).value().size(), 25U);
  journal_->tidy(start + 24h + 5min);
  EXPECT_EQ(evaluations_between(start, start + 10min), 25U);
}

TEST_P(JournalConformance, ForgetsWhatIsOlderThanTwoWeeks) {
  for (const auto day : {0h, 24h, 48h}) {
    const auto name = std::to_string(day.count());
    journal_->keep_decision(record_of("D" + name, at(day), "p" + name));
    journal_->keep_event(event_of("E" + name, at(day)));
    journal_->keep_evaluation(evaluation_of(at(day)));
    journal_->keep_policy("p" + name, R"({"service":"backend"})");
  }
  journal_->keep_policy("newest", R"({"service":"backend"})");
  journal_->tidy(at(15 * 24h));
  EXPECT_EQ(journal_->decisions("backend", 10).value().size(), 2U);
  EXPECT_EQ(journal_->events("backend", 10).value().size(), 2U);
  EXPECT_EQ(evaluations_between(Instant{}, Instant::max()), 2U);
  EXPECT_FALSE(journal_->policy("p0"));
  EXPECT_TRUE(journal_->policy("p24"));
  EXPECT_TRUE(journal_->policy("newest"));
}

TEST_P(JournalConformance, StaysWithinItsSizeByForgettingTheOldest) {
  const std::string megabyte(1'000'000, 'x');
  for (int i = 0; i < 60; ++i) {
    auto record = record_of("D" + std::to_string(i), at(i * 1s));
    record.json = R"({"text":")" + megabyte + R"("})";
    journal_->keep_decision(record);
    journal_->keep_event(event_of("E" + std::to_string(i), at(i * 1s)));
  }
  journal_->keep_decision(record_of("other", at(0s), "p1", "worker"));
  journal_->tidy(at(1min));
  const auto kept = journal_->decisions("backend", 100).value();
  EXPECT_EQ(kept.size(), 49U);
  EXPECT_EQ(kept.front().id, "D59");
  EXPECT_EQ(journal_->events("backend", 100).value().size(), 49U);
  EXPECT_TRUE(journal_->decision("other"));
}

TEST_P(JournalConformance, GoesOnAfterItLetGo) {
  journal_->keep_decision(record_of("D1", at(0s)));
  journal_->release();
  journal_->release();
  EXPECT_TRUE(journal_->decision("D1"));
  journal_->keep_decision(record_of("D2", at(1s)));
  EXPECT_EQ(journal_->decisions("backend", 10).value().size(), 2U);
}

}  // namespace selfscale::journal
