// Every mistake is one problem, with its place, its value and what would be right.
#include <gtest/gtest.h>

#include "policy/policy_fixture.hpp"

namespace selfscale {
namespace {

struct Mistake {
  std::string keys;     ///< put into the minimal policy
  std::string pointer;  ///< of the one problem
  std::string words;    ///< in its sentence
};

void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.keys; }

class PolicyMistake : public testing::TestWithParam<Mistake> {};

TEST_P(PolicyMistake, IsOneProblemThatTeaches) {
  const auto problems = problems_of(policy_with(GetParam().keys));
  ASSERT_EQ(problems.size(), 1U) << (problems.empty() ? "" : PolicyError{problems}.what());
  EXPECT_EQ(problems[0].pointer, GetParam().pointer);
  EXPECT_TRUE(says(problems[0].message, GetParam().words));
}

std::string rule(const std::string& keys) {
  return R"({"rules": [{"type": "threshold", "metric": "cpu_usage", )" + keys + "}]}";
}
std::string target(const std::string& keys) {
  return R"({"rules": [{"type": "target", "metric": "cpu_usage", )" + keys + "}]}";
}
std::string concurrency(const std::string& keys) {
  return R"({"rules": [{"type": "concurrency", "metric": "in_flight", )" + keys + "}]}";
}
std::string metric(const std::string& keys) { return R"({"metrics": [{)" + keys + "}]}"; }

INSTANTIATE_TEST_SUITE_P(
    Names, PolicyMistake,
    testing::Values(Mistake{R"({"service": ""})", "/service", "text"},
                    Mistake{R"({"service": 7})", "/service", "text"},
                    Mistake{R"({"service": "a/b"})", "/service", "letters"},
                    Mistake{R"({"service": ".."})", "/service", "dot"},
                    Mistake{R"({"name": 7})", "/name", "text"},
                    Mistake{R"({"enabled": "yes"})", "/enabled", "true or false"},
                    Mistake{R"({"preset": "balancd"})", "/preset", "\"balanced\""},
                    Mistake{R"({"minReplica": 2})", "/minReplica", "\"minReplicas\""},
                    Mistake{R"({"a/b~c": 2})", "/a~1b~0c", "not a key"},
                    Mistake{R"({"version": 2})", "/version", "must be 1"},
                    Mistake{R"({"timezone": 1})", "/timezone", "text"},
                    Mistake{R"({"timezone": "Africa/Lago"})", "/timezone", "\"Africa/Lagos\""},
                    Mistake{R"({"timezone": "../etc/passwd"})", "/timezone", "IANA"}));

INSTANTIATE_TEST_SUITE_P(
    Bounds, PolicyMistake,
    testing::Values(Mistake{R"({"minReplicas": -1})", "/minReplicas", "between 0"},
                    Mistake{R"({"minReplicas": 1.5})", "/minReplicas", "whole"},
                    Mistake{R"({"maxReplicas": "10"})", "/maxReplicas", "number"},
                    Mistake{R"({"maxReplicas": 1e300})", "/maxReplicas", "whole"},
                    Mistake{R"({"minReplicas": 11})", "/minReplicas", "maxReplicas is 10"},
                    Mistake{R"({"initialReplicas": 11})", "/initialReplicas", "within"},
                    Mistake{R"({"guardrails": {"maxTotalReplicas": 0}})",
                            "/guardrails/maxTotalReplicas", "between"},
                    Mistake{R"({"guardrails": {"minAvailableMemoryMb": -1}})",
                            "/guardrails/minAvailableMemoryMb", "between"},
                    Mistake{R"({"guardrails": 5})", "/guardrails", "object"},
                    Mistake{R"({"guardrails": {"maxTotalReplica": 5}})",
                            "/guardrails/maxTotalReplica", "\"maxTotalReplicas\""}));

INSTANTIATE_TEST_SUITE_P(
    GuardrailsAndAlerts, PolicyMistake,
    testing::Values(
        Mistake{R"({"guardrails": {"maxScaleEventsPerHour": 0}})",
                "/guardrails/maxScaleEventsPerHour", "between 1"},
        Mistake{R"({"guardrails": {"budgets": {"usd": 5}}})", "/guardrails/budgets/usd", "object"},
        Mistake{R"({"guardrails": {"budgets": {"usd": {}}}})", "/guardrails/budgets/usd/limit",
                "required"},
        Mistake{R"({"guardrails": {"budgets": {"usd": {"limit": 1, "reserve": 2}}}})",
                "/guardrails/budgets/usd/reserve", "limit"},
        Mistake{R"({"uses": {"usd": 1}})", "/uses/usd", "is not a budget in guardrails"},
        Mistake{R"({"uses": {"conections": 1},
                     "guardrails": {"budgets": {"connections": {"limit": 9}}}})",
                "/uses/conections", "\"connections\""},
        Mistake{R"({"uses": {"usd": 0}, "guardrails": {"budgets": {"usd": {"limit": 9}}}})",
                "/uses/usd", "above 0"},
        Mistake{R"({"alerts": [{"warning": 1}]})", "/alerts/0/metric", "required"},
        Mistake{R"({"alerts": [{"metric": "cpu_usage"}]})", "/alerts/0", "critical"},
        Mistake{R"({"alerts": [{"metric": "cpu_usage", "warning": 90, "critical": 70}]})",
                "/alerts/0/critical", "below warning"},
        Mistake{R"({"alerts": [{"metric": "cache_hit_rate", "comparison": "less_than",
                                "warning": 60, "critical": 80}]})",
                "/alerts/0/critical", "above warning"},
        Mistake{R"({"alerts": [{"metric": "a", "comparison": "over", "warning": 1}]})",
                "/alerts/0/comparison", "greater_than"}));

