#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "places.hpp"
#include "policy/policy_fixture.hpp"

namespace selfscale {
namespace {

using namespace std::chrono_literals;

std::string policies(const std::string& name) {
  std::ifstream file{fixture("policies/" + name)};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Document, AcceptsTheSelfHostedGuidesFileUnchanged) {
  const auto document = load_policies(policies("spheroseg.json"));
  ASSERT_EQ(document.policies.size(), 1U);
  const CompiledPolicy& policy = document.policies[0].compiled();
  EXPECT_EQ(policy.name, "backend-production-scaling");
  EXPECT_EQ(policy.service, "backend");
  EXPECT_FALSE(policy.enabled);
  EXPECT_EQ(policy.min_replicas, 2);
  EXPECT_EQ(policy.max_replicas, 8);
  EXPECT_EQ(policy.cooldown_period, 5min);
  EXPECT_EQ(policy.evaluation_interval, 2min);
  EXPECT_EQ(policy.scale_down.stabilization_window, 0s);  // it has a cooldown
  ASSERT_EQ(policy.metrics.size(), 1U);
  EXPECT_EQ(policy.metrics[0].window, 5min);
  EXPECT_EQ(policy.metrics[0].weight, 0.4);
  ASSERT_EQ(policy.rules.size(), 1U);
  EXPECT_EQ(policy.rules[0].name, "threshold:cpu_usage");
  EXPECT_EQ(policy.rules[0].weight, 0.4);
  const auto& rule = std::get<ThresholdRule>(policy.rules[0].kind);
  EXPECT_EQ(rule.scale_up, 70);
  EXPECT_EQ(rule.scale_down, 25);
}

TEST(Document, SaysHowItReadEachBareNumber) {
  const auto document = load_policies(policies("spheroseg.json"));
  EXPECT_EQ(document.hints.size(), 3U);
  EXPECT_TRUE(has_hint(document, "/policies/0/metrics/0/window", "5 minutes"));
  EXPECT_TRUE(has_hint(document, "/policies/0/cooldownPeriod", "300 seconds"));
  EXPECT_TRUE(has_hint(document, "/policies/0/evaluationInterval", "120 seconds"));
}

TEST(Document, AcceptsComments) {
  const auto policy =
      load_policies("// mine\n{\"policies\": [/* one */" + minimal_policy().dump() + "]}");
  EXPECT_EQ(policy.policies[0].service(), "backend");
}

TEST(Document, SyntaxErrorsHaveLineAndColumn) {
  const auto problems = problems_in(std::string_view{"{\n  \"policies\": [,]\n}"});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].pointer, "");
  EXPECT_TRUE(says(problems[0].message, "line 2, column 16"));
}

/// The sentence on a text that is no JSON.
std::string slip_in(std::string_view text) {
  const auto problems = problems_in(text);
  return problems.size() == 1 ? problems[0].message : "";
}

TEST(Document, ACommaTooManyIsNamed) {
  for (const std::string_view text :
       {R"({"policies": [{"service": "a", }]})", "{\"a\": 1, // the last, for now\n}",
        "{\"a\": \"b // \\\"\", /* { */ // 1\r}"}) {
    EXPECT_TRUE(says(slip_in(text), "; the comma before } is one too many")) << text;
  }
  EXPECT_TRUE(says(slip_in(R"({"a": [1, ]})"), "; the comma before ] is one too many"));
  for (const std::string_view text :
       {R"({"a": "b,})", R"({"a": })", "{\"a\": [1, 2}", R"({"a": 1,)", "{\"a\": 1 /*,*/ ]",
        "[\",\" }", "[1,/}", "[1]]"}) {
    EXPECT_FALSE(slip_in(text).empty()) << text;
    EXPECT_FALSE(says(slip_in(text), "too many")) << text;
  }
}

