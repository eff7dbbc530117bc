/// Plays a Docker Engine with the containers of one Compose service, "web" of the project "shop".
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "drivers/docker/engine_server.hpp"

namespace selfscale::drivers::compose {

class ComposeServer final : public docker::EngineServer {
 public:
  struct Container {
    std::string id;
    std::string name;
    int number = 1;
    std::string state = "running";
    std::string status = "Up 2 minutes";
    bool unhealthy = false;
    int age_seconds = 60;
    std::string config_hash;            ///< of its version; empty: as the others
    std::string image_digest;           ///< likewise, as Compose 2 notes it
    std::vector<std::string> networks;  ///< that it is connected to
    Json made_of;                       ///< the body that it was created from; null: by Compose
  };

  /// All of it is guarded while requests come in: change() and look().
  struct Host {
    std::string separator = "-";  ///< "_" before version 2
    Json config = Json::parse(R"({"Hostname":"","Env":["A=1"],"Cmd":["serve"],"Image":"web:1",
      "Labels":{"com.docker.compose.project":"shop","com.docker.compose.service":"web",
      "com.docker.compose.oneoff":"False","com.docker.compose.config-hash":"29db"}})");
    Json host_config = Json::parse(R"({"Binds":["data:/data"],"NetworkMode":"shop_default",
      "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":""}]},"RestartPolicy":{"Name":"always"}})");
    std::vector<std::string> networks{"shop_default"};
    std::vector<Container> containers;
    std::vector<std::string> stopped;  ///< names, in order
    std::string start_fails;           ///< the Engine's words; empty: it does not
    int next = 0;
  };

  ComposeServer() {
    set_replicas(2);
    begin();
  }
  ~ComposeServer() override { end(); }

  template <class Change>
  void change(Change make) {
    const std::lock_guard guard{mutex};
    make(host_);
  }
  template <class Look>
  auto look(Look take) {
    const std::lock_guard guard{mutex};
    return take(host_);
  }
  int replicas() {
    return look([](const Host& host) { return static_cast<int>(host.containers.size()); });
  }
  /// As `docker compose up --scale` does: the highest numbers come and go.
  void set_replicas(int count) {
    const std::lock_guard guard{mutex};
    auto& all = host_.containers;
    while (static_cast<int>(all.size()) > count) all.pop_back();
    while (static_cast<int>(all.size()) < count) {
      Container one;
      one.number = all.empty() ? 1 : all.back().number + 1;
      one.id = next_id();
      one.name = "shop" + host_.separator + "web" + host_.separator + std::to_string(one.number);
      one.networks = host_.networks;
      all.push_back(std::move(one));
    }
  }
  /// Those that run without one of the service's networks: they answer, and reach not everybody.
  std::vector<std::string> cut_off() {
    return look([](const Host& host) {
      std::vector<std::string> all;
      for (const auto& each : host.containers) {
        const bool is_whole = std::ranges::all_of(host.networks, [&each](const auto& network) {
          return std::ranges::find(each.networks, network) != each.networks.end();
        });
        if (each.state == "running" && !is_whole) all.push_back(each.name);
      }
      return all;
    });
  }
  std::vector<std::string> names() {
    return look([](const Host& host) {
      std::vector<std::string> all;
      for (const auto& each : host.containers) all.push_back(each.name);
      return all;
    });
  }

 private:
  std::string next_id() {
    auto id = std::to_string(++host_.next);
    return std::string(12 - id.size(), 'a') + id + std::string(52, '0');
  }

  Said answer(const http::Received& request, const std::string& path) override {
    const auto address = path.substr(0, path.find('?'));
    const auto query = path.substr(address.size());
    if (address == "/containers/json") return list(query);
    if (address == "/containers/create") return create(query, request.body);
    if (address.starts_with("/networks/")) return connect(address, request.body);
    const auto rest = address.substr(std::string{"/containers/"}.size());
    const auto id = rest.substr(0, rest.find('/'));
    const auto found = std::find_if(host_.containers.begin(), host_.containers.end(),
                                    [&id](const Container& each) { return each.id == id; });
    if (found == host_.containers.end()) return refuse(404, "No such container: " + id);
    if (request.method() == "DELETE") {
      const bool is_refused =
          found->state == "running" && query.find("force=true") == std::string::npos;
      if (is_refused) return refuse(409, "You cannot remove a running container " + id);
      host_.containers.erase(found);
      return {204, ""};
    }
    if (rest.ends_with("/json")) return {200, inspected(*found).dump()};
    if (rest.ends_with("/start")) return start(*found);
    if (rest.ends_with("/rename")) return rename(*found, query);
    host_.stopped.push_back(found->name);
    found->state = "exited";
    return {204, ""};
  }

  [[nodiscard]] Json labels_of(const Container& container) const {
    const auto& made_of = container.made_of;
    auto labels = made_of.is_null() ? host_.config["Labels"] : made_of["Labels"];
    labels["com.docker.compose.container-number"] = std::to_string(container.number);
    if (!container.config_hash.empty()) {
      labels["com.docker.compose.config-hash"] = container.config_hash;
    }
    if (!container.image_digest.empty()) {
      labels["com.docker.compose.image"] = container.image_digest;
    }
    return labels;
  }

  Said list(const std::string& query) {
    if (query.find("com.docker.compose.project%3Dshop%22") == std::string::npos ||
        query.find("com.docker.compose.service%3Dweb%22") == std::string::npos ||
        query.find("com.docker.compose.oneoff%3DFalse") == std::string::npos ||
        query.find("all=true") == std::string::npos) {
      return {200, "[]"};
    }
    const bool asks_for_health = query.find("%22health%22") != std::string::npos;
    Json all = Json::array();
    for (auto each = host_.containers.rbegin(); each != host_.containers.rend(); ++each) {
      if (asks_for_health && !each->unhealthy) continue;
      all.push_back({{"Id", each->id},
                     {"Names", Json::array({"/" + each->name})},
                     {"Image", "web:1"},
                     {"Created", 1795744890 - each->age_seconds},  // by the header Date
                     {"Labels", labels_of(*each)},
                     {"State", each->state},
                     {"Status", each->status}});
    }
    return {200, all.dump()};
  }

  [[nodiscard]] Json inspected(const Container& container) const {
    auto config = host_.config;
    if (config["Hostname"] == "") config["Hostname"] = container.id.substr(0, 12);
    config["Labels"] = labels_of(container);
    Json networks = Json::object();
    for (const auto& network : container.networks) {
      networks[network] = {
          {"Aliases", Json::array({container.id.substr(0, 12), "web", container.name})},
          {"IPAddress", "172.19.0.5"},
          {"MacAddress", "02:42:ac:13:00:05"}};
    }
    return {{"Id", container.id},
            {"Name", "/" + container.name},
            {"Image", "sha256:3033"},
            {"State", {{"Status", container.state}}},
            {"HostConfig", host_.host_config},
            {"Config", std::move(config)},
            {"NetworkSettings", {{"Networks", std::move(networks)}}}};
  }

  [[nodiscard]] bool is_taken(const std::string& name) const {
    return std::any_of(host_.containers.begin(), host_.containers.end(),
                       [&name](const Container& each) { return each.name == name; });
  }
  static Said refuse_name(const std::string& name) {
    return refuse(409, "Conflict. The container name \"/" + name +
                           "\" is already in use by container \"1\".");
  }

  Said rename(Container& container, const std::string& query) {
    const auto name = query.substr(std::string{"?name="}.size());
    if (is_taken(name)) return refuse_name(name);
    container.name = name;
    return {204, ""};
  }

  Said create(const std::string& query, const std::string& body) {
    Container made;
    made.name = query.substr(std::string{"?name="}.size());
    if (is_taken(made.name)) return refuse_name(made.name);
    made.made_of = Json::parse(body);
    made.number =
        std::stoi(made.made_of["Labels"]["com.docker.compose.container-number"].get<std::string>());
    made.id = next_id();
    made.state = "created";
    if (made.made_of.contains("NetworkingConfig")) {
      for (const auto& [network, _] : made.made_of["NetworkingConfig"]["EndpointsConfig"].items()) {
        made.networks.push_back(network);
      }
    }
    host_.containers.push_back(made);
    return {201, Json{{"Id", made.id}, {"Warnings", Json::array()}}.dump()};
  }

  Said connect(const std::string& address, const std::string& body) {
    const auto id = Json::parse(body)["Container"].get<std::string>();
    for (auto& each : host_.containers) {
      const auto start = std::string{"/networks/"}.size();
      if (each.id == id) each.networks.push_back(address.substr(start, address.rfind('/') - start));
    }
    return {200, ""};
  }

  Said start(Container& container) {
    if (!host_.start_fails.empty()) return refuse(500, host_.start_fails);
    container.state = "running";
    return {204, ""};
  }

  Host host_;
};

}  // namespace selfscale::drivers::compose