INSTANTIATE_TEST_SUITE_P(
    Times, PolicyMistake,
    testing::Values(
        Mistake{R"({"evaluationInterval": "15"})", "/evaluationInterval", "\"90s\""},
        Mistake{R"({"evaluationInterval": "0s"})", "/evaluationInterval", "above 0"},
        Mistake{R"({"evaluationInterval": true})", "/evaluationInterval", "duration"},
        Mistake{R"({"evaluationInterval": 2})", "/evaluationInterval", "\"2s\" or \"2m\""},
        Mistake{R"({"evaluationInterval": 15})", "/evaluationInterval", "policies of both kinds"},
        Mistake{R"({"cooldownPeriod": 5})", "/cooldownPeriod", "\"5s\" or \"5m\""},
        Mistake{R"({"cooldownPeriod": -5})", "/cooldownPeriod", "between 0"},
        Mistake{R"({"startup": {"timeout": "0s"}})", "/startup/timeout", "above 0"},
        Mistake{R"({"startup": {"expected": "4m"}})", "/startup/expected", "timeout"},
        Mistake{R"({"startup": {"rollback": 1}})", "/startup/rollback", "true or false"},
        Mistake{R"({"cooldown": "5m"})", "/cooldown", "object"},
        Mistake{R"({"cooldown": {"upp": "5m"}})", "/cooldown/upp", "\"up\""},
        Mistake{R"({"cooldown": {"up": "5m"}, "behavior": {"scaleUp": {"cooldown": "1m"}}})",
                "/cooldown", "behavior"},
        Mistake{R"({"behavior": {"scaleDown": {"stabilizationWindowSeconds": 3601}}})",
                "/behavior/scaleDown/stabilizationWindowSeconds", "3600"},
        Mistake{R"({"behavior": "nothing"})", "/behavior", "\"none\""},
        Mistake{R"({"combine": {"up": "some"}})", "/combine/up", "any"}));

/// The minimal policy with one rate limit.
std::string limit(const std::string& keys) {
  return R"({"behavior": {"scaleUp": {"policies": [{)" + keys + "}]}}}";
}
constexpr std::string_view the_limit = "/behavior/scaleUp/policies/0";

