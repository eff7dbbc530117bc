// What is published where agents meet, which anybody may have written there.
#include "agent/published.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "agent/agent_fixture.hpp"
#include "agent/snapshot.hpp"
#include "fleet/leased.hpp"
#include "fleet/redis.hpp"
#include "fleet/redis_server.hpp"
#include "run_coroutine.hpp"

namespace selfscale::agent {
namespace {

constexpr std::size_t far_too_deep = 100'000;

/// Of a service with one replica, as it is published.
json published() {
  return json::parse(R"({"version": 1, "service": "backend", "policy": "backend",
    "policyHash": "1f", "at": 1000.0, "boot": "b", "bootTime": 7.0, "wallTime": 1000.0,
    "decision": {"action": "none", "heldBy": null, "recommendation": {"recommendedReplicas": 1,
      "reason": "enough", "adjustments": [{"fromReplicas": 2}]}},
    "decisionId": "01J", "mayAct": true, "because": null, "enabledBy": "test", "paused": false,
    "dryRun": false, "replicas": {"desired": 1, "current": 1, "ready": 1}, "event": null,
    "circuit": null, "eventsLastHour": 0, "leftOut": [], "note": "", "failure": "", "hold": "",
    "error": "",
    "totals": {}})");
}
std::string nested() {
  auto text = published().dump();
  const std::string note = R"("note":"")";
  const auto brackets = std::string(far_too_deep, '[') + std::string(far_too_deep, ']');
  return text.replace(text.find(note), note.size(), R"("note":)" + brackets);
}
bool is_understood(const std::string& text) { return check_published(text).has_value(); }

TEST(Published, IsUnderstoodWithWhateverAnotherVersionHasBeside) {
  auto said = published();
  EXPECT_TRUE(is_understood(said.dump()));
  said["news"] = {1, 2};
  for (const auto* key : {"circuit", "failure", "hold", "paused", "dryRun", "totals", "boot"}) {
    said.erase(key);
  }
  EXPECT_TRUE(is_understood(said.dump()));
}

TEST(Published, IsRefusedWhereAPartOfItIsMissingOrOfAnotherKind) {
  for (const auto* key :
       {"service", "policy", "policyHash", "at", "decision", "decisionId", "mayAct", "because",
        "enabledBy", "replicas", "event", "leftOut", "note", "error"}) {
    auto said = published();
    said.erase(key);
    EXPECT_FALSE(is_understood(said.dump())) << key;
  }
  for (const auto* key : {"service", "decision", "mayAct", "replicas", "paused", "dryRun",
                          "failure", "hold", "boot", "bootTime", "wallTime"}) {
    auto said = published();
    said[key] = json::array({1});
    EXPECT_FALSE(is_understood(said.dump())) << key;
  }
  for (const auto* part :
       {"/decision/recommendation/adjustments/0/fromReplicas", "/decision/recommendation/reason",
        "/decision/heldBy", "/replicas/ready"}) {
    const json::json_pointer at{part};
    auto said = published();
    said.at(at.parent_pointer()).erase(at.back());
    EXPECT_FALSE(is_understood(said.dump())) << part;
  }
  for (const auto* text : {"", "null", "[]", "{}", "<html>", "\xff"}) {
    EXPECT_FALSE(is_understood(text)) << text;
  }
}

TEST(Published, IsRefusedWhereItsWordsAreNoText) {
  for (const auto* part : {"reason", "code", "adjustments/0", "adjustments/0/code", "adjustments/1",
                           "adjustments/1/code"}) {
    auto said = published();
    said["decision"]["recommendation"]["adjustments"].push_back({{"code", "maximum"}});
    ASSERT_TRUE(is_understood(said.dump()));
    said[json::json_pointer{std::string{"/decision/recommendation/"} + part}] = 7;
    EXPECT_FALSE(is_understood(said.dump())) << part;
  }
}

TEST(Published, IsRefusedWhereItIsNestedDeeperThanThereIsStack) {
  EXPECT_FALSE(is_understood(nested()));
  EXPECT_TRUE(parse_published(nested()).is_discarded());
  EXPECT_FALSE(is_understood(std::string(far_too_deep, '[')));
}

TEST(Published, IsRefusedWhereItIsLong) {
  auto said = published();
  said["note"] = std::string(longest_published, 'n');
  EXPECT_FALSE(is_understood(said.dump()));
}

TEST(Published, OfAnotherServiceCountsAsNothingWhereItIsNestedTooDeep) {
  const auto policy = load_policies(depth_policy().dump()).policies.at(0);
  Shared shared;
  add_other_service(policy, policy, nested(), shared);
  EXPECT_FALSE(shared.other_replicas);
  add_other_service(policy, policy, published().dump(), shared);
  EXPECT_EQ(shared.other_replicas, 1);
}

TEST_F(AgentTest, AFollowerOutlivesWhateverIsPublished) {
  fleet::RedisServer redis;
  auto given = options();
  given.environment["SELFSCALE_FLEET"] = redis.url();
  boost::asio::io_context io;
  const auto url = fleet::parse_redis_url(redis.url()).value();
  const auto leader = fleet::make_leased(
      fleet::make_redis_store({.io = io, .url = url}),
      {.service = "backend", .holder = "elsewhere/1", .running = [] { return Duration{0}; }});
  ASSERT_TRUE(run(io, leader->lead()).value());
  ASSERT_TRUE(run(io, leader->publish("backend", nested())));
  given.driver = platform.driver();
  given.driver.capabilities.scope = Capabilities::Scope::platform;
  Agent agent{given};
  agent.start();
  ASSERT_TRUE(eventually([&] { return status(agent)["role"] == "follower"; }));
  EXPECT_EQ(recommendation(agent), std::nullopt);
  EXPECT_EQ(status(agent)["services"], json::array());
  EXPECT_EQ(status(agent)["errors"], 0);
  ASSERT_TRUE(run(io, leader->publish("backend", published().dump())));
  EXPECT_TRUE(eventually([&] { return recommended(agent) == 1; }));
}

}  // namespace
}  // namespace selfscale::agent
