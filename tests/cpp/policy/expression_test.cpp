// The language of computed metrics: what is refused, and where the mistake is.
#include "policy/expression.hpp"

#include <gtest/gtest.h>

#include "policy/policy_fixture.hpp"

namespace selfscale {
namespace {

TEST(ExpressionText, MistakesNameTheirPlace) {
  const struct {
    const char* text;
    std::size_t position;
    const char* says;
  } rows[] = {{"", 0, "expected a number, a name"},   {"a +", 3, "expected a number, a name"},
              {"a b", 2, "expected an operator"},     {"(a", 2, "closing parenthesis"},
              {"a)", 1, "expected an operator"},      {"min(a)", 5, "two values or more"},
              {"max(a, b", 8, "closing parenthesis"}, {"a $ b", 2, "expected an operator"},
              {"1e999", 0, "is not a number"}};
  for (const auto& row : rows) {
    const ParsedExpression parsed = parse_expression(row.text);
    ASSERT_TRUE(parsed.error) << row.text;
    EXPECT_EQ(parsed.error->position, row.position) << row.text;
    EXPECT_TRUE(says(parsed.error->message, row.says)) << row.text;
  }
}

TEST(ExpressionText, DeepNestingIsRefused) {
  const std::string deep = std::string(40, '(') + "a" + std::string(40, ')');
  EXPECT_TRUE(says(parse_expression(deep).error->message, "nested too deeply"));
  EXPECT_FALSE(parse_expression("((((a))))").error);
  std::string wide = "a";
  for (int i = 0; i < 40; ++i) wide = "1 + (" + wide + ")";
  EXPECT_TRUE(parse_expression(wide).error);
}

Json with_metrics(const char* metrics) {
  Json policy = minimal_policy();
  policy["metrics"] = Json::parse(metrics);
  return policy;
}

TEST(ComputedMetrics, MistakesInAPolicy) {
  const struct {
    const char* metrics;
    const char* pointer;
    const char* says;
  } rows[] = {
      {R"([{"name": "x", "value": "due / "}])", "/metrics/0/value", "character 7"},
      {R"([{"name": "x", "value": "x + 1"}])", "/metrics/0/value", "from itself: x -> x"},
      {R"([{"name": "x", "value": "y"}, {"name": "y", "value": "x"}])", "/metrics/0/value",
       "x -> y -> x"},
      {R"([{"name": "x", "value": "cpu_usag * 2"}])", "/metrics/0/value", "\"cpu_usage\""},
      {R"([{"name": "x", "value": "due", "window": "30s"}])", "/metrics/0/window", "is computed"},
      {R"([{"name": "cpu_usage", "value": "due"}])", "/metrics/0/name", "built-in"}};
  for (const auto& row : rows) {
    const auto problems = problems_of(with_metrics(row.metrics));
    ASSERT_EQ(problems.size(), 1U) << row.metrics;
    EXPECT_EQ(problems[0].pointer, row.pointer) << row.metrics;
    EXPECT_TRUE(says(problems[0].message, row.says)) << row.metrics;
  }
}

TEST(ComputedMetrics, AtMostSixteen) {
  Json policy = minimal_policy();
  policy["metrics"] = Json::array();
  for (int i = 0; i < 17; ++i) {
    policy["metrics"].push_back({{"name", "x" + std::to_string(i)}, {"value", "in_flight + 1"}});
  }
  const auto problems = problems_of(policy);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(says(problems[0].message, "at most 16"));
}

}  // namespace
}  // namespace selfscale
