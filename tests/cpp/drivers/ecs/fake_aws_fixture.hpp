// AWS on loopback: Amazon ECS with one service, Application Auto Scaling, the endpoints that give
// credentials, and the one at which a task protects itself. It refuses what has not the published
// shape or is not signed as it must be.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drivers/ecs/credential_chain.hpp"
#include "drivers/ecs/operations.hpp"
#include "http/loopback_server.hpp"

namespace selfscale::drivers::ecs {

class FakeAws {
 public:
  using Json = nlohmann::json;
  enum class Mood : std::uint8_t { well, hangs, denies, garbage };

  /// An answer instead of the usual one.
  struct Scripted {
    int status = 400;
    std::string body;
    std::string headers;   ///< lines with their ends
    bool is_done = false;  ///< the operation is carried out, whatever is answered
  };

  struct State {
    Json service;  ///< as DescribeServices shows it
    int describes_until_running = 1;
    std::vector<Json> tasks;
    std::map<std::string, WallTime> protected_until;  ///< by the task's ARN
    std::map<std::string, std::string> tags;          ///< of the service
    std::optional<Json> target;                       ///< of Application Auto Scaling
    std::vector<std::string> policies;
    std::vector<std::string> actions;
    std::string access_key_id = "AKIDEXAMPLE";
    std::string secret_access_key = "wJalrXUtnFEMI/K7MDENG";
    std::string session_token;  ///< empty: signed without one
    WallTime time{std::chrono::seconds{1'795'744'800}};
    std::map<std::string, std::deque<Scripted>> scripted;  ///< by the operation's name
    std::size_t page_size = 100;
    std::string own_task;  ///< the agent is in that one; empty: in none
    bool ignores_writes = false;
    std::map<std::string, std::string>
        files;  ///< what is GET, PUT or POSTed elsewhere: path → body
    std::map<std::string, Scripted> refused_files;  ///< these paths answer so instead
    std::map<std::string, Scripted> refused_own;    ///< by method: what the task is told instead
    std::function<void()> before_own_write;         ///< once the task has asked for one
    // What happened.
    std::vector<std::string> operations;
    std::vector<Json> bodies;  ///< of the operations
    std::vector<std::string> complaints;
    std::vector<http::Received> others;  ///< requests that were no operation
  };

  explicit FakeAws(int desired = 2);

  [[nodiscard]] std::string url() const { return server_.url(); }
  void interfere(http::Interference* interference) { server_.interfere(interference); }
  /// Under the lock.
  template <class Do>
  auto with(Do act) {
    const std::lock_guard guard{mutex_};
    return act(state_);
  }
  void set_mood(Mood mood) {
    const std::lock_guard guard{mutex_};
    mood_ = mood;
  }
  void set_count(int desired);
  int count();
  int writes();  ///< how often UpdateService was carried out or refused
  std::vector<std::string> complaints();

  /// Keys in the environment, and this server's time.
  CredentialChain::Surroundings surroundings();

 private:
  void serve(http::Peer& peer);
  void answer(http::Peer& peer, const http::Received& request);
  Scripted answer_file(const std::string& path);
  Scripted answer_own_task(const http::Received& request);
  Scripted answer_operation(const http::Received& request);
  Scripted perform(Api api, const std::string& name, const Json& body);
  void check_signature(Api api, const http::Received& request);
  Json described(const Json& body);
  Json updated(const Json& body);
  void end_surplus_tasks();
  Json listed(const Json& body);
  bool is_protected(const std::string& arn);
  Json protection(const Json& body);
  Json registered(const Json& body);
  void check_tagged(const Json& body);

  std::mutex mutex_;
  State state_;
  Mood mood_ = Mood::well;
  http::LoopbackServer server_;  // last: its threads use what is above
};

/// A task of the fake's service.
nlohmann::json task_json(const std::string& id, const std::string& status = "RUNNING");
std::string task_arn(const std::string& id);

}  // namespace selfscale::drivers::ecs
