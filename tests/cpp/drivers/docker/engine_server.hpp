/// A server on loopback that plays a Docker Engine. Whatever is asked and answered is held against
/// the published document.
#pragma once

#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "drivers/openapi.hpp"
#include "http/loopback_server.hpp"
#include "places.hpp"

namespace selfscale::drivers::docker {

class EngineServer {
 public:
  using Json = nlohmann::ordered_json;
  /// Has answered the request itself, in its own way; false: it is answered as usual.
  using Intercept = std::function<bool(http::Peer&, const http::Received&)>;
  struct Said {
    int status = 200;
    std::string body;
  };

  EngineServer() = default;
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;
  virtual ~EngineServer() = default;

  [[nodiscard]] std::string host() const {
    return "tcp://127.0.0.1:" + std::to_string(server_->port());
  }

  void interfere(http::Interference* interference) { server_->interfere(interference); }
  void set_intercept(Intercept intercept) {
    const std::lock_guard guard{mutex};
    intercept_ = std::move(intercept);
  }
  /// Answers what goes to addresses that hold `part` in this way, and all else as usual.
  void answer_with(const std::string& part, int status, const std::string& body,
                   const std::string& method = "") {
    set_intercept([=](http::Peer& peer, const http::Received& request) {
      const bool is_meant = request.target().find(part) != std::string::npos &&
                            (method.empty() || request.method() == method);
      if (is_meant) peer.answer(status, body);
      return is_meant;
    });
  }
  /// "GET /services?…" without the version, in order.
  std::vector<std::string> asked() {
    const std::lock_guard guard{mutex};
    return asked_;
  }
  /// What contradicts the document.
  std::vector<std::string> wrong() {
    const std::lock_guard guard{mutex};
    return wrong_;
  }
  /// "1.41" and its like: the newest that it has. It understands older ones, too.
  void set_api_version(const std::string& version) {
    const std::lock_guard guard{mutex};
    api_version_ = version;
  }
  /// In which the last call was made.
  std::string spoken_version() {
    const std::lock_guard guard{mutex};
    return spoken_version_;
  }

 protected:
  /// With `mutex` held.
  virtual Said answer(const http::Received& request, const std::string& path) = 0;

  /// Last of a derived constructor, and first of its destructor: requests come in between.
  void begin() {
    server_.emplace([this](http::Peer& peer) { serve(peer); });
  }
  void end() { server_.reset(); }

  static Said refuse(int status, const std::string& message) {
    return {status, Json{{"message", message}}.dump()};
  }

  std::mutex mutex;

 private:
  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    const auto target = request->target();
    const bool is_ping = target == "/_ping";
    const auto path = is_ping ? target : without_version(target);
    Intercept intercept;
    {
      const std::lock_guard guard{mutex};
      if (!is_ping) spoken_version_ = version_of(target);
      asked_.push_back(request->method() + " " + path);
      note(*request, path,
           document_.wrong_request(request->method(), path, request->header("Content-Type"),
                                   request->body));
      intercept = intercept_;
    }
    if (intercept && intercept(peer, *request)) return;
    const std::lock_guard guard{mutex};
    if (is_ping) return peer.answer(200, "", "Api-Version: " + api_version_ + "\r\n");
    const auto said = path.empty() ? of_another_version(target) : answer(*request, path);
    if (said.status < 300) {
      note(*request, path, document_.wrong_answer(request->method(), path, said.body));
    }
    peer.answer(said.status, said.body,
                "Content-Type: application/json\r\nDate: Fri, 27 Nov 2026 02:01:30 GMT\r\n");
  }

  static std::string version_of(const std::string& target) {
    return target.substr(2, target.find('/', 1) - 2);
  }
  static int minor_of(const std::string& version) {
    return std::stoi(version.substr(version.find('.') + 1));
  }
  /// Empty: it is newer than the engine's own.
  [[nodiscard]] std::string without_version(const std::string& target) const {
    const auto version = version_of(target);
    const bool is_known = minor_of(version) <= minor_of(api_version_);
    return is_known ? target.substr(std::string{"/v"}.size() + version.size()) : "";
  }
  [[nodiscard]] Said of_another_version(const std::string& target) const {
    return refuse(400, "client version " + version_of(target) +
                           " is too new. Maximum supported API version is " + api_version_);
  }

  void note(const http::Received& request, const std::string& path, const std::string& wrong) {
    if (!wrong.empty() && !path.empty()) {
      wrong_.push_back(request.method() + " " + path + ": " + wrong);
    }
  }

  OpenApi document_{fixture("docker/engine-1.41.json")};
  std::string api_version_ = "1.41";
  std::string spoken_version_;
  std::vector<std::string> asked_;
  std::vector<std::string> wrong_;
  Intercept intercept_;
  std::optional<http::LoopbackServer> server_;
};

}  // namespace selfscale::drivers::docker
