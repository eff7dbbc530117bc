/// Plays a manager of a Swarm with one service, "web".
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "drivers/docker/engine_server.hpp"

namespace selfscale::drivers::swarm {

class SwarmServer final : public docker::EngineServer {
 public:
  struct Task {
    int slot = 0;
    std::string id{};
    std::string state = "running";
    std::string desired = "running";
    std::string error{};
    std::string since = "2026-11-27T02:00:30Z";
  };

  /// All of it is guarded while requests come in: change() and look().
  struct Swarm {
    Json spec = Json::parse(R"({"Name":"web","Labels":{},"TaskTemplate":{"ContainerSpec":{
      "Image":"web:1","Args":[],"StopGracePeriod":30000000000,"DNSConfig":{}},"ForceUpdate":0,
      "Runtime":"container"},"Mode":{"Replicated":{"Replicas":2}},"EndpointSpec":{"Mode":"vip"}})");
    std::uint64_t index = 11;
    Json update_status;  ///< null: absent
    std::vector<Task> tasks;
    int next_task = 0;
    std::string node_state = "active";
    bool is_manager = true;
    bool ignores_writes = false;
    std::vector<std::string> written;  ///< bodies of updates that were taken
  };

  SwarmServer() {
    fill();
    begin();
  }
  ~SwarmServer() override { end(); }

  /// Changes the swarm as somebody else would.
  template <class Change>
  void change(Change make) {
    const std::lock_guard guard{mutex};
    make(swarm_);
  }
  template <class Look>
  auto look(Look take) {
    const std::lock_guard guard{mutex};
    return take(swarm_);
  }
  int replicas() {
    return look([](const Swarm& swarm) { return count_in(swarm); });
  }
  void set_replicas(int count) {
    const std::lock_guard guard{mutex};
    swarm_.spec["Mode"]["Replicated"]["Replicas"] = count;
    ++swarm_.index;
    fill();
  }

 private:
  static int count_in(const Swarm& swarm) {
    return swarm.spec["Mode"].contains("Replicated")
               ? swarm.spec["Mode"]["Replicated"].value("Replicas", 1)
               : 0;
  }

  /// The orchestrator: which task goes is its choice.
  void fill() {
    auto& tasks = swarm_.tasks;
    const auto wanted = static_cast<std::size_t>(count_in(swarm_));
    while (tasks.size() < wanted) {
      ++swarm_.next_task;
      tasks.push_back({static_cast<int>(tasks.size()) + 1, "t" + std::to_string(swarm_.next_task)});
    }
    if (tasks.size() > wanted) {
      tasks.erase(tasks.begin(), tasks.begin() + static_cast<long>(tasks.size() - wanted));
    }
  }

  Said answer(const http::Received& request, const std::string& path) override {
    const auto address = path.substr(0, path.find('?'));
    if (address == "/info") return info();
    if (swarm_.node_state != "active" || !swarm_.is_manager) {
      return refuse(503,
                    "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
                    "join\" to connect this node to swarm and try again.");
    }
    if (address == "/services") return list(path);
    if (address == "/tasks") return tasks(path);
    if (address == "/services/web") return {200, service(false).dump()};
    if (address == "/services/web/update") return update(path, request.body);
    return refuse(404, "service " + address.substr(address.rfind('/') + 1) + " not found");
  }

  [[nodiscard]] Said info() const {
    const Json swarm = {{"NodeID", "n1"},
                        {"LocalNodeState", swarm_.node_state},
                        {"ControlAvailable", swarm_.is_manager},
                        {"Error", ""}};
    return {200, Json{{"ID", "e1"}, {"Swarm", swarm}}.dump()};
  }

  [[nodiscard]] Json service(bool with_status) const {
    Json object = {{"ID", "s1"}, {"Version", {{"Index", swarm_.index}}}, {"Spec", swarm_.spec}};
    if (!swarm_.update_status.is_null()) object["UpdateStatus"] = swarm_.update_status;
    if (!with_status) return object;
    const auto running = std::count_if(
        swarm_.tasks.begin(), swarm_.tasks.end(),
        [](const Task& task) { return task.state == "running" && task.desired == "running"; });
    object["ServiceStatus"] = {
        {"RunningTasks", running}, {"DesiredTasks", count_in(swarm_)}, {"CompletedTasks", 0}};
    return object;
  }

  /// Of all services whose names begin so, as Swarm has it.
  Said list(const std::string& path) {
    if (path.find("%22name%22%3A%5B%22w") == std::string::npos) return {200, "[]"};
    auto other = service(true);
    other["Spec"]["Name"] = "web-2";
    other["Version"]["Index"] = 7;
    return {200,
            Json::array({other, service(path.find("status=true") != std::string::npos)}).dump()};
  }

  Said tasks(const std::string& path) {
    if (path.find("%22service%22%3A%5B%22web%22%5D") == std::string::npos) return {200, "[]"};
    Json all = Json::array();
    for (const auto& task : swarm_.tasks) {
      Json status = {{"Timestamp", task.since}, {"State", task.state}, {"Message", "started"}};
      if (!task.error.empty()) status["Err"] = task.error;
      all.push_back({{"ID", task.id},
                     {"ServiceID", "s1"},
                     {"Slot", task.slot},
                     {"NodeID", "n1"},
                     {"Status", std::move(status)},
                     {"DesiredState", task.desired}});
    }
    return {200, all.dump()};
  }

  Said update(const std::string& path, const std::string& body) {
    const auto spec = Json::parse(body);
    if (!path.ends_with("?version=" + std::to_string(swarm_.index))) {
      return refuse(500, "rpc error: code = Unknown desc = update out of sequence");
    }
    if (!spec.contains("TaskTemplate")) return refuse(400, "mismatched Runtime and *Spec fields");
    if (swarm_.ignores_writes) return {200, R"({"Warnings":null})"};
    swarm_.spec = spec;
    swarm_.written.push_back(body);
    ++swarm_.index;
    fill();
    return {200, R"({"Warnings":null})"};
  }

  Swarm swarm_;
};

}  // namespace selfscale::drivers::swarm