TEST(Document, TextsInSingleQuotesAreNamed) {
  for (const std::string_view text :
       {"{'policies': []}", R"({"policies": [{"service": 'a'}]})", "['a']"}) {
    EXPECT_TRUE(says(slip_in(text), "; texts stand in double quotes")) << text;
  }
  for (const std::string_view text : {R"({"service": "it\'s"})", R"({"service": "it')", "{a: 1}"}) {
    EXPECT_FALSE(slip_in(text).empty()) << text;
    EXPECT_FALSE(says(slip_in(text), "double quotes")) << text;
  }
}

TEST(Document, AnEmptyOneIsSaidToBeEmpty) {
  for (const std::string_view text : {"", " \n\t\r\n"}) {
    const auto problems = problems_in(text);
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_TRUE(says(problems[0].message, "is empty"));
  }
}

TEST(Document, SyntaxErrorsAreUtf8WhateverTheyWouldQuote) {
  for (const char* text : {"{\"a\": \"x'; expected\xff\"}", "{\"\xc3", "\xff"}) {
    const auto problems = problems_in(text);
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NO_THROW(Json(problems[0].message).dump()) << problems[0].message;
  }
}

TEST(Document, WhatIsNotADocumentIsSaidSo) {
  for (const std::string_view text :
       {"", "null", "[]", "7", "{}", "{\"policies\": []}", "{\"policies\": {}}",
        "{\"policies\": [1]}", "{}{}", "{\"policies\": 1e999}", "\xff", "{\"\xff\": 1}"}) {
    EXPECT_EQ(problems_in(text).size(), 1U) << text;
  }
}

TEST(Document, AKeyMayStandOnlyOnce) {
  const auto problems =
      problems_in(std::string_view{R"({"policies": [{"service": "a", "service": "b"}]})"});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].pointer, "/policies/0/service");
  EXPECT_TRUE(says(problems[0].message, "twice"));
}

TEST(Document, DepthIsBounded) {
  const std::string deep = R"({"policies": [{"x-deep": )" + std::string(100'000, '[') +
                           std::string(100'000, ']') + "}]}";
  const auto problems = problems_in(std::string_view{deep});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(says(problems[0].message, "deeper than 32"));
}

TEST(Document, AnEntryAloneIsADocument) {
  Json policy = minimal_policy();
  policy["timezone"] = "Africa/Lagos";
  policy["version"] = 1;
  policy["guardrails"] = {{"maxTotalReplicas", 20}, {"minAvailableMemoryMb", 512}};
  const CompiledPolicy alone = compiled(policy);
  EXPECT_EQ(alone.timezone, "Africa/Lagos");
  EXPECT_EQ(alone.max_total_replicas, 20);
  EXPECT_EQ(alone.min_available_memory_mb, 512);

  Json document = document_of(minimal_policy());
  for (const char* key : {"timezone", "guardrails"}) document[key] = policy[key];
  EXPECT_EQ(load_policies(document.dump()).policies[0].hash(), alone.hash);
}

TEST(Document, EachServiceAndEachNameOnce) {
  Json first = minimal_policy();
  Json second = minimal_policy();
  const auto problems = problems_of(Json{{"policies", {first, second}}});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].pointer, "/policies/1/service");

  second["service"] = "worker";
  second["name"] = "backend";
  const auto names = problems_of(Json{{"policies", {first, second}}});
  ASSERT_EQ(names.size(), 1U);
  EXPECT_EQ(names[0].pointer, "/policies/1/name");
}

TEST(Document, DescriptionsAndPrivateKeysMayStandAnywhere) {
  Json policy = policy_with(R"({
    "metrics": [{"name": "cpu_usage", "description": "d", "x-m": 1}],
    "startup": {"description": "d", "x-s": {}},
    "behavior": {"description": "d", "scaleUp": {"description": "d", "policies": [], "x-b": 1}},
    "combine": {"description": "d"}, "cooldown": {"description": "d"}})");
  policy["rules"][0]["description"] = "d";
  policy["rules"][0]["x-r"] = nullptr;
  Json document = document_of(policy);
  document["description"] = "d";
  document["x-d"] = Json::array();
  document["guardrails"] = {{"description", "d"}};
  EXPECT_EQ(problems_of(document), std::vector<Problem>{});
}

}  // namespace
}  // namespace selfscale
