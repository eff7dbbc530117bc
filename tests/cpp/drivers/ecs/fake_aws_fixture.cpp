#include "drivers/ecs/fake_aws_fixture.hpp"

#include <algorithm>

#include "drivers/ecs/shapes_fixture.hpp"
#include "drivers/ecs/signature.hpp"
#include "model/rfc3339.hpp"

namespace selfscale::drivers::ecs {
namespace {

using Json = nlohmann::json;
using http::Received;

Json first_service(int desired) {
  return {{"serviceArn", "arn:aws:ecs:eu-west-1:1:service/prod/web"},
          {"serviceName", "web"},
          {"clusterArn", "arn:aws:ecs:eu-west-1:1:cluster/prod"},
          {"status", "ACTIVE"},
          {"desiredCount", desired},
          {"runningCount", desired},
          {"pendingCount", 0},
          {"schedulingStrategy", "REPLICA"},
          {"deploymentController", {{"type", "ECS"}}},
          {"capacityProviderStrategy",
           {{{"capacityProvider", "FARGATE_SPOT"}, {"weight", 4}, {"base", 0}},
            {{"capacityProvider", "FARGATE"}, {"weight", 1}, {"base", 1}}}},
          {"deployments",
           {{{"id", "ecs-svc/1"}, {"status", "PRIMARY"}, {"rolloutState", "COMPLETED"}}}},
          {"events", Json::array()}};
}

FakeAws::Scripted refusal(const std::string& type, const std::string& message) {
  return {400, Json{{"__type", type}, {"message", message}}.dump(), {}};
}

std::string part_of(const std::string& text, const std::string& before, const std::string& after) {
  const auto at = text.find(before);
  if (at == std::string::npos) return {};
  const auto begin = at + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

}  // namespace

std::string task_arn(const std::string& id) { return "arn:aws:ecs:eu-west-1:1:task/prod/" + id; }

Json task_json(const std::string& id, const std::string& status) {
  return {{"taskArn", task_arn(id)},
          {"lastStatus", status},
          {"desiredStatus", "RUNNING"},
          {"healthStatus", "UNKNOWN"},
          {"startedAt", 1'795'744'740.0}};
}

FakeAws::FakeAws(int desired) : server_{[this](http::Peer& peer) { serve(peer); }} {
  const std::lock_guard guard{mutex_};
  state_.service = first_service(desired);
}

void FakeAws::set_count(int desired) {
  with([desired](State& state) {
    state.service["desiredCount"] = desired;
    state.service["runningCount"] = desired;
    state.service["pendingCount"] = 0;
  });
}

int FakeAws::count() {
  return with([](State& state) { return state.service["desiredCount"].get<int>(); });
}

int FakeAws::writes() {
  return with([](State& state) {
    return static_cast<int>(std::ranges::count(state.operations, "UpdateService"));
  });
}

std::vector<std::string> FakeAws::complaints() {
  return with([](State& state) { return state.complaints; });
}

CredentialChain::Surroundings FakeAws::surroundings() {
  const auto environment = [this](const std::string& name) -> std::optional<std::string> {
    return with([&name, url = url()](State& state) -> std::optional<std::string> {
      if (name == "AWS_ACCESS_KEY_ID") return state.access_key_id;
      if (name == "AWS_SECRET_ACCESS_KEY") return state.secret_access_key;
      if (name == "AWS_REGION") return "eu-west-1";
      if (name == "AWS_SESSION_TOKEN" && !state.session_token.empty()) return state.session_token;
      if (name == "ECS_AGENT_URI" && !state.own_task.empty()) return url + "/api/own";
      return std::nullopt;
    });
  };
  return {environment, [this] { return with([](State& state) { return state.time; }); }};
}

void FakeAws::serve(http::Peer& peer) {
  const auto request = peer.receive();
  if (!request) return;
  Mood mood{};
  {
    const std::lock_guard guard{mutex_};
    mood = mood_;
  }
  switch (mood) {
    case Mood::well:
      return answer(peer, *request);
    case Mood::hangs:
      return peer.wait_for_the_end();
    case Mood::denies:
      return peer.answer(
          400, R"({"__type": "AccessDeniedException", "message": "User: x is not authorized"})");
    case Mood::garbage:
      return peer.answer(200, "<html>");
  }
}

void FakeAws::answer(http::Peer& peer, const Received& request) {
  Scripted said;
  {
    const std::lock_guard guard{mutex_};
    if (!request.header("X-Amz-Target").empty()) {
      said = answer_operation(request);
    } else if (request.target() == "/api/own/task-protection/v1/state") {
      state_.others.push_back(request);
      said = answer_own_task(request);
    } else {
      state_.others.push_back(request);
      said = answer_file(request.target());
    }
  }
  peer.answer(said.status, said.body, said.headers);
}

FakeAws::Scripted FakeAws::answer_file(const std::string& path) {
  const auto refused = state_.refused_files.find(path);
  if (refused != state_.refused_files.end()) return refused->second;
  const auto file = state_.files.find(path);
  return file == state_.files.end() ? Scripted{404, "", ""} : Scripted{200, file->second, ""};
}

/// As the agent of ECS does: strict with what it is told, which it hands on to ECS.
FakeAws::Scripted FakeAws::answer_own_task(const Received& request) {
  if (request.method() == "PUT" && state_.before_own_write) state_.before_own_write();
  const auto refused = state_.refused_own.find(request.method());
  if (refused != state_.refused_own.end()) return refused->second;
  Json asked{{"cluster", "prod"}, {"tasks", {task_arn(state_.own_task)}}};
  if (request.method() == "PUT") {
    const auto told = Json::parse(request.body);
    for (const auto& [key, value] : told.items()) {
      if (key != "ProtectionEnabled" && key != "ExpiresInMinutes") {
        state_.complaints.push_back("an unknown field: " + key);
      }
    }
    if (request.header("Content-Type") != "application/json") {
      state_.complaints.push_back(request.head);
    }
    asked["protectionEnabled"] = told.at("ProtectionEnabled");
    if (told.contains("ExpiresInMinutes")) asked["expiresInMinutes"] = told["ExpiresInMinutes"];
    if (auto wrong = mismatch_of_request(Api::ecs, "UpdateTaskProtection", asked); !wrong.empty()) {
      state_.complaints.push_back("the task's own protection: " + wrong);
    }
  }
  const auto said = protection(asked);
  if (!said["failures"].empty()) {
    const auto& failure = said["failures"][0];
    return {200,
            Json{{"failure",
                  {{"Arn", failure["arn"]}, {"Detail", nullptr}, {"Reason", failure["reason"]}}}}
                .dump(),
            ""};
  }
  const auto& shown = said["protectedTasks"][0];
  Json until;
  if (shown.contains("expirationDate")) until = to_rfc3339(shown["expirationDate"]);
  return {200,
          Json{{"protection",
                {{"ExpirationDate", until},
                 {"ProtectionEnabled", shown["protectionEnabled"]},
                 {"TaskArn", shown["taskArn"]}}}}
              .dump(),
          ""};
}

FakeAws::Scripted FakeAws::answer_operation(const Received& request) {
  const auto target = request.header("X-Amz-Target");
  const auto dot = target.find('.');
  const auto name = target.substr(dot + 1);
  const bool is_scaling = target.substr(0, dot) == "AnyScaleFrontendService";
  const auto api = is_scaling ? Api::scaling : Api::ecs;
  const auto body = Json::parse(request.body);
  if (auto wrong = mismatch_of_request(api, name, body); !wrong.empty()) {
    state_.complaints.push_back(name + ": " + wrong);
  }
  if (request.line != "POST / HTTP/1.1" ||
      request.header("Content-Type") != "application/x-amz-json-1.1") {
    state_.complaints.push_back(name + ": " + request.head);
  }
  state_.operations.push_back(name);
  state_.bodies.push_back(body);
  auto& scripted = state_.scripted[name];
  if (!scripted.empty()) {
    auto said = scripted.front();
    scripted.pop_front();
    if (said.is_done) perform(api, name, body);
    return said;
  }
  check_signature(api, request);
  return perform(api, name, body);
}

/// As AWS does: from what has arrived, with the key that it knows.
void FakeAws::check_signature(Api api, const Received& request) {
  const auto authorization = request.header("Authorization");
  Signable signable;
  signable.body = request.body;
  auto names = part_of(authorization, "SignedHeaders=", ",");
  for (std::size_t at = 0; at < names.size();) {
    const auto end = std::min(names.find(';', at), names.size());
    const auto name = names.substr(at, end - at);
    signable.headers.emplace_back(name, request.header(name));
    at = end + 1;
  }
  const Scope scope{"eu-west-1", std::string{signing_name(api)}, state_.time};
  const auto expected = signature(Secret{state_.secret_access_key}, scope,
                                  string_to_sign(scope, canonical_request(signable)));
  const auto complain = [&](const std::string& what) {
    state_.complaints.push_back(what + ": " + authorization);
  };
  if (part_of(authorization, "Signature=", "\r\n") != expected) complain("another signature");
  if (part_of(authorization, "Credential=", "/") != state_.access_key_id) complain("another key");
  if (request.header("X-Amz-Security-Token") != state_.session_token) complain("another token");
  for (const char* needed : {"host", "x-amz-date", "x-amz-target", "content-type"}) {
    if (names.find(needed) == std::string::npos) complain(std::string{needed} + " is not signed");
  }
}

FakeAws::Scripted FakeAws::perform(Api api, const std::string& name, const Json& body) {
  Json said = Json::object();
  if (name == "DescribeServices") {
    said = described(body);
  } else if (name == "UpdateService") {
    if (state_.service["schedulingStrategy"] == "DAEMON") {
      return refusal("InvalidParameterException", "The daemon scheduling strategy takes no count.");
    }
    said = updated(body);
  } else if (name == "ListTasks") {
    said = listed(body);
  } else if (name == "DescribeTasks") {
    said["tasks"] = Json::array();
    for (const auto& task : state_.tasks) {
      const auto& asked = body["tasks"];
      if (std::find(asked.begin(), asked.end(), task["taskArn"]) != asked.end()) {
        said["tasks"].push_back(task);
      }
    }
    if (body["tasks"].size() > most_tasks_described) state_.complaints.push_back("too many tasks");
  } else if (name == "GetTaskProtection" || name == "UpdateTaskProtection") {
    said = protection(body);
  } else if (name == "TagResource") {
    check_tagged(body);
    for (const auto& tag : body["tags"]) state_.tags[tag["key"]] = tag["value"];
  } else if (name == "UntagResource") {
    check_tagged(body);
    for (const std::string key : body["tagKeys"]) state_.tags.erase(key);
  } else if (name == "DescribeScalableTargets") {
    said["ScalableTargets"] = Json::array();
    if (state_.target) said["ScalableTargets"].push_back(*state_.target);
  } else if (name == "RegisterScalableTarget") {
    said = registered(body);
  } else if (name == "DescribeScalingPolicies") {
    said["ScalingPolicies"] = Json::array();
    for (const auto& policy : state_.policies) {
      said["ScalingPolicies"].push_back({{"PolicyARN", "arn:" + policy},
                                         {"PolicyName", policy},
                                         {"ServiceNamespace", "ecs"},
                                         {"ResourceId", "service/prod/web"},
                                         {"ScalableDimension", "ecs:service:DesiredCount"},
                                         {"PolicyType", "TargetTrackingScaling"},
                                         {"CreationTime", 1.0}});
    }
  } else if (name == "DescribeScheduledActions") {
    said["ScheduledActions"] = Json::array();
    for (const auto& action : state_.actions) {
      said["ScheduledActions"].push_back({{"ScheduledActionName", action},
                                          {"ScheduledActionARN", "arn:" + action},
                                          {"ServiceNamespace", "ecs"},
                                          {"Schedule", "cron(0 22 * * ? *)"},
                                          {"ResourceId", "service/prod/web"},
                                          {"CreationTime", 1.0}});
    }
  }
  if (auto wrong = mismatch_of_answer(api, name, said); !wrong.empty()) {
    state_.complaints.push_back("the fake's own " + name + ": " + wrong);
  }
  return {200, said.dump(), "Content-Type: application/x-amz-json-1.1\r\n"};
}

Json FakeAws::described(const Json& body) {
  if (short_name(body["services"][0].get<std::string>()) != "web") {
    return {{"services", Json::array()},
            {"failures", {{{"arn", "arn:aws:ecs:eu-west-1:1:service/x"}, {"reason", "MISSING"}}}}};
  }
  end_surplus_tasks();
  const int pending = state_.service["pendingCount"];
  if (pending > 0 && --state_.describes_until_running < 0) {
    state_.service["runningCount"] = state_.service["runningCount"].get<int>() + pending;
    state_.service["pendingCount"] = 0;
  }
  auto service = state_.service;
  if (body.value("include", Json::array()) == Json{"TAGS"}) {
    service["tags"] = Json::array();
    for (const auto& [key, value] : state_.tags) {
      service["tags"].push_back({{"key", key}, {"value", value}});
    }
  }
  return {{"services", {std::move(service)}}, {"failures", Json::array()}};
}

/// What is not given stays as it is.
Json FakeAws::updated(const Json& body) {
  if (state_.ignores_writes) return {{"service", state_.service}};
  const int desired = body["desiredCount"];
  state_.service["desiredCount"] = desired;
  end_surplus_tasks();
  const int running = state_.service["runningCount"];
  state_.service["pendingCount"] = std::max(desired - running, 0);
  state_.describes_until_running = 1;
  return {{"service", state_.service}};
}

/// Any that is not protected may go, and the others when they are protected no more. A count
/// without tasks stands for tasks without protection.
void FakeAws::end_surplus_tasks() {
  auto& tasks = state_.tasks;
  const std::size_t desired = state_.service["desiredCount"];
  while (tasks.size() > desired) {
    const auto goes = std::ranges::find_if(
        tasks, [this](const Json& each) { return !is_protected(each["taskArn"]); });
    if (goes == tasks.end()) break;
    tasks.erase(goes);
  }
  const std::size_t running = state_.service["runningCount"];
  state_.service["runningCount"] = std::min(running, std::max(desired, tasks.size()));
}

Json FakeAws::listed(const Json& body) {
  const std::size_t begin = std::stoul(body.value("nextToken", "0"));
  const auto end = std::min(begin + state_.page_size, state_.tasks.size());
  Json said{{"taskArns", Json::array()}};
  for (auto i = begin; i < end; ++i) said["taskArns"].push_back(state_.tasks[i]["taskArn"]);
  if (end < state_.tasks.size()) said["nextToken"] = std::to_string(end);
  return said;
}

bool FakeAws::is_protected(const std::string& arn) {
  const auto found = state_.protected_until.find(arn);
  return found != state_.protected_until.end() && found->second > state_.time;
}

/// Shows the tasks' protection; where the body has a new one, that.
Json FakeAws::protection(const Json& body) {
  Json said{{"protectedTasks", Json::array()}, {"failures", Json::array()}};
  const bool changes = body.contains("protectionEnabled");
  const std::chrono::minutes lasts{body.value("expiresInMinutes", 120)};
  const std::size_t most = changes ? 10 : 100;  // as AWS' API reference has it
  if (body["tasks"].size() > most) state_.complaints.push_back("too many tasks");
  for (const std::string arn : body["tasks"]) {
    if (std::ranges::none_of(state_.tasks,
                             [&](const Json& each) { return each["taskArn"] == arn; })) {
      said["failures"].push_back({{"arn", arn}, {"reason", "MISSING"}});
      continue;
    }
    if (changes) state_.protected_until.erase(arn);
    if (changes && body["protectionEnabled"]) state_.protected_until[arn] = state_.time + lasts;
    Json shown{{"taskArn", arn}, {"protectionEnabled", is_protected(arn)}};
    if (is_protected(arn)) {
      shown["expirationDate"] = state_.protected_until[arn].time_since_epoch().count();
    }
    said["protectedTasks"].push_back(std::move(shown));
  }
  return said;
}

Json FakeAws::registered(const Json& body) {
  if (state_.target) (*state_.target)["SuspendedState"] = body["SuspendedState"];
  return {{"ScalableTargetARN", "arn:aws:application-autoscaling:eu-west-1:1:scalable-target/x"}};
}

/// Tags go by the full name alone.
void FakeAws::check_tagged(const Json& body) {
  if (body["resourceArn"] != state_.service["serviceArn"]) {
    state_.complaints.push_back("no such resource: " + body["resourceArn"].dump());
  }
}

}  // namespace selfscale::drivers::ecs
