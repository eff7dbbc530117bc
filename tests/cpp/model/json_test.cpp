// JSON forms: golden files of version 1, refusals with their place, and what is passed over.
#include "model/json.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <selfscale/decide.hpp>
#include <sstream>
#include <vector>

#include "places.hpp"

namespace selfscale {
namespace {

const Names names{"backend", {"cpu_usage", "rps"}, {{"cpu", "threshold"}, {"load", "target"}}};

std::string golden(const std::string& name) {
  std::ifstream file{fixture("golden/" + name)};
  EXPECT_TRUE(file) << "tests/fixtures/golden/" << name << " is not there";
  std::stringstream text;
  text << file.rdbuf();
  std::string all = text.str();
  while (!all.empty() && all.back() == '\n') all.pop_back();
  return all;
}

std::string refusal(const std::function<void()>& read) {
  try {
    read();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::malformed);
    return error.what();
  }
  return "nothing was refused";
}

// ---- golden files: never changed, only added to

TEST(Golden, Snapshot) {
  const std::string text = golden("snapshot.v1.json");
  const Snapshot snapshot = snapshot_from_json(names, text);
  EXPECT_EQ(snapshot.at, Instant{Duration{1'732'272'000'125}});
  EXPECT_EQ(snapshot.platform.ready_replicas, 2);
  EXPECT_EQ(snapshot.instances.at(0).metrics.at(0)->amount, 0.425);
  EXPECT_EQ(snapshot.metrics.at(1)->missing, Missing::timed_out);
  EXPECT_EQ(snapshot.shared.other_replicas, 7);
  EXPECT_EQ(to_json(names, snapshot), text);
}

TEST(SnapshotJson, ItIsReachableAndCanBeWokenUnlessItSaysOtherwise) {
  Snapshot snapshot = snapshot_from_json(names, golden("snapshot.v1.json"));
  EXPECT_TRUE(snapshot.is_reachable);
  EXPECT_TRUE(snapshot.can_be_woken);
  snapshot.is_reachable = snapshot.can_be_woken = false;
  EXPECT_EQ(snapshot_from_json(names, to_json(names, snapshot)), snapshot);
}

TEST(SnapshotJson, AnAmountOfACapacityIsAPercentage) {
  const auto value_of = [](const std::string& reading) {
    const std::string metrics = R"({"cpu_usage": )" + reading + "}";
    const Snapshot snapshot = snapshot_from_json(
        names, R"({"at": 0, "platform": {"currentReplicas": 1}, "metrics": )" + metrics + "}");
    const Reading& read = *snapshot.metrics.at(0);
    return read.is_missing() ? std::nullopt : std::optional{read.value};
  };
  EXPECT_EQ(value_of(R"({"amount": 0.5, "capacity": 2})"), 25.0);
  EXPECT_EQ(value_of(R"({"amount": 0.5, "capacity": 2, "value": 26})"), 26.0) << "as it is said";
  EXPECT_EQ(value_of(R"({"amount": 0.5, "capacity": 0})"), std::nullopt);
  EXPECT_EQ(value_of(R"({"amount": 0.5})"), std::nullopt);
  EXPECT_EQ(value_of(R"({"capacity": 2})"), std::nullopt);
  EXPECT_EQ(value_of(R"({"amount": 0.5, "capacity": 2, "missing": "stale"})"), std::nullopt);
}

TEST(SnapshotJson, SaysHowManyStartsAnEstimateCameOf) {
  const std::string text = golden("snapshot.v1.json");
  Snapshot snapshot = snapshot_from_json(names, text);
  EXPECT_EQ(snapshot.estimates.startup_samples, 0) << "the first release did not say";
  snapshot.estimates.startup_samples = 12;
  EXPECT_EQ(snapshot_from_json(names, to_json(names, snapshot)), snapshot);
}

TEST(Golden, State) {
  const std::string text = golden("state.v1.json");
  const DecisionState state = state_from_json(names, text);
  EXPECT_EQ(state.down_window.at(1).replicas, 4);
  EXPECT_EQ(state.rules.at(0).definition, 0xfedcba9876543210U);
  EXPECT_EQ(state.last_down, std::nullopt);
}

TEST(Golden, StateOfVersion2) {
  const std::string text = golden("state.v2.json");
  const DecisionState state = state_from_json(names, text);
  EXPECT_EQ(state.rules.at(1).peak, 9);
  EXPECT_EQ(state.rules.at(1).delayed.at(0).replicas, 7);
  EXPECT_EQ(state.changes.at(1).replicas, -1);
  EXPECT_EQ(state.changes.at(1).events, 2);
  EXPECT_TRUE(state.scaled_to_zero);
  EXPECT_EQ(to_json(names, state), text);
}

TEST(Golden, Decision) {
  const std::string text = golden("decision.v1.json");
  const Decision decision = decision_from_json(names, text);
  EXPECT_EQ(decision.held_by, Stage::limits);
  EXPECT_EQ(decision.recommendation.proposals.at(1).answer, Answer::missing);
  const Words words{
      "the maximum is 3", {"cpu_usage 85 % is above 70 %", "no reading"}, {"the maximum is 3"}};
  EXPECT_EQ(to_json(names, decision, words, nullptr), text);
}

TEST(Decision, SaysHowManyInstancesWereSilentWhereSomeWere) {
  Decision decision = decision_from_json(names, golden("decision.v1.json"));
  auto& proposal = decision.recommendation.proposals.at(0);
  EXPECT_EQ(proposal.silent, 0);
  proposal.silent = 1;
  proposal.counted = 3;
  Words words;
  words.proposals.resize(decision.recommendation.proposals.size());
  words.adjustments.resize(decision.recommendation.adjustments.size());
  const auto read = decision_from_json(names, to_json(names, decision, words, nullptr));
  EXPECT_EQ(read.recommendation.proposals.at(0), proposal);
}

TEST(Golden, Event) {
  const std::string text = golden("event.v1.json");
  const ScalingEvent event = event_from_json(text);
  EXPECT_EQ(event.token, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(event.trigger, Trigger::policy);
  EXPECT_EQ(to_json(event), text);
}

TEST(Event, HasTheCodeOfAFailureAndNoneOtherwise) {
  ScalingEvent event = event_from_json(golden("event.v1.json"));
  EXPECT_EQ(event.code, "");
  event.code = "throttled";
  EXPECT_EQ(event_from_json(to_json(event)), event);
}

// ---- what is left out

TEST(Snapshot, NeedsOnlyTimeAndCounts) {
  const Snapshot snapshot =
      snapshot_from_json(names, R"({"at": 5, "platform": {"currentReplicas": 3}})");
  EXPECT_EQ(snapshot.at, Instant{Duration{5000}});
  EXPECT_EQ(snapshot.wall_time_seconds, 5.0);
  EXPECT_EQ(snapshot.service, "backend");
  EXPECT_EQ(snapshot.platform.desired_replicas, 3);
  EXPECT_EQ(snapshot.platform.ready_replicas, std::nullopt);
  EXPECT_EQ(snapshot.metrics.size(), 2U);
}

TEST(Snapshot, APlatformThatCouldNotBeReadNeedsNoCounts) {
  const Snapshot snapshot =
      snapshot_from_json(names, R"({"at": 5, "platform": {"error": "403 Forbidden"}})");
  EXPECT_EQ(snapshot.platform.error, "403 Forbidden");
}

TEST(Snapshot, MetricsOfNoRuleArePassedOver) {
  const Snapshot snapshot = snapshot_from_json(
      names,
      R"({"at": 5, "platform": {"currentReplicas": 3}, "metrics": {"other": {"value": 1}}})");
  EXPECT_EQ(snapshot.metrics.at(0), std::nullopt);
}

TEST(State, NothingAtAllIsAFreshOne) {
  const DecisionState state = state_from_json(names, "{}");
  EXPECT_FALSE(state.seen);
  EXPECT_EQ(state.rules.size(), 2U);
}

TEST(State, TimersGoByName) {
  DecisionState state;
  state.rules.resize(2);
  state.rules[1].definition = 7;
  state.rules[1].above_since = Instant{Duration{1000}};
  const Names turned{"backend", {"cpu_usage", "rps"}, {{"load", "target"}, {"cpu", "threshold"}}};
  EXPECT_EQ(state_from_json(turned, to_json(names, state)).rules.at(0), state.rules[1]);
}

// ---- readings

Reading reading(const std::string& json) {
  const std::string text =
      R"({"at": 5, "platform": {"currentReplicas": 3}, "metrics": {"rps": )" + json + "}}";
  return *snapshot_from_json(names, text).metrics.at(1);
}

TEST(ReadingFromJson, WhatIsNoAmountIsRefusedAndKept) {
  EXPECT_EQ(reading(R"({"value": -1})").missing, Missing::refused);
  EXPECT_EQ(reading(R"({"value": 0})").missing, Missing::no);
  EXPECT_EQ(reading("{}").missing, Missing::not_reported);
  EXPECT_EQ(reading(R"({"value": null})").missing, Missing::not_reported);
  EXPECT_EQ(reading(R"({"missing": "denied", "detail": "401"})").detail, "401");
}

TEST(ReadingOf, RefusesWhatIsNotFiniteOrNegative) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), -1.0, std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(Reading::of(value).missing, Missing::refused);
  }
  EXPECT_FALSE(Reading::of(0.0).is_missing());
}