INSTANTIATE_TEST_SUITE_P(
    Behavior, PolicyMistake,
    testing::Values(Mistake{R"({"behavior": "kubernets"})", "/behavior", "\"kubernetes\""},
                    Mistake{R"({"behavior": {"as": "kubernets"}})", "/behavior/as",
                            "\"kubernetes\""},
                    Mistake{R"({"behavior": {"as": "kubernetes", "scaleUp": {}}})",
                            "/behavior/scaleUp", "scaleUpLimitFactor"},
                    Mistake{R"({"behavior": {"as": "kubernetes", "scaleUpLimitFactor": 0.5}})",
                            "/behavior/scaleUpLimitFactor", "between 1"},
                    Mistake{R"({"behavior": {"scaleUp": {"policies": 4}}})",
                            "/behavior/scaleUp/policies", "list"},
                    Mistake{limit(R"("value": 4, "periodSeconds": 60)"),
                            std::string{the_limit} + "/type", "required"},
                    Mistake{limit(R"("type": "Pods", "periodSeconds": 60)"),
                            std::string{the_limit} + "/value", "required"},
                    Mistake{limit(R"("type": "Pods", "value": 4)"),
                            std::string{the_limit} + "/periodSeconds", "required"},
                    Mistake{limit(R"("type": "pods", "value": 4, "periodSeconds": 60)"),
                            std::string{the_limit} + "/type", "\"Pods\""},
                    Mistake{limit(R"("type": "Pods", "value": 0, "periodSeconds": 60)"),
                            std::string{the_limit} + "/value", "between 1"},
                    Mistake{limit(R"("type": "Pods", "value": 4, "periodSeconds": 1801)"),
                            std::string{the_limit} + "/periodSeconds", "1800"},
                    Mistake{R"({"behavior": {"scaleUp": {"selectPolicy": "max"}}})",
                            "/behavior/scaleUp/selectPolicy", "\"Max\""},
                    Mistake{R"({"behavior": {"scaleUp": {"tolerance": -1}}})",
                            "/behavior/scaleUp/tolerance", "between 0"},
                    Mistake{R"({"behavior": {"scaleDown": {"tolerance": 1.5}}})",
                            "/behavior/scaleDown/tolerance", "between 0"}));

INSTANTIATE_TEST_SUITE_P(
    Metrics, PolicyMistake,
    testing::Values(
        Mistake{R"({"metrics": {}})", "/metrics", "list"},
        Mistake{R"({"metrics": [7]})", "/metrics/0", "object"},
        Mistake{metric(R"("window": "1m")"), "/metrics/0/name", "required"},
        Mistake{metric(R"("name": "cpu_usage", "aggregation": "mean")"), "/metrics/0/aggregation",
                "avg"},
        Mistake{metric(R"("name": "cpu_usage", "aggregation": "p95")"), "/metrics/0/aggregation",
                "no percentiles"},
        Mistake{metric(R"("name": "response_time_p95", "aggregation": "max")"),
                "/metrics/0/aggregation", "contradicts"},
        Mistake{metric(R"("name": "cpu_usage", "of": "limits")"), "/metrics/0/of", "\"limit\""},
        Mistake{metric(R"("name": "in_flight", "of": "cores")"), "/metrics/0/of", "cpu_usage"},
        Mistake{metric(R"("name": "cpu_usage", "across": "mean")"), "/metrics/0/across", "avg"},
        Mistake{metric(R"("name": "cpu_usage", "weight": -1)"), "/metrics/0/weight", "between 0"},
        Mistake{metric(R"("name": "cpu_usage", "missing": "zero")"), "/metrics/0/missing",
                "\"hold\""},
        Mistake{metric(R"("name": "cpu_usage", "missing": {"atLeast": 2, "atLeastReplicas": 2})"),
                "/metrics/0/missing/atLeast", "atLeastReplicas"},
        Mistake{metric(R"("name": "cpu_usage", "missing": {})"),
                "/metrics/0/missing/atLeastReplicas", "required"},
        Mistake{metric(R"("name": "rps", "source": "prometheus")"), "/metrics/0/source",
                "not part of this version"},
        Mistake{R"({"metrics": [{"name": "cpu_usage"}, {"name": "cpu_usage"}]})", "/metrics/1/name",
                "another metric"}));

