// Whole ticks of Kubernetes' HPA, through decide() and record(); its conditions by the table of
// docs/reference/codes.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "decide/conformance_fixture.hpp"
#include "decide/policies_fixture.hpp"
#include "places.hpp"

namespace selfscale {
namespace {

using testing::Json;
using testing::start;
using namespace std::chrono_literals;

/// The rows "| condition | reason | codes |" of the docs, in backticks.
class ConditionTable {
 public:
  ConditionTable() {
    std::ifstream file{in_repository("docs/reference/codes.md")};
    for (std::string line; std::getline(file, line);) {
      const std::vector<std::string> words = quoted(line);
      if (words.size() >= 2 && conditions.contains(words[0])) rows_.push_back(words);
    }
  }

  /// Whether the table has this code on the row of a reason.
  [[nodiscard]] bool gives(const std::string& condition, const std::string& reason,
                           Code code) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const std::vector<std::string>& row) {
      return row[0] == condition && row[1] == reason && has(row, code);
    });
  }

  /// The reason that one of the codes gives a condition; empty: none does.
  [[nodiscard]] std::string reason(const std::string& condition,
                                   const std::vector<Code>& codes) const {
    for (const Code code : codes) {
      for (const std::vector<std::string>& row : rows_) {
        if (row[0] == condition && has(row, code)) return row[1];
      }
    }
    return {};
  }

 private:
  inline static const std::set<std::string> conditions{"AbleToScale", "ScalingActive",
                                                       "ScalingLimited", "ScaledToZero"};

  static bool has(const std::vector<std::string>& row, Code code) {
    return std::find(row.begin() + 2, row.end(), name_of(code)) != row.end();
  }

  static std::vector<std::string> quoted(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream stream{line};
    std::string outside;
    std::string inside;
    while (std::getline(stream, outside, '`') && std::getline(stream, inside, '`')) {
      words.push_back(inside);
    }
    return words;
  }

  std::vector<std::vector<std::string>> rows_;
};

const std::set<std::string> faults_of_the_platform{"driver_get_failed", "selector_missing",
                                                   "selector_invalid", "ambiguous_owner"};

/// One case: the policy, what was seen, and what was done before.
struct Posed {
  Policy policy;
  Snapshot seen;
  DecisionState state;
};

/// A tolerance of behavior stands where the case's own would.
Json tolerance_of(const Json& config) {
  Json tolerance{{"up", config.at("tolerance")}, {"down", config.at("tolerance")}};
  const Json& behavior = config.at("behavior_effective");
  if (behavior.is_null() || !config.at("per_direction_tolerance_enabled").get<bool>()) {
    return tolerance;
  }
  for (const auto& [key, direction] : {std::pair{"up", "scale_up"}, {"down", "scale_down"}}) {
    if (behavior.at(direction).contains("tolerance")) tolerance.erase(key);
  }
  return tolerance;
}

Json behavior_of(const Json& config) {
  Json behavior = testing::behavior_json(config);
  const Json& given = config.at("behavior_effective");
  if (given.is_null() || !config.at("per_direction_tolerance_enabled").get<bool>()) {
    return behavior;
  }
  for (const auto& [key, direction] :
       {std::pair{"scaleUp", "scale_up"}, {"scaleDown", "scale_down"}}) {
    if (given.at(direction).contains("tolerance")) {
      behavior[key]["tolerance"] = given.at(direction).at("tolerance");
    }
  }
  return behavior;
}

Snapshot seen_in(const Json& inputs) {
  Snapshot seen = testing::snapshot(inputs.at("current_replicas"));
  seen.platform.current_replicas = inputs.at("observed_replicas");
  seen.platform.ready_replicas.reset();
  const Json& fault = inputs.at("fault");
  if (!fault.is_null() && faults_of_the_platform.contains(fault)) seen.platform.error = fault;
  for (const Json& instance : inputs.at("instances")) {
    seen.instances.push_back(testing::instance_of(instance));
  }
  return seen;
}

Posed posed(const Json& it) {
  const Json& config = it.at("config");
  const Json& inputs = it.at("inputs");
  Json json = testing::policy_json(config.at("min_replicas"), config.at("max_replicas"));
  json["behavior"] = behavior_of(config);
  testing::pose_readiness(config, json);
  Snapshot seen = seen_in(inputs);
  for (const Json& metric : inputs.at("metrics")) {
    testing::pose_metric(metric, tolerance_of(config), json, seen);
  }
  if (inputs.at("metrics").empty()) {
    json["rules"].push_back({{"type", "target"}, {"metric", "cpu_usage"}, {"target", 80}});
  }
  Posed made{testing::policy_of(json.dump()), std::move(seen), {}};
  made.state.seen = !inputs.at("recommendations").is_null();  // else the first sight seeds it
  made.state.scaled_to_zero = inputs.at("previously_scaled_to_zero").get<bool>() &&
                              config.at("scale_to_zero_enabled").get<bool>();
  return made;
}

/// Everything that a decision says, the chief reason first.
std::vector<Code> codes_of(const Decision& decision) {
  std::vector<Code> codes{decision.recommendation.code};
  for (const Adjustment& one : decision.recommendation.adjustments) codes.push_back(one.code);
  return codes;
}

struct Ticked {
  Decision decision;
  ScalingEvent event;  ///< meaningful where the decision is to scale
  int replicas = 0;
  bool failed = false;  ///< HPA would report an error, whether or not it scaled
};