// ---- refusals

struct Wrong {
  const char* text;
  const char* says;
};

TEST(Snapshot, SaysWhatIsWrongAndWhere) {
  const std::vector<Wrong> rows{
      {"[]", "the document: is a list, where an object belongs"},
      {"{", "snapshot is not JSON"},
      {R"({"at": 1})", "/platform: is missing"},
      {R"({"at": "now", "platform": {}})", "/at: is \"now\", where a number belongs"},
      {R"({"at": -1, "platform": {}})", "/at: is -1, where a number of seconds"},
      {R"({"at": 1, "platform": {"currentReplicas": "three"}})",
       "/platform/currentReplicas: is \"three\", where a whole number"},
      {R"({"at": 1, "platform": {"currentReplicas": 2.5}})", "/platform/currentReplicas: is 2.5"},
      {R"({"at": 1, "platform": {"currentReplicas": 1e10}})", "/platform/currentReplicas"},
      {R"({"version": 2, "at": 1})", "/version: version 2 of a snapshot is not known here; 1 is"},
      {R"({"at": 1, "platform": {"currentReplicas": 1}, "instances": [{"id": "a", "phase": "up"}]})",
       "/instances/0/phase: is \"up\", where one of running, pending, failed, succeeded, unknown"},
      {R"({"at": 1, "platform": {"currentReplicas": 1}, "metrics": {"rps": {"value": 1}},
           "instances": [{"id": "a", "metrics": {"rps": {"value": 1}}}]})",
       "/metrics/rps: instance a reports it too"},
      {R"({"at": 1, "platform": {"currentReplicas": 1}, "metrics": {"rps": {"missing": "gone"}}})",
       "/metrics/rps/missing"},
  };
  for (const Wrong& row : rows) {
    const std::string said = refusal([&] { snapshot_from_json(names, row.text); });
    EXPECT_NE(said.find(row.says), std::string::npos) << row.text << "\n  " << said;
  }
}