INSTANTIATE_TEST_SUITE_P(
    Rules, PolicyMistake,
    testing::Values(
        Mistake{R"({"rules": {}})", "/rules", "list"},
        Mistake{R"({"rules": []})", "/rules", "fewer replicas"},
        Mistake{R"({"rules": [{"metric": "cpu_usage", "scaleUp": 70}]})", "/rules/0/type",
                "required"},
        Mistake{R"({"rules": [{"type": "treshold", "metric": "cpu_usage", "scaleUp": 70}]})",
                "/rules/0/type", "\"threshold\""},
        Mistake{R"({"rules": [{"type": "threshold", "scaleUp": 70}]})", "/rules/0/metric",
                "required"},
        Mistake{
            R"({"rules": [{"type": "threshold", "metric": "cpu_usge", "scaleUp": 70, "scaleDown": 30}]})",
            "/rules/0/metric", "\"cpu_usage\""},
        Mistake{
            R"({"rules": [{"type": "threshold", "metric": "cpu_usage_p95", "scaleUp": 70, "scaleDown": 30}]})",
            "/rules/0/metric", "no percentiles"},
        Mistake{rule(R"("scaleUp": 70)"), "/rules", "\"never\""},
        Mistake{rule(R"("scaleUpFor": "5m")"), "/rules/0", "needs scaleUp"},
        Mistake{rule(R"("scaleUp": 30, "scaleDown": 70)"), "/rules/0/scaleDown", "below scaleUp"},
        Mistake{rule(R"("scaleUp": 70, "scaleDown": 70)"), "/rules/0/scaleDown", "below scaleUp"},
        Mistake{rule(R"("comparison": "less_than", "scaleUp": 70, "scaleDown": 30)"),
                "/rules/0/scaleDown", "above scaleUp"},
        Mistake{rule(R"("comparison": "les_than", "scaleUp": 70, "scaleDown": 30)"),
                "/rules/0/comparison", "\"less_than\""},
        Mistake{rule(R"("scaleDown": 30, "scaleUpFor": "1m")"), "/rules/0/scaleUpFor",
                "needs scaleUp"},
        Mistake{rule(R"("scaleUp": 70, "scaleDownBy": 1)"), "/rules/0/scaleDownBy",
                "needs scaleDown"},
        Mistake{rule(R"("scaleUp": -1)"), "/rules/0/scaleUp", "negative"},
        Mistake{rule(R"("scaleUp": 0)"), "/rules/0/scaleUp", "above 0"},
        Mistake{rule(R"("scaleUp": "70")"), "/rules/0/scaleUp", "number"},
        Mistake{rule(R"("scaleUp": 70, "scaleDown": 30, "scaleUpBy": 0)"), "/rules/0/scaleUpBy",
                "whole"},
        Mistake{rule(R"("scaleUp": 70, "scaleDown": 30, "target": 1)"), "/rules/0/target",
                "not a key"},
        Mistake{target(R"("tolerance": 0.1)"), "/rules/0", "targetPerReplica"},
        Mistake{target(R"("target": 70, "targetPerReplica": 70)"), "/rules/0", "either"},
        Mistake{target(R"("target": 0)"), "/rules/0/target", "above 0"},
        Mistake{target(R"("target": 70, "tolerance": 1)"), "/rules/0/tolerance", "between"},
        Mistake{target(R"("target": 70, "tolerance": "0.1")"), "/rules/0/tolerance", "number"},
        Mistake{target(R"("target": 70, "tolerance": {"up": -0.1})"), "/rules/0/tolerance/up",
                "between 0"},
        Mistake{target(R"("target": 70, "tolerance": {"down": 1.1})"), "/rules/0/tolerance/down",
                "between 0"},
        Mistake{target(R"("target": 70, "tolerance": {"upwards": 1})"),
                "/rules/0/tolerance/upwards", "known here: description, down, up"},
        Mistake{target(R"("target": 70, "tolerance": {"down": 1})"), "/rules", "\"never\""},
        Mistake{target(R"("targetPerReplica": 0.0009)"), "/rules/0/targetPerReplica",
                "thousandths"},
        Mistake{target(R"("target": 70, "disableScaleIn": true)"), "/rules", "\"never\""},
        Mistake{R"({"scaleDown": "always"})", "/scaleDown", "never"},
        Mistake{R"({"rules": [{"name": "a", "type": "target", "metric": "cpu_usage", "target": 70},
                              {"name": "a", "type": "target", "metric": "cpu_usage", "target": 60}]})",
                "/rules/1/name", "another rule"}));

