#include "control/handler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "text_predicates.hpp"

namespace selfscale::control {
namespace {

namespace asio = boost::asio;
using nlohmann::json;

/// An agent that knows the service "backend", and notes what it was told.
class FakeAgent final : public Controlled {
 public:
  double wall_time_seconds() override { return 1737282600.0; }
  double uptime_seconds() override { return 12.5; }
  Result<std::string> status_json() override {
    if (fails) return Failure{Errc::storage, "the disk is gone", {}};
    return std::string{
        R"({"enabled": true, "policies": [{"name": "backend", "currentReplicas": 3,
            "lastEvaluation": 1737282600.0, "lastScaling": null, "atLeast": 2}]})"};
  }
  Result<std::string> policies_json() override {
    return std::string{R"([{"name": "backend", "service": "backend", "minReplicas": 1}])"};
  }
  Result<std::string> recommendations_json() override {
    return std::string{R"([{"service": "backend", "recommendedReplicas": 4, "age": 1.5}])"};
  }
  Result<std::string> history_json(const std::string& service, int limit) override {
    if (service != "backend") return unknown(service);
    asked_limit = limit;
    return std::string{
        R"([{"id": "01J", "startedAt": 1737282600.25, "acceptedAt": null, "duration": 31.2,
             "metrics": {"at": 5.0, "queuedAt": 7}}])"};
  }
  Result<std::string> decision_json(const std::string& id) override {
    if (id != "01J") return Failure{Errc::not_found, "no decision " + id, {}};
    return std::string{R"({"id": "01J", "snapshot": {"at": 1737282600.25}})"};
  }
  asio::awaitable<Result<void>> enable(std::string service, bool enabled, std::string by) override {
    if (!service.empty() && service != "backend") co_return unknown(service);
    told.push_back((enabled ? "enable " : "disable ") + service + " by " + by);
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> pause(std::string service, std::optional<double> until,
                                      std::string by) override {
    if (service != "backend") co_return unknown(service);
    told.push_back("pause " + service + " " + (until ? std::to_string(*until) : "for good") +
                   " by " + by);
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> resume(std::string service, std::string by) override {
    if (service != "backend") co_return unknown(service);
    told.push_back("resume " + service + " by " + by);
    co_return Result<void>{};
  }
  asio::awaitable<Result<Order>> scale(std::string service, int replicas, std::string by) override {
    if (service != "backend") co_return unknown(service);
    if (replicas > 10) {
      co_return Failure{Errc::denied, "the cluster says no", "patch deployments/scale"};
    }
    told.push_back("scale " + service + " " + std::to_string(replicas) + " by " + by);
    co_return Order{7, std::min(replicas, 5)};
  }

  bool fails = false;
  int asked_limit = 0;
  std::vector<std::string> told;

 private:
  static Failure unknown(const std::string& service) {
    return {Errc::not_found, "no service " + service + "; known: backend", {}};
  }
};

class Handler : public testing::Test {
 protected:
  /// Asks, and checks what every answer has.
  json ask(const std::string& method, const std::string& target, int status,
           const std::string& body = {}) {
    http::Request request;
    request.method = method;
    request.target = target;
    request.body = body;
    asio::io_context io;
    auto future = asio::co_spawn(io, handle(std::move(request), agent), asio::use_future);
    io.run();
    const auto response = future.get();
    EXPECT_EQ(response.status, status) << target << ": " << response.body;
    EXPECT_EQ(response.content_type, "application/json");
    auto answer = json::parse(response.body, nullptr, false);
    EXPECT_TRUE(answer.is_object()) << response.body;
    if (target.find("health") == std::string::npos) {
      EXPECT_EQ(answer.value("success", json{}), status < 400) << response.body;
    }
    if (status >= 400) {
      EXPECT_TRUE(answer["error"]["message"].is_string());
      EXPECT_TRUE(answer["error"]["details"].is_object());
    }
    return answer;
  }
  json error(const std::string& method, const std::string& target, int status,
             const std::string& body = {}) {
    return ask(method, target, status, body)["error"];
  }

  FakeAgent agent;
};

TEST_F(Handler, GivesTheStatusWithTimesForPeople) {
  const auto answer = ask("GET", "/api/autoscaling/status", 200);
  const auto& policy = answer["status"]["policies"][0];
  EXPECT_EQ(answer["status"]["enabled"], true);
  EXPECT_EQ(policy["lastEvaluation"], "2025-01-19T10:30:00Z");
  EXPECT_TRUE(policy["lastScaling"].is_null());
  EXPECT_EQ(policy["atLeast"], 2);
}

TEST_F(Handler, GivesPoliciesAndRecommendations) {
  EXPECT_EQ(ask("GET", "/api/autoscaling/policies", 200)["policies"][0]["name"], "backend");
  const auto answer = ask("GET", "/api/autoscaling/recommendations", 200);
  EXPECT_EQ(answer["recommendations"][0]["recommendedReplicas"], 4);
  EXPECT_EQ(answer["recommendations"][0]["age"], 1.5);
}

TEST_F(Handler, GivesTheHistoryOfAService) {
  const auto answer = ask("GET", "/api/autoscaling/history/backend", 200);
  EXPECT_EQ(agent.asked_limit, 50);
  const auto& event = answer["history"][0];
  EXPECT_EQ(event["startedAt"], "2025-01-19T10:30:00.250Z");
  EXPECT_TRUE(event["acceptedAt"].is_null());
  EXPECT_EQ(event["duration"], 31.2);
  EXPECT_EQ(event["metrics"], json::parse(R"({"at": 5.0, "queuedAt": 7})"));
  ask("GET", "/api/autoscaling/history/backend?limit=3", 200);
  EXPECT_EQ(agent.asked_limit, 3);
}

TEST_F(Handler, RefusesALimitThatIsNone) {
  for (const auto* query : {"limit=0", "limit=x", "limit=-1", "limit=5x", "limit=10001", "limit",
                            "limits=5", "limit=99999999999999999999"}) {
    const auto target = std::string{"/api/autoscaling/history/backend?"} + query;
    EXPECT_EQ(error("GET", target, 400)["code"], "invalid_argument") << query;
  }
}

TEST_F(Handler, GivesADecisionAsItWasKept) {
  const auto answer = ask("GET", "/api/autoscaling/decisions/01J", 200);
  EXPECT_EQ(answer["decision"]["snapshot"]["at"], 1737282600.25);
  EXPECT_EQ(error("GET", "/api/autoscaling/decisions/02K", 404)["code"], "not_found");
}

TEST_F(Handler, EnablesEverythingOrOneService) {
  EXPECT_EQ(ask("POST", "/api/autoscaling/enable", 200, R"({"enabled": true})")["enabled"], true);
  const auto answer =
      ask("POST", "/api/autoscaling/enable", 200, R"({"enabled": false, "service": "backend"})");
  EXPECT_EQ(answer["service"], "backend");
  EXPECT_EQ(agent.told, (std::vector<std::string>{"enable  by api", "disable backend by api"}));
}

TEST_F(Handler, ScalesByHand) {
  const auto answer = ask("POST", "/api/autoscaling/test/backend", 202, R"({"replicas": 3})");
  EXPECT_EQ(answer["serial"], 7);
  EXPECT_EQ(answer["replicas"], 3);
  EXPECT_EQ(agent.told, std::vector<std::string>{"scale backend 3 by api"});
}

TEST_F(Handler, AnOrderOutOfBoundsSaysWhatIsAimedFor) {
  EXPECT_EQ(ask("POST", "/api/autoscaling/test/backend", 202, R"({"replicas": 9})")["replicas"], 5);
}

TEST_F(Handler, PausesAndResumes) {
  EXPECT_TRUE(ask("POST", "/api/autoscaling/pause/backend", 200)["until"].is_null());
  const auto answer = ask("POST", "/api/autoscaling/pause/backend", 200,
                          R"({"until": "2025-01-19T12:30:00+01:00"})");
  EXPECT_EQ(answer["until"], "2025-01-19T11:30:00Z");
  ask("POST", "/api/autoscaling/resume/backend", 200);
  EXPECT_EQ(agent.told, (std::vector<std::string>{"pause backend for good by api",
                                                  "pause backend 1737286200.000000 by api",
                                                  "resume backend by api"}));
}

TEST_F(Handler, RefusesBodiesThatAreWrongAndDoesNothing) {
  struct Wrong {
    std::string path;
    std::string body;
  };
  const std::string enable = "/api/autoscaling/enable";
  const std::string test = "/api/autoscaling/test/backend";
  const std::string pause = "/api/autoscaling/pause/backend";
  for (const auto& [path, body] :
       std::vector<Wrong>{{enable, ""},
                          {enable, "{"},
                          {enable, "[]"},
                          {enable, "true"},
                          {enable, "\xff\xfe"},
                          {enable, R"({"enabled": "true"})"},
                          {enable, R"({"enabled": 1})"},
                          {enable, R"({"enable": true})"},
                          {enable, R"({"enabled": true, "servcie": "a"})"},
                          {enable, R"({"enabled": true, "service": 3})"},
                          {enable, R"({"enabled": true, "service": ""})"},
                          {test, ""},
                          {test, R"({"replicas": "3"})"},
                          {test, R"({"replicas": 2.5})"},
                          {test, R"({"replicas": -1})"},
                          {test, R"({"replicas": 99999999999999999999})"},
                          {test, R"({"replicas": 18446744073709551615})"},
                          {test, R"({"replicas": null})"},
                          {pause, R"({"until": 5})"},
                          {pause, R"({"until": "tomorrow"})"},
                          {pause, R"({"until": "2025-01-19T10:29:59Z"})"},
                          {"/api/autoscaling/resume/backend", R"({"now": true})"}}) {
    const auto code = error("POST", path, 400, body)["code"];
    EXPECT_TRUE(code == "invalid_argument" || code == "malformed") << path << " " << body;
  }
  EXPECT_TRUE(agent.told.empty());
}

TEST_F(Handler, RefusesABodyThatIsNestedDeeperThanItsStack) {
  constexpr std::size_t depth = 500'000;  // in a MiB, which is taken
  const auto nest = std::string(depth, '[') + std::string(depth, ']');
  for (const auto* path : {"/api/autoscaling/enable", "/api/autoscaling/test/backend"}) {
    EXPECT_EQ(error("POST", path, 400, R"({"replicas": )" + nest + "}")["code"], "malformed");
    EXPECT_EQ(error("POST", path, 400, R"({"service": )" + nest + "}")["code"], "malformed");
  }
}

TEST_F(Handler, NamesWhatWasWrongAndWhatIsRight) {
  const auto message =
      error("POST", "/api/autoscaling/enable", 400, R"({"enable": true})")["message"];
  EXPECT_PRED2(contains, message.get<std::string>(), "\"enable\"");
  EXPECT_PRED2(contains, message.get<std::string>(), "known: enabled, service");
}

TEST_F(Handler, AnUnknownServiceIsNotFound) {
  EXPECT_EQ(error("GET", "/api/autoscaling/history/nobody", 404)["code"], "not_found");
  EXPECT_EQ(error("POST", "/api/autoscaling/pause/nobody", 404)["code"], "not_found");
  EXPECT_EQ(error("POST", "/api/autoscaling/resume/nobody", 404)["code"], "not_found");
  EXPECT_EQ(error("POST", "/api/autoscaling/test/nobody", 404, R"({"replicas": 1})")["code"],
            "not_found");
  EXPECT_EQ(error("POST", "/api/autoscaling/enable", 404,
                  R"({"enabled": true, "service": "nobody"})")["code"],
            "not_found");
}

TEST_F(Handler, ServicesMayHaveAnyName) {
  const auto refused = error("GET", "/api/autoscaling/history/a%2Fb%20c%zz?limit=5", 404);
  EXPECT_EQ(refused["message"], "no service a/b c%zz; known: backend");
}

TEST_F(Handler, PassesFailuresOn) {
  const auto denied = error("POST", "/api/autoscaling/test/backend", 403, R"({"replicas": 11})");
  EXPECT_EQ(denied["code"], "denied");
  EXPECT_EQ(denied["details"]["permission"], "patch deployments/scale");
  agent.fails = true;
  EXPECT_EQ(error("GET", "/api/autoscaling/status", 500)["message"], "the disk is gone");
}

TEST_F(Handler, IsAlive) {
  for (const auto* path : {"/health", "/api/health", "/health?from=probe"}) {
    const auto answer = ask("GET", path, 200);
    EXPECT_EQ(answer, json::parse(R"({"status": "ok", "timestamp": "2025-01-19T10:30:00Z",
                                      "uptime": 12.5})"));
  }
}

TEST_F(Handler, SaysWhatIsNotThereYet) {
  struct Later {
    std::string method;
    std::string path;
  };
  for (const auto& [method, path] :
       std::vector<Later>{{"POST", "/api/autoscaling/policies"},
                          {"PUT", "/api/autoscaling/policies/a"},
                          {"DELETE", "/api/autoscaling/policies/a"},
                          {"POST", "/api/autoscaling/rollback/backend"},
                          {"POST", "/api/autoscaling/metrics/backend"},
                          {"GET", "/api/autoscaling/events"},
                          {"GET", "/api/autoscaling/openapi.json"},
                          {"GET", "/metrics"}}) {
    const auto refused = error(method, path, 501);
    EXPECT_EQ(refused["code"], "unsupported");
    EXPECT_PRED2(contains, refused["message"].get<std::string>(), path);
  }
}

TEST_F(Handler, SaysWhichMethodsAPathHas) {
  const auto refused = error("GET", "/api/autoscaling/enable", 405);
  EXPECT_EQ(refused["details"]["allowed"], json::array({"POST"}));
  EXPECT_EQ(error("PATCH", "/api/autoscaling/policies", 405)["details"]["allowed"],
            json::array({"GET", "POST"}));
}

TEST_F(Handler, SaysWhichPathsThereAre) {
  for (const auto* path : {"/", "", "/api", "/api/autoscaling", "/api/autoscaling/history",
                           "/api/autoscaling/history/a/b", "/api/autoscaling/statuses", "*"}) {
    const auto refused = error("GET", path, 404);
    EXPECT_EQ(refused["code"], "not_found") << path;
    EXPECT_GT(refused["details"]["known"].size(), 8U) << path;
  }
}

}  // namespace
}  // namespace selfscale::control
