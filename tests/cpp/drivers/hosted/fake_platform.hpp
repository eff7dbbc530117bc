/// A hosted platform's API on loopback. Whatever is asked and answered is held against the
/// published document; a test may answer in its place.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "drivers/hosted/api.hpp"
#include "drivers/memory.hpp"
#include "drivers/openapi.hpp"
#include "http/loopback_server.hpp"

namespace selfscale::drivers::hosted {

struct Said {
  int status = 200;
  std::string body;
  std::string headers;  ///< lines with their ends
};

/// An answer instead of the usual one.
struct Scripted {
  Said said;
  bool is_done = false;  ///< the request is carried out, whatever is answered
};

class FakePlatform {
 public:
  using Json = nlohmann::json;
  /// What the platform answers; called under the lock.
  using Usual = std::function<Said(const http::Received&)>;
  /// The path by which the document knows a request, where its target does not tell it.
  using Named = std::function<std::string(const http::Received&)>;

  FakePlatform(
      const std::string& document, std::string refusal, Usual usual,
      Named named = [](const http::Received& request) { return request.target(); })
      : api_{document},
        refusal_{std::move(refusal)},
        usual_{std::move(usual)},
        named_{std::move(named)} {}

  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  void interfere(http::Interference* interference) { server_.interfere(interference); }

  template <class Do>
  auto locked(Do act) {
    const std::lock_guard guard{mutex_};
    return act();
  }
  void set_fault(Fault fault) {
    locked([&] { fault_ = fault; });
  }
  void set_token(std::string header, std::string value) {
    locked([&] { token_ = {std::move(header), std::move(value)}; });
  }
  /// Takes this word, and no longer "hunter2".
  void rotate_token(const std::string& word) {
    locked([&] {
      auto& value = token_.second;
      value.replace(value.find("hunter2"), value.size(), word);
    });
  }
  /// `what`: "POST /scale", a method and the end of a path. Answers it in turn, then as usual.
  void script(const std::string& what, std::vector<Scripted> answers) {
    locked([&] {
      for (auto& each : answers) scripted_[what].push_back(std::move(each));
    });
  }
  std::vector<std::string> complaints() {
    return locked([this] { return complaints_; });
  }
  /// "GET /v1/services/srv-1", in order.
  std::vector<std::string> asked() {
    return locked([this] { return asked_; });
  }
  /// How often something was asked that ends so.
  int times(const std::string& what) {
    return locked([&] {
      int count = 0;
      for (const auto& each : asked_) count += is_meant(what, each) ? 1 : 0;
      return count;
    });
  }

 private:
  static bool is_meant(const std::string& what, const std::string& asked) {
    const auto blank = what.find(' ');
    return asked.starts_with(what.substr(0, blank + 1)) && asked.ends_with(what.substr(blank + 1));
  }

  void serve(http::Peer& peer) {
    const auto request = peer.receive();
    if (!request) return;
    Scripted answer;
    Fault fault = Fault::none;
    {
      const std::lock_guard guard{mutex_};
      fault = fault_;
      if (fault == Fault::none) answer = answer_to(*request);
    }
    if (fault == Fault::hangs) return peer.wait_for_the_end();
    if (fault == Fault::denies) answer.said = {403, refusal_, {}};
    if (fault == Fault::garbage) answer.said = {200, "<html>", {}};
    const auto headers = answer.said.headers + "Content-Type: application/json\r\n";
    peer.answer(answer.said.status, answer.said.body, headers);
  }

  Scripted answer_to(const http::Received& request) {
    const auto target = named_(request);
    const auto what = request.method() + " " + target;
    const auto bare = what.substr(0, what.find('?'));
    asked_.push_back(bare);
    note(what, api_.wrong_request(request.method(), target, request.header("Content-Type"),
                                  request.body));
    for (auto& [meant, answers] : scripted_) {
      if (answers.empty() || !is_meant(meant, bare)) continue;
      auto answer = std::move(answers.front());
      answers.pop_front();
      if (answer.is_done) usual_(request);
      return answer;
    }
    if (request.header(token_.first) != token_.second) return {{401, refusal_, {}}};
    auto said = usual_(request);
    note(what, api_.wrong_answer(request.method(), target, said.status, said.body));
    return {std::move(said)};
  }

  void note(const std::string& what, const std::string& wrong) {
    if (!wrong.empty()) complaints_.push_back(what + ": " + wrong);
  }

  OpenApi api_;
  std::string refusal_;
  Usual usual_;
  Named named_;
  std::mutex mutex_;
  Fault fault_ = Fault::none;
  std::pair<std::string, std::string> token_{"Authorization", "Bearer hunter2"};
  std::map<std::string, std::deque<Scripted>> scripted_;
  std::vector<std::string> complaints_;
  std::vector<std::string> asked_;
  // Last: its threads use what is above.
  http::LoopbackServer server_{[this](http::Peer& peer) { serve(peer); }};
};

/// A token in the environment, the time as a test has it.
struct FakeSurroundings {
  std::map<std::string, std::string> variables;
  std::chrono::system_clock::time_point now{std::chrono::seconds{1'795'744'800}};
  std::chrono::steady_clock::time_point steady_now{};

  void pass(std::chrono::seconds time) {
    now += time;
    steady_now += time;
  }
  Surroundings get() {
    return {[this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables.find(name);
              if (found == variables.end()) return std::nullopt;
              return found->second;
            },
            [this] { return now; }, [this] { return steady_now; }};
  }
};

}  // namespace selfscale::drivers::hosted