INSTANTIATE_TEST_SUITE_P(
    Platforms, PolicyMistake,
    testing::Values(
        Mistake{R"({"platform": "local"})", "/platform", "object"},
        Mistake{R"({"platform": {}})", "/platform/driver", "required"},
        Mistake{R"({"platform": {"drver": "kubernetes", "namespace": "a"}})", "/platform/drver",
                "did you mean \"driver\"?"},
        Mistake{R"({"platform": {"driver": "local", "readiness": "maybe"}})", "/platform/readiness",
                "\"report\""},
        Mistake{R"({"platform": {"driver": "local", "readiness": []}})", "/platform/readiness",
                "command"},
        Mistake{R"({"platform": {"driver": "local", "gracePeriod": "soon"}})",
                "/platform/gracePeriod", "duration"},
        Mistake{R"({"platform": {"driver": "local", "backoff": {"first": "2s", "most": "1s"}}})",
                "/platform/backoff/first", "longer"},
        Mistake{R"({"platform": {"driver": "kubernetes", "namespace": 3}})", "/platform/namespace",
                "text"},
        Mistake{R"({"platform": {"driver": "kubernetes", "deploymnt": "a"}})",
                "/platform/deploymnt", "\"deployment\""},
        Mistake{R"({"platform": {"driver": "kubernetes", "deployment": "a", "statefulSet": "b"}})",
                "/platform/statefulSet", "one of them"},
        Mistake{R"({"platform": {"driver": "kubernetes", "takeOver": 1}})", "/platform/takeOver",
                "true"},
        Mistake{R"({"platform": {"driver": "swarm", "longestWorkSeconds": "90s"}})",
                "/platform/longestWorkSeconds", "number"},
        Mistake{R"({"platform": {"driver": "swarm", "mayInteruptWork": true}})",
                "/platform/mayInteruptWork", "\"mayInterruptWork\""},
        Mistake{R"({"platform": {"driver": "swarm", "scaleDuringUpdate": "yes"}})",
                "/platform/scaleDuringUpdate", "true"},
        Mistake{R"({"platform": {"driver": "compose", "gracePeriodSeconds": -1}})",
                "/platform/gracePeriodSeconds", "between"},
        Mistake{R"({"platform": {"driver": "compose", "projekt": "shop"}})", "/platform/projekt",
                "\"project\""},
        Mistake{R"({"platform": {"driver": "ecs", "clutser": "a"}})", "/platform/clutser",
                "\"cluster\""},
        Mistake{R"({"platform": {"driver": "ecs", "takeOver": "yes"}})", "/platform/takeOver",
                "true"},
        Mistake{R"({"platform": {"driver": "cloud_run", "takeOver": "yes"}})", "/platform/takeOver",
                "true"},
        Mistake{R"({"platform": {"driver": "render", "takeOver": 1}})", "/platform/takeOver",
                "true"},
        Mistake{R"({"platform": {"driver": "digitalocean", "takeOver": null}})",
                "/platform/takeOver", "true"},
        Mistake{R"({"platform": {"driver": "gunicorn", "pid": 0}})", "/platform/pid", "1"},
        Mistake{R"({"platform": {"driver": "uvicorn", "pidfile": "/p"}})", "/platform/pidfile",
                "\"pidFile\""},
        Mistake{R"({"platform": {"driver": "uvicorn", "pid": 7, "pidFile": "/p"}})",
                "/platform/pidFile", "beside a pid"},
        Mistake{R"({"platform": {"driver": "cloud_run", "service": "a", "workerPool": "b"}})",
                "/platform/workerPool", "one of them"},
        Mistake{R"({"platform": {"driver": "railway", "tokenKind": "team"}})",
                "/platform/tokenKind", "\"project\" or \"account\""},
        Mistake{R"({"platform": {"driver": "render", "servce": "srv-1"}})", "/platform/servce",
                "\"service\""},
        Mistake{R"({"platform": {"driver": "local", "gracePerod": "1s"}})", "/platform/gracePerod",
                "\"gracePeriod\""}));

std::string step(const std::string& keys) {
  return R"({"rules": [{"type": "step", "metric": "cpu_usage", )" + keys + "}]}";
}
std::string backlog(const std::string& keys) {
  return R"({"rules": [{"type": "backlog", "metric": "queue_length", )" + keys + "}]}";
}