/// A platform that takes the write, but for the case's fault: a conflict is tried again.
Ticked tick(Posed& it, const Json& fault) {
  Ticked result;
  result.decision = decide(it.policy, it.seen, it.state);
  result.replicas = result.decision.from_replicas;
  const auto& proposals = result.decision.recommendation.proposals;
  result.failed = !it.seen.platform.error.empty() ||
                  std::any_of(proposals.begin(), proposals.end(), [](const Proposal& proposal) {
                    return proposal.answer == Answer::missing;
                  });
  if (result.decision.action != Action::scale) return result;
  result.event = testing::event(start, result.replicas, result.decision.to_replicas);
  if (fault == "driver_update_failed") {
    result.event.outcome = Outcome::failed;
    result.event.accepted_at.reset();
    result.failed = true;
  } else {
    result.replicas = result.decision.to_replicas;
  }
  record(it.state, result.event);
  return result;
}

/// The case's reason of a condition; empty: the tick did not set it.
std::string reason_in(const Json& conditions, const char* condition) {
  return conditions.contains(condition) ? conditions.at(condition).at("reason").get<std::string>()
                                        : std::string{};
}

/// How HPA says that a metric of this type could not be read.
std::string failure_of(const Json& metric) {
  static const std::map<std::string, std::string> reasons{
      {"resource", "FailedGetResourceMetric"},
      {"container_resource", "FailedGetContainerResourceMetric"},
      {"per_instance", "FailedGetPodsMetric"},
      {"object", "FailedGetObjectMetric"},
      {"external", "FailedGetExternalMetric"},
      {"unknown", "InvalidMetricSourceType"}};
  return reasons.at(metric.at("type"));
}

std::string able_to_scale(const ConditionTable& table, const Ticked& ticked, bool has_answer) {
  if (ticked.decision.action == Action::scale) {
    return ticked.event.outcome == Outcome::failed ? "FailedUpdateScale" : "SucceededRescale";
  }
  const std::string reason = table.reason("AbleToScale", codes_of(ticked.decision));
  return !reason.empty() ? reason : has_answer ? "ReadyForNewScale" : "SucceededGetScale";
}

/// HPA's conditions, as docs/reference/codes.md derives them.
void expect_conditions(const ConditionTable& table, const Ticked& ticked, const Json& metrics,
                       const Json& expected) {
  const Recommendation& recommendation = ticked.decision.recommendation;
  const std::vector<Code> codes = codes_of(ticked.decision);
  const std::string active = reason_in(expected, "ScalingActive");
  const std::string inactive = table.reason("ScalingActive", codes);
  const bool has_answer = !recommendation.proposals.empty() && inactive.empty();
  const std::string limited = table.reason("ScalingLimited", codes);
  if (recommendation.code == Code::platform_unknown) {
    EXPECT_TRUE(table.gives("AbleToScale", reason_in(expected, "AbleToScale"), codes[0]) ||
                table.gives("ScalingActive", active, codes[0]));
    return;
  }
  EXPECT_EQ(able_to_scale(table, ticked, has_answer), reason_in(expected, "AbleToScale"));
  if (has_answer) {
    EXPECT_EQ("ValidMetricFound", active);
    EXPECT_EQ(limited.empty() ? "DesiredWithinRange" : limited,
              reason_in(expected, "ScalingLimited"));
  } else if (inactive.empty()) {
    EXPECT_EQ("", active) << "a bound is restored without a look at the metrics";
  } else {
    EXPECT_TRUE(table.gives("ScalingActive", active, codes[0])) << active;
    if (recommendation.leading >= 0) {
      EXPECT_EQ(failure_of(metrics[static_cast<std::size_t>(recommendation.leading)]), active);
    }
  }
}

TEST(ConformanceOfWholeTicks, Reconcile) {
  const ConditionTable table;
  for (const Json& it : testing::cases("hpa_reconcile")) {
    SCOPED_TRACE(it.at("id").get<std::string>() + " " + it.at("name").get<std::string>());
    Posed one = posed(it);
    const Json& fault = it.at("inputs").at("fault");
    const Json& expected = it.at("expected");
    const Ticked ticked = tick(one, fault);
    EXPECT_EQ(ticked.replicas, expected.at("replicas").get<int>());
    EXPECT_EQ(ticked.replicas != ticked.decision.from_replicas, expected.at("scaled").get<bool>());
    EXPECT_EQ(ticked.failed, expected.at("error").get<bool>());
    const Json& per_metric = expected.at("per_metric");
    for (std::size_t i = 0; i < per_metric.size(); ++i) {
      const Proposal& proposal = ticked.decision.recommendation.proposals.at(i);
      if (per_metric[i].contains("error")) {
        EXPECT_EQ(proposal.answer, Answer::missing);
      } else {
        EXPECT_EQ(proposal.replicas, per_metric[i].at("replicas").get<int>());
      }
    }
    const Json& conditions = expected.at("conditions");
    expect_conditions(table, ticked, it.at("inputs").at("metrics"), conditions);
    if (conditions.contains("ScaledToZero") &&
        it.at("config").at("scale_to_zero_enabled").get<bool>()) {
      EXPECT_EQ(one.state.scaled_to_zero, conditions.at("ScaledToZero").at("status").get<bool>());
    }
  }
}

}  // namespace
}  // namespace selfscale
