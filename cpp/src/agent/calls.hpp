/// Where user functions run: never on the control thread, which goes on whatever they do.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace selfscale::agent {

/// One call at a time, in order, on a thread of its own that starts with the first; or wherever
/// `run_on` puts them. post(): any thread.
class Calls {
 public:
  using Job = std::function<void()>;

  explicit Calls(std::function<void(Job)> run_on);
  ~Calls();  ///< stops
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  /// False: too many are waiting, and this one was dropped; or it has stopped.
  bool post(Job job);
  /// Waiting calls are dropped; one that is running is left to itself after `patience`.
  void stop(std::chrono::milliseconds patience) noexcept;

  [[nodiscard]] std::uint64_t dropped() const noexcept;  ///< for lack of room
  [[nodiscard]] std::uint64_t failed() const noexcept;   ///< ended with an exception

 private:
  struct Queue;
  std::function<void(Job)> run_on_;
  std::shared_ptr<Queue> queue_;  ///< shared with a call that outlives us
};

}  // namespace selfscale::agent