INSTANTIATE_TEST_SUITE_P(
    StepsAndBacklogs, PolicyMistake,
    testing::Values(
        Mistake{step(R"("adjustment": "change")"), "/rules/0/steps", "required"},
        Mistake{step(R"("steps": [{"from": 70, "by": 1}, {"from": 80, "by": 2}])"),
                "/rules/0/steps", "overlap"},
        Mistake{step(R"("steps": [{"from": 70, "to": 70, "by": 1}])"), "/rules/0/steps/0/to",
                "above from"},
        Mistake{step(R"("steps": [{"by": 1}])"), "/rules/0/steps/0", "from, to or both"},
        Mistake{step(R"("steps": [{"from": 70}])"), "/rules/0/steps/0/by", "required"},
        Mistake{step(R"("threshold": 50, "steps": [{"from": -10, "to": 10, "by": 1}])"),
                "/rules/0/steps/0", "both sides"},
        Mistake{step(R"("steps": [{"from": -1, "by": 1}])"), "/rules/0/steps/0/from",
                "not be negative"},
        Mistake{step(R"("minAdjustment": 2, "steps": [{"from": 70, "by": 1}])"),
                "/rules/0/minAdjustment", "percent"},
        Mistake{target(R"("as": "ecs", "target": 70, "tolerance": 0.1)"), "/rules/0/tolerance",
                "not part of ECS"},
        Mistake{target(R"("as": "ecs", "disableScaleIn": false)"), "/rules/0/target", "required"},
        Mistake{target(R"("target": 70, "scaleInCooldown": "1m")"), "/rules/0/scaleInCooldown",
                "belongs to"},
        Mistake{backlog(R"("throughputPerReplica": 4)"), "/rules/0/targetLatency", "required"},
        Mistake{backlog(R"("targetLatency": "30s", "throughputPerReplica": "guessed")"),
                "/rules/0/throughputPerReplica", "\"learned\""},
        Mistake{backlog(R"("targetLatency": "0s")"), "/rules/0/targetLatency", "above 0"}));

std::string schedule(const std::string& keys) { return R"({"schedules": [{)" + keys + "}]}"; }

INSTANTIATE_TEST_SUITE_P(
    Schedules, PolicyMistake,
    testing::Values(
        Mistake{R"({"schedules": 7})", "/schedules", "list"},
        Mistake{schedule(R"("minReplicas": 2)"), "/schedules/0", "one of these"},
        Mistake{schedule(R"("cron": "@daily", "at": "2026-11-27T18:00", "minReplicas": 2)"),
                "/schedules/0", "one of these"},
        Mistake{schedule(R"("cron": "@daily")"), "/schedules/0", "minReplicas, maxReplicas"},
        Mistake{schedule(R"("cron": "@daily", "minReplicas": 3, "maxReplicas": 2)"),
                "/schedules/0/minReplicas", "maxReplicas is 2"},
        Mistake{schedule(R"("cron": "@daily", "minReplicas": -1)"), "/schedules/0/minReplicas",
                "between 0"},
        Mistake{schedule(R"("cron": "0 0 30 2 *", "minReplicas": 2)"), "/schedules/0/cron",
                "never fires"},
        Mistake{schedule(R"("cron": "0 25 * * *", "minReplicas": 2)"), "/schedules/0/cron",
                "the hour \"25\""},
        Mistake{schedule(R"("cron": "0 0 * *", "minReplicas": 2)"), "/schedules/0/cron",
                "4 fields"},
        Mistake{schedule(R"("cron": "@dayly", "minReplicas": 2)"), "/schedules/0/cron",
                "\"@daily\""},
        Mistake{schedule(R"("cron": "0 0 ? * *", "minReplicas": 2)"), "/schedules/0/cron", "\"*\""},
        Mistake{schedule(R"("cron": "CRON_TZ=UTC 0 0 * * *", "minReplicas": 2)"),
                "/schedules/0/cron", "timezone"},
        Mistake{schedule(R"("cron": "@daily", "duration": "0s", "minReplicas": 2)"),
                "/schedules/0/duration", "above 0"},
        Mistake{schedule(R"("cron": "@daily", "to": "10:00", "minReplicas": 2)"), "/schedules/0/to",
                "needs from"},
        Mistake{schedule(R"("cron": "@daily", "days": "mon", "minReplicas": 2)"),
                "/schedules/0/days", "needs from"},
        Mistake{schedule(R"("at": "2026-11-27T18:00", "duration": "1h", "minReplicas": 2)"),
                "/schedules/0/duration", "needs cron"},
        Mistake{schedule(R"("from": "18:00", "minReplicas": 2)"), "/schedules/0/to", "required"},
        Mistake{schedule(R"("from": "18:00", "to": "18:00", "minReplicas": 2)"), "/schedules/0/to",
                "\"24:00\""},
        Mistake{schedule(R"("from": "24:00", "to": "18:00", "minReplicas": 2)"),
                "/schedules/0/from", "\"00:00\""},
        Mistake{schedule(R"("from": "6:00", "to": "18:00", "minReplicas": 2)"), "/schedules/0/from",
                "time of the day"},
        Mistake{schedule(R"("from": "06:00", "to": "24:01", "minReplicas": 2)"), "/schedules/0/to",
                "time of the day"},
        Mistake{schedule(R"("from": "06:00", "to": "18:00", "days": "mo-fr", "minReplicas": 2)"),
                "/schedules/0/days", "mon-fri"},
        Mistake{schedule(R"("at": "2026-02-29T18:00", "minReplicas": 2)"), "/schedules/0/at",
                "such as"},
        Mistake{schedule(R"("at": "2026-11-27T18:00Z", "minReplicas": 2)"), "/schedules/0/at",
                "zone"},
        Mistake{
            schedule(R"("at": "2026-11-27T18:00", "until": "2026-11-27T18:00", "minReplicas": 2)"),
            "/schedules/0/until", "later than at"},
        Mistake{schedule(R"("cron": "@daily", "startAhead": true, "minReplicas": 2)"),
                "/schedules/0/startAhead", "needs a window"},
        Mistake{schedule(R"("cron": "@daily", "timezone": "Europe/Berln", "minReplicas": 2)"),
                "/schedules/0/timezone", "\"Europe/Berlin\""},
        Mistake{R"({"schedules": [{"name": "a", "cron": "@daily", "minReplicas": 2},
                                  {"name": "a", "cron": "@hourly", "minReplicas": 2}]})",
                "/schedules/1/name", "another schedule"}));