TEST(State, SaysWhatIsWrongAndWhere) {
  const std::vector<Wrong> rows{
      {R"({"upWindow": [[1]]})", "/upWindow/0: is a list, where [seconds, replicas]"},
      {R"({"downWindow": [[2, 1], [1, 1]]})", "/downWindow/1: is older than the one before it"},
      {R"({"timers": {"cpu": {"definition": "xyz"}}})", "/timers/cpu/definition"},
      {R"({"past": {"succeeded": 1}})", "/past/failed: is missing"},
  };
  for (const Wrong& row : rows) {
    const std::string said = refusal([&] { state_from_json(names, row.text); });
    EXPECT_NE(said.find(row.says), std::string::npos) << row.text << "\n  " << said;
  }
}

TEST(Decision, OfAnotherPolicyIsRefused) {
  const Names other{"backend", {"cpu_usage", "rps"}, {{"memory", "threshold"}}};
  const std::string said = refusal([&] { decision_from_json(other, golden("decision.v1.json")); });
  EXPECT_NE(said.find(R"(/recommendation/proposals/0/rule: the policy has no rule "cpu")"),
            std::string::npos)
      << said;
}

TEST(Event, IntegersGoUpTo63BitsAndNoFurther) {
  std::string text = golden("event.v1.json");
  text.replace(text.find("9223372036854775807"), 19, "9223372036854775808");
  EXPECT_NE(refusal([&] { event_from_json(text); }).find("/token: is 9223372036854775808"),
            std::string::npos);
}

TEST(Snapshot, AReadingThatIsNotMissingHasItsValue) {
  const Snapshot snapshot = snapshot_from_json(names, R"({
    "at": 1, "platform": {"currentReplicas": 1}, "metrics": {"rps": {"missing": "no", "value": 5}}})");
  EXPECT_FALSE(snapshot.metrics[1]->is_missing());
  EXPECT_EQ(snapshot.metrics[1]->value, 5.0);
}

TEST(State, HoldsNoMoreThanOneOfOursWould) {
  std::string entries = "[[1, 1, 1]";
  for (int i = 0; i < 64; ++i) entries += ", [1, 1, 1]";
  const std::string changes = R"({"changes": )" + entries + "]}";
  EXPECT_NE(refusal([&] { state_from_json(names, changes); }).find("/changes: holds 65 entries"),
            std::string::npos);
  const std::string window = R"({"downWindow": )" + entries + "]}";
  EXPECT_NE(refusal([&] { state_from_json(names, window); }).find("/downWindow: holds 65 entries"),
            std::string::npos);
}

TEST(Decision, ConfidenceLiesBetween0And1) {
  std::string text = golden("decision.v1.json");
  text.replace(text.find("0.8"), 3, "1e9");
  EXPECT_NE(refusal([&] { decision_from_json(names, text); }).find("/recommendation/confidence"),
            std::string::npos);
}

TEST(Text, NestedDeeperThanAnyFormIsRefused) {
  const std::string text =
      R"({"later": )" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_NE(refusal([&] { state_from_json(names, text); }).find("the document: is nested deeper"),
            std::string::npos);
}

TEST(Text, RefusalsAreUtf8WhateverIsRefused) {
  std::string umlauts = "x";
  for (int i = 0; i < 50; ++i) umlauts += "ä";
  const std::vector<std::string> texts{"{\"at\": \xff", "{\"\xc3", R"({"at": ")" + umlauts + "\"}"};
  for (const std::string& text : texts) {
    const std::string said = refusal([&] { snapshot_from_json(names, text); });
    EXPECT_NO_THROW(nlohmann::json(said).dump()) << said;
  }
}

TEST(Text, BytesThatAreNoUtf8BreakNothing) {
  ScalingEvent event;
  event.error = "\xff";
  EXPECT_EQ(event_from_json(to_json(event)).error, "\xef\xbf\xbd");
}

}  // namespace
}  // namespace selfscale
