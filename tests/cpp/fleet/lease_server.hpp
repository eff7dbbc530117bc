/// A server on loopback that plays the Kubernetes API with nothing but Leases in it. Whatever is
/// asked and answered is held against the published OpenAPI document.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "drivers/openapi.hpp"
#include "http/address.hpp"
#include "http/loopback_server.hpp"
#include "places.hpp"

namespace selfscale::fleet {

class LeaseServer {
 public:
  using Json = nlohmann::json;
  /// How a request ends beside being carried out.
  enum class Fault {
    none,
    unavailable,   ///< 503; nothing is carried out
    lost_answer,   ///< a write is carried out, and the connection closed without an answer
    no_answer,     ///< nothing is carried out, and nothing comes back
    not_allowed,   ///< 403
    no_such_json,  ///< an answer that is none of the API's
  };
  static constexpr auto token = "hunter2";
  static constexpr auto leases = "/apis/coordination.k8s.io/v1/namespaces/shop/leases";

  [[nodiscard]] http::Address address() const { return http::parse_address(server_.url()).value(); }
  void inject(Fault fault) {
    const std::lock_guard guard{mutex_};
    fault_ = fault;
  }
  /// It takes no other from now on.
  void set_token(std::string token) {
    const std::lock_guard guard{mutex_};
    token_ = std::move(token);
  }
  /// The object as it stands; null: there is none.
  Json lease(const std::string& name) {
    const std::lock_guard guard{mutex_};
    return objects_.contains(name) ? objects_[name] : Json{};
  }
  /// As somebody else would, with kubectl.
  void change(const std::string& name, const std::function<void(Json&)>& make) {
    const std::lock_guard guard{mutex_};
    make(objects_[name]);
    objects_[name]["metadata"]["resourceVersion"] = std::to_string(++version_);
  }
  void remove(const std::string& name) {
    const std::lock_guard guard{mutex_};
    objects_.erase(name);
  }
  std::vector<std::string> names() {
    const std::lock_guard guard{mutex_};
    std::vector<std::string> all;
    for (const auto& [name, object] : objects_) all.push_back(name);
    return all;
  }
  /// What contradicted the document.
  std::vector<std::string> wrong() {
    const std::lock_guard guard{mutex_};
    return wrong_;
  }

 private:
  using Said = std::pair<int, std::string>;

  static Said refuse(int status, const std::string& reason, const std::string& message) {
    const Json body = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
                       {"status", "Failure"}, {"message", message}, {"reason", reason},
                       {"code", status}};
    return {status, body.dump()};
  }

  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    std::unique_lock guard{mutex_};
    const auto fault = fault_;
    if (fault == Fault::no_answer) {
      guard.unlock();
      return peer.wait_for_the_end();
    }
    const auto [status, body] = answer_or_fail(*request);
    guard.unlock();
    if (fault == Fault::lost_answer && request->method() != "GET") return;
    peer.answer(status, body, "Content-Type: application/json\r\n");
  }

  Said answer_or_fail(const http::Received& request) {
    if (fault_ == Fault::unavailable) return refuse(503, "ServiceUnavailable", "etcd is away");
    if (fault_ == Fault::not_allowed) return refuse(403, "Forbidden", "User \"test\" cannot");
    if (fault_ == Fault::no_such_json) return {200, "<html>"};
    if (request.header("Authorization") != "Bearer " + token_) {
      return refuse(401, "Unauthorized", "Unauthorized");
    }
    note(api_.wrong_request(request.method(), request.target(), request.header("Content-Type"),
                            request.body));
    auto said = answer(request);
    if (said.first < 300) {
      note(api_.wrong_answer(request.method(), request.target(), said.second));
    }
    return said;
  }

  void note(const std::string& wrong) {
    if (!wrong.empty()) wrong_.push_back(wrong);
  }

  Said answer(const http::Received& request) {
    if (request.method() == "POST" && request.target() == leases) return create(request.body);
    const auto name = request.target().substr(std::string{leases}.size() + 1);
    const auto found = objects_.find(name);
    if (found == objects_.end()) {
      return refuse(404, "NotFound", "leases.coordination.k8s.io \"" + name + "\" not found");
    }
    if (request.method() == "GET") return {200, found->second.dump()};
    return replace(found->second, request.body);
  }

  Said create(const std::string& body) {
    auto object = Json::parse(body);
    const auto name = object["metadata"]["name"].get<std::string>();
    if (objects_.contains(name)) return refuse(409, "AlreadyExists", name + " already exists");
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[name] = object;
    return {201, object.dump()};
  }

  /// A write that changes nothing is none: the version stays.
  Said replace(Json& stands, const std::string& body) {
    auto object = Json::parse(body);
    if (object["metadata"]["resourceVersion"] != stands["metadata"]["resourceVersion"]) {
      return refuse(409, "Conflict", "the object has been modified");
    }
    if (object != stands) object["metadata"]["resourceVersion"] = std::to_string(++version_);
    stands = object;
    return {200, object.dump()};
  }

  std::mutex mutex_;
  std::map<std::string, Json> objects_;
  int version_ = 0;
  std::string token_ = token;
  Fault fault_ = Fault::none;
  std::vector<std::string> wrong_;
  drivers::OpenApi api_{fixture("kubernetes/leases-1.34.json")};
  http::LoopbackServer server_{[this](http::Peer& peer) { serve(peer); }};
};

}  // namespace selfscale::fleet