INSTANTIATE_TEST_SUITE_P(
    ConcurrencyAndZero, PolicyMistake,
    testing::Values(Mistake{concurrency(R"("window": "60s")"), "/rules/0/targetPerReplica", "70"},
                    Mistake{concurrency(R"("targetPerReplica": 80, "panicWindow": "2m")"),
                            "/rules/0/panicWindow", "must not be longer than window, which is 1m"},
                    Mistake{concurrency(R"("targetPerReplica": 80, "maxScaleUpRate": 1)"),
                            "/rules/0/maxScaleUpRate", "must be above 1"},
                    Mistake{R"({"metrics": [{"name": "in_flight", "window": "2m"}],
                    "rules": [{"type": "concurrency", "metric": "in_flight", "targetPerReplica": 80}]})",
                            "/rules/0/window", "is 2m for this metric elsewhere"},
                    Mistake{concurrency(R"("targetPerReplica": 80, "window": "500ms")"),
                            "/rules/0/window", "at least 1s"},
                    Mistake{R"({"scaleToZero": {}, "minReplicas": 0})", "/scaleToZero",
                            "measured on replicas"},
                    Mistake{R"({"scaleToZero": {}, "minReplicas": 0, "scaleDown": "never"})",
                            "/scaleToZero", "contradicts"},
                    Mistake{concurrency(R"("targetPerReplica": 80, "activation": 1)"),
                            "/rules/0/activation", "for scaleToZero: the policy has none"},
                    Mistake{R"({"scaleToZero": {}, "minReplicas": 0, "rules": [
                    {"type": "target", "metric": "due", "targetPerReplica": 9},
                    {"type": "target", "metric": "cpu_usage", "target": 9, "activation": 1}]})",
                            "/rules/1/activation", "cpu_usage is measured on replicas"}));

/// What later versions will mean is refused by name, not ignored.
INSTANTIATE_TEST_SUITE_P(NotPartOfThisVersion, PolicyMistake,
                         testing::Values(Mistake{R"({"sources": {}})", "/sources",
                                                 "\"sources\" is not part of this version"},
                                         Mistake{R"({"notifications": []})", "/notifications",
                                                 "\"notifications\" is not part of this version"},
                                         Mistake{metric(R"("name": "a", "promql": "b")"),
                                                 "/metrics/0/promql", "not part of this version"},
                                         Mistake{R"({"rules": [{"type": "predictive"}]})",
                                                 "/rules/0/type", "\"predictive\" is not part"}));

TEST(PolicyErrors, TenMistakesAreTenErrors) {
  const auto problems = problems_in(std::string_view{R"({
    "version": 3,
    "guardrials": {},
    "policies": [{
      "service": "backend", "minReplicas": -1, "maxReplicas": "ten", "enabled": 1,
      "evaluationInterval": 5,
      "metrics": [{"name": "cpu_usage", "aggregation": "mean"}],
      "rules": [{"type": "threshold", "metric": "cpu_usage", "scaleUp": 30, "scaleDown": 70},
                {"type": "threshhold", "metric": "cpu_usage", "scaleUp": 70}],
      "schedules": 7}]})"});
  ASSERT_EQ(problems.size(), 10U) << PolicyError{problems}.what();
  const PolicyError error{problems};
  EXPECT_TRUE(says(error.what(), "10 mistakes"));
  for (const Problem& problem : problems) {
    EXPECT_NE(problem.pointer, "");
    EXPECT_NE(problem.value, "");
    EXPECT_TRUE(
        says(error.what(), problem.pointer + " = " + problem.value + ": " + problem.message));
  }
}

