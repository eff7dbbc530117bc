// Cases of Kubernetes' HPA (tests/fixtures/conformance) through the functions that decide() is made
// of.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "decide/policies_fixture.hpp"
#include "decide/rules/target.hpp"
#include "decide/stabilize.hpp"

namespace selfscale {
namespace {

using Json = nlohmann::json;
using testing::start;
using namespace std::chrono_literals;

/// How old a sample may be is not HPA's business.
constexpr Duration any_age = 24h * 36500;

Json cases(const std::string& table) {
  std::ifstream file{std::string{SELFSCALE_FIXTURES} + "/conformance/" + table + ".json"};
  return Json::parse(file).at("cases");
}

std::optional<Instant> ago(const Json& age) {
  if (age.is_null()) return std::nullopt;
  return start - 1s * age.get<std::int64_t>();
}

Phase phase_of(const std::string& name) {
  static const std::map<std::string, Phase> phases{{"running", Phase::running},
                                                   {"pending", Phase::pending},
                                                   {"failed", Phase::failed},
                                                   {"succeeded", Phase::succeeded},
                                                   {"unknown", Phase::unknown}};
  return phases.at(name);
}

Reading reading_of_sample(const Json& sample, const Json& request) {
  const double amount = sample.at("value_milli").get<double>();
  Reading reading = Reading::of(amount);
  reading.age = 1s * sample.at("age_s").get<int>();
  reading.window = 1s * sample.at("window_s").get<int>();
  if (!request.is_null()) {
    reading.amount = amount;
    reading.capacity = request.get<double>();
    reading.value = 100.0 * amount / *reading.capacity;
  }
  return reading;
}

Instance instance_of(const Json& json, const Json& samples, bool is_share) {
  Instance made;
  made.id = json.at("name");
  made.phase = phase_of(json.at("phase"));
  made.deleting = json.at("deleting");
  const Json& ready = json.at("ready");
  made.ready = ready.is_null()     ? Ready::unreported
               : ready.is_string() ? Ready::unknown
               : ready.get<bool>() ? Ready::yes
                                   : Ready::no;
  made.started_at = ago(json.at("start_age_s"));
  made.ready_changed_at = ago(json.at("ready_transition_age_s"));
  const Json request = is_share ? json.at("request_milli") : Json{};
  Reading reading = Reading::absent(Missing::not_reported);
  if (!request.is_null()) reading.capacity = request.get<double>();
  for (const Json& sample : samples) {
    if (sample.at("instance") == made.id) reading = reading_of_sample(sample, request);
  }
  made.metrics = {reading};
  return made;
}

/// One case as a target rule sees it.
struct Posed {
  CompiledPolicy policy;
  Snapshot seen;
  TargetRule rule;
  int current = 0;

  explicit Posed(const Json& it) {
    const Json& config = it.at("config");
    const Json& inputs = it.at("inputs");
    const Json& metric = config.at("metric");
    const Json& target = metric.at("target");
    const bool is_share = target.at("type") == "utilization";
    rule.target = target.at(is_share ? "percent" : "milli").get<double>();
    rule.tolerance_up = config.at("tolerance").at("up");
    rule.tolerance_down = config.at("tolerance").at("down");
    policy.metrics.resize(1);
    policy.metrics[0].metric = metric.value("resource", "custom") == "cpu" ? "cpu_usage" : "custom";
    policy.metrics[0].missing_after = any_age;
    policy.readiness.cpu_initialization_period =
        1s * config.at("cpu_initialization_period_s").get<int>();
    policy.readiness.initial_readiness_delay =
        1s * config.at("initial_readiness_delay_s").get<int>();
    current = inputs.at("current_replicas");
    seen = testing::snapshot(current);
    seen.platform.ready_replicas.reset();
    for (const Json& instance : inputs.at("instances")) {
      seen.instances.push_back(
          instance_of(instance, inputs.value("samples", Json::array()), is_share));
    }
    if (inputs.contains("values_milli")) {
      double sum = 0.0;
      for (const Json& value : inputs.at("values_milli")) sum += value.get<double>();
      seen.metrics = {Reading::of(sum)};
      rule.per_replica = target.at("type") == "average_value";
    } else {
      // HPA knows no replicas but those listed.
      seen.platform.ready_replicas = static_cast<int>(seen.instances.size());
    }
  }
  [[nodiscard]] Proposal propose() const {
    return propose_target(rule, Situation{policy, seen, start, current}, 0);
  }
};

/// Why a case cannot be posed here; empty: it can.
std::string left_out(const Json& it) {
  const Json& inputs = it.at("inputs");
  std::set<std::string> known;
  for (const Json& instance : inputs.at("instances")) {
    known.insert(instance.at("name"));
    if (instance.contains("request_milli") && instance.at("request_milli").is_null()) {
      return "a request is missing";
    }
  }
  for (const Json& sample : inputs.value("samples", Json::array())) {
    if (!known.contains(sample.at("instance"))) return "a sample of an instance that is not listed";
  }
  return {};
}

// HPA cuts the percentage to a whole number first: 55.4 is 55, within 10 % of 50.
const std::set<std::string> cut_to_whole_numbers{"hpa_replica_calc/generated/099"};

TEST(Conformance, ReplicaCalculation) {
  int posed = 0;
  std::map<std::string, int> skipped;
  for (const Json& it : cases("hpa_replica_calc")) {
    const std::string id = it.at("id");
    if (const std::string why = left_out(it); !why.empty()) {
      ++skipped[why];
      continue;
    }
    if (cut_to_whole_numbers.contains(id)) {
      ++skipped["cut to whole numbers"];
      continue;
    }
    ++posed;
    const Proposal proposal = Posed{it}.propose();
    const Json& expected = it.at("expected");
    if (expected.contains("error")) {
      EXPECT_EQ(proposal.answer, Answer::missing) << id << " " << it.at("name");
    } else {
      EXPECT_EQ(proposal.replicas, expected.at("replicas").get<int>())
          << id << " " << it.at("name");
    }
  }
  EXPECT_EQ(posed, 126);
  EXPECT_EQ(skipped["a request is missing"], 4);
  EXPECT_EQ(skipped["a sample of an instance that is not listed"], 7);
  EXPECT_EQ(skipped["cut to whole numbers"], 1);
}

TEST(Conformance, Classification) {
  for (const Json& it : cases("hpa_classify")) {
    const Json& config = it.at("config");
    MetricSpec metric;
    metric.metric = config.at("resource") == "cpu" ? "cpu_usage" : "custom";
    metric.missing_after = any_age;
    const Readiness readiness{1s * config.at("cpu_initialization_period_s").get<int>(),
                              1s * config.at("initial_readiness_delay_s").get<int>()};
    std::map<Standing, std::set<std::string>> by_standing;
    for (const Json& json : it.at("inputs").at("instances")) {
      const Instance instance = instance_of(json, it.at("inputs").at("samples"), false);
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
    const std::string_view reason = expected.at("reason").get_ref<const std::string&>();
    if (result.replicas == wanted) continue;
    EXPECT_EQ(reason, result.code == Code::scale_up_stabilized ? "ScaleUpStabilized"
                                                               : "ScaleDownStabilized")
        << it.at("name");
  }
}

}  // namespace
}  // namespace selfscale
