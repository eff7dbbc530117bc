/// The queue between the agent's control thread and the one Python thread on which user functions
/// run.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace selfscale::python {

/// push(): any thread, never waits for Python. run(): the Python thread, without the interpreter
/// lock; each job takes it where it calls Python.
class CallQueue {
 public:
  using Job = std::function<void()>;

  CallQueue() = default;
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  /// Dropped when closed.
  void push(Job job);
  /// Runs jobs, which do not throw, until closed; jobs that are waiting then are dropped.
  void run();
  /// Ends run().
  void close();
  /// Begins anew: after close(), and in a fork's child, where no thread is left to hold what was
  /// there. Nobody may push meanwhile.
  void renew();

 private:
  struct Waiting {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> jobs;
    bool closed = false;
  };
  Waiting* waiting_ =
      new Waiting;  ///< never freed: a thread may still hold it, also when the interpreter goes
};

}  // namespace selfscale::python