TEST(PolicyErrors, ARuleOfAWrongTypeHidesNoneOfItsOtherMistakes) {
  const auto places = [](const char* rule) {
    std::string all;
    for (const auto& each : problems_of(policy_with(R"({"rules": [)" + std::string{rule} + "]}"))) {
      all += each.pointer + " ";
    }
    return all;
  };
  EXPECT_EQ(places(R"({"type": "treshold", "metric": 7, "scaleUp": "70", "foo": 1})"),
            "/rules/0/type /rules/0/metric /rules/0/scaleUp /rules/0/foo ");
  EXPECT_EQ(places(R"({"type": 3, "name": 4, "metric": 7, "scaleUp": "70"})"),
            "/rules/0/type /rules/0/name /rules/0/metric ")
      << "the other keys could be any rule's";
}

TEST(PolicyErrors, YamlIsToldThatAPolicyIsJson) {
  const auto problems = problems_in(std::string_view{"policies:\n  - service: web\n"});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(says(problems[0].message, "a policy is JSON, not YAML"));
  const auto broken = problems_in(std::string_view{R"({"policies": [})"});
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_FALSE(says(broken[0].message, "YAML"));
}

TEST(PolicyErrors, APresetOfAWrongNameIsOneMistake) {
  const auto problems = problems_of(Json{{"service", "web"}, {"preset", "balancd"}});
  ASSERT_EQ(problems.size(), 1U) << PolicyError{problems}.what();
  EXPECT_EQ(problems[0].pointer, "/preset");
}

TEST(PolicyErrors, WhatIsTheDocumentsDoesNotBelongIntoAPolicy) {
  for (const char* key : {"timezone", "version", "guardrails", "alerts", "$schema"}) {
    Json policy = minimal_policy();
    policy[key] = "UTC";
    const auto problems = problems_of(document_of(policy));
    ASSERT_EQ(problems.size(), 1U) << PolicyError{problems}.what();
    EXPECT_TRUE(says(problems[0].message, "belongs beside `policies`"));
  }
}

TEST(PolicyErrors, TheListOfRuleTypesHasEachOnceAndNoneThatIsRefused) {
  const auto problems =
      problems_of(policy_with(R"({"rules": [{"type": "qqqqqqqqqqqqqqqqqqqq"}]})"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(
      says(problems[0].message, "known here: threshold, target, step, backlog, concurrency"));
}

TEST(PolicyErrors, TheListOfKeysHasNoneThatOnlyTheNormalFormHas) {
  const auto problems = problems_of(policy_with(R"({"rules": [{"type": "threshold",
      "metric": "cpu_usage", "scaleUp": 70, "scaleDown": 30, "qqqqqqqqqqqqqqqqqqqq": 1}]})"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_FALSE(says(problems[0].message, "fromPreset"));
}

TEST(PolicyErrors, RequiredKeysAreNamed) {
  const auto problems = problems_in(std::string_view{R"({"policies": [{"enabled": true}]})"});
  ASSERT_EQ(problems.size(), 3U) << PolicyError{problems}.what();
  EXPECT_EQ(problems[0].pointer, "/policies/0/service");
  EXPECT_EQ(problems[0].value, "");
  EXPECT_EQ(problems[1].pointer, "/policies/0/maxReplicas");
  EXPECT_EQ(problems[2].pointer, "/policies/0");
}

TEST(PolicyErrors, ShowNoSecret) {
  const auto problems = problems_of(policy_with(
      R"({"password": "hunter2", "urls": "redis://me:hunter2@host", "apiToken": {"a": "hunter2"},
          "notifications": [{"url": "https://hooks/hunter2"}]})"));
  ASSERT_EQ(problems.size(), 4U);
  EXPECT_FALSE(says(PolicyError{problems}.what(), "hunter2"));
}

TEST(PolicyErrors, LongValuesAreShortened) {
  const auto problems =
      problems_of(policy_with(Json{{"enabled", std::string(500, 'a') + "ä"}}.dump()));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_LT(problems[0].value.size(), 70U);
}

}  // namespace
}  // namespace selfscale
