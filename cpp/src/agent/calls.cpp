#include "agent/calls.hpp"

#include <cxxabi.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "agent/thread.hpp"

namespace selfscale::agent {
namespace {

constexpr int most_waiting = 1'000;

}  // namespace

struct Calls::Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Job> jobs;
  std::thread thread;
  bool closed = false;
  bool ended = false;  ///< the thread has
  std::atomic<int> waiting{0};
  std::atomic<std::uint64_t> dropped{0};
  std::atomic<std::uint64_t> failed{0};

  void call(const Job& job) {
    try {
      job();
    } catch (const abi::__forced_unwind&) {
      throw;  // the thread is being ended from outside; swallowing that would abort the process
    } catch (...) {
      ++failed;
    }
  }

  void run() {
    std::unique_lock lock{mutex};
    for (;;) {
      changed.wait(lock, [this] { return closed || !jobs.empty(); });
      if (closed) break;
      {
        const Job job = std::move(jobs.front());
        jobs.pop_front();
        --waiting;
        lock.unlock();
        call(job);
      }
      lock.lock();
    }
    ended = true;
    changed.notify_all();
  }
};

Calls::Calls(std::function<void(Job)> run_on)
    : run_on_{std::move(run_on)}, queue_{std::make_shared<Queue>()} {}

Calls::~Calls() { stop(std::chrono::milliseconds{0}); }

bool Calls::post(Job job) {
  Queue& queue = *queue_;
  const std::lock_guard lock{queue.mutex};
  if (queue.closed) return false;
  if (queue.waiting >= most_waiting) {
    ++queue.dropped;
    return false;
  }
  ++queue.waiting;
  if (run_on_) {
    run_on_([shared = queue_, job = std::move(job)] {
      --shared->waiting;
      shared->call(job);
    });
    return true;
  }
  queue.jobs.push_back(std::move(job));
  if (!queue.thread.joinable()) {
    queue.thread = start_thread("selfscale-calls", [shared = queue_] { shared->run(); });
  }
  queue.changed.notify_all();
  return true;
}

void Calls::stop(std::chrono::milliseconds patience) noexcept {
  Queue& queue = *queue_;
  std::unique_lock lock{queue.mutex};
  queue.closed = true;
  queue.jobs.clear();
  queue.changed.notify_all();
  if (!queue.thread.joinable()) return;
  const bool own = queue.thread.get_id() == std::this_thread::get_id();
  const bool ended =
      !own && queue.changed.wait_for(lock, patience, [&queue] { return queue.ended; });
  lock.unlock();
  if (ended) {
    queue.thread.join();
  } else {
    queue.thread.detach();
  }
}

std::uint64_t Calls::dropped() const noexcept { return queue_->dropped; }
std::uint64_t Calls::failed() const noexcept { return queue_->failed; }

}  // namespace selfscale::agent
