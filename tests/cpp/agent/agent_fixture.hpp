// Agents for tests: directories of their own, a platform in memory, and waiting on conditions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <selfscale/agent.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/directory_fixture.hpp"
#include "text_predicates.hpp"

namespace selfscale::agent {

using json = nlohmann::json;

inline constexpr auto deadline = std::chrono::seconds{20};

/// Waits for a condition; false after the deadline.
inline bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return true;
}

/// What was asked for is there at once; ready, too, unless `ready` says how many are.
struct Platform {
  static constexpr int all = -1;
  std::atomic<int> replicas{1};
  std::atomic<int> ready{all};
  std::atomic<int> writes{0};
  std::atomic<bool> throws{false};

  CallbackDriver driver() {
    CallbackDriver made;
    made.capabilities.scope = Capabilities::Scope::host;
    made.scale = [this](int count) {
      ++writes;
      if (throws) throw std::runtime_error{"quota exceeded"};
      replicas = count;
    };
    made.observe = [this] {
      const int count = replicas;
      const int can_serve = ready;
      return ReplicaCounts{count, count, can_serve == all ? count : can_serve};
    };
    return made;
  }
};

/// Scales by the gauge "depth": up above 10, down below 2.
inline json depth_policy() {
  return json::parse(R"({
    "service": "backend", "minReplicas": 1, "maxReplicas": 5, "evaluationInterval": "50ms",
    "metrics": [{"name": "depth", "window": "200ms", "aggregation": "last"}],
    "rules": [{"name": "depth", "type": "threshold", "metric": "depth", "scaleUp": 10, "scaleDown": 2}],
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}
  })");
}

/// What an agent logs.
class Lines {
 public:
  LogSink sink() {
    return [this](LogLevel, std::string_view line) {
      const std::lock_guard lock{mutex_};
      lines_.emplace_back(line);
    };
  }
  int with(std::string_view words) {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(std::ranges::count_if(
        lines_, [words](const std::string& line) { return contains(line, words); }));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

class AgentTest : public testing::Test {
 protected:
  AgentOptions options(const json& policy = depth_policy()) {
    AgentOptions made;
    made.policies_text = policy.dump();
    made.service = "backend";
    made.environment = {{"SELFSCALE_RUN_DIR", directory.path() + "/run"},
                        {"SELFSCALE_STATE_DIR", directory.path() + "/state"},
                        {"SELFSCALE_INSTANCE", "a"},
                        {"AUTOSCALING_LOG_LEVEL", "off"}};
    return made;
  }
  /// With the platform as its driver, and a person's word.
  AgentOptions enabled(const json& policy = depth_policy()) {
    auto made = options(policy);
    made.driver = platform.driver();
    made.enable = true;
    made.enabled_by = "test";
    return made;
  }
  static std::optional<json> recommendation(const Agent& agent) {
    const auto text = agent.recommendation_json("backend");
    if (!text) return std::nullopt;
    return json::parse(*text);
  }
  static int recommended(const Agent& agent) {
    const auto said = recommendation(agent);
    return said ? (*said)["decision"]["recommendation"]["recommendedReplicas"].get<int>() : 0;
  }
  static json status(const Agent& agent) { return json::parse(agent.status_json()); }
  /// Often enough for whatever would be done to be done.
  static bool evaluates_on(const Agent& agent) {
    std::set<json> evaluations;
    return eventually([&] {
      const auto services = status(agent)["services"];
      if (!services.empty()) evaluations.insert(services[0]["lastEvaluation"]);
      return evaluations.size() > 8;
    });
  }

  Directory directory;
  Platform platform;
};

}  // namespace selfscale::agent
