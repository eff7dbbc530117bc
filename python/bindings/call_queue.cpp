#include "call_queue.hpp"

#include <utility>

namespace selfscale::python {

void CallQueue::push(Job job) {
  Waiting& waiting = *waiting_;
  {
    const std::lock_guard lock{waiting.mutex};
    if (waiting.closed) return;
    waiting.jobs.push_back(std::move(job));
  }
  waiting.changed.notify_one();
}

void CallQueue::run() {
  Waiting& waiting = *waiting_;
  std::unique_lock lock{waiting.mutex};
  while (true) {
    waiting.changed.wait(lock, [&] { return waiting.closed || !waiting.jobs.empty(); });
    if (waiting.closed) break;
    const Job job = std::move(waiting.jobs.front());
    waiting.jobs.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
  waiting.jobs.clear();
}

void CallQueue::close() {
  Waiting& waiting = *waiting_;
  {
    const std::lock_guard lock{waiting.mutex};
    waiting.closed = true;
    waiting.jobs.clear();
  }
  waiting.changed.notify_all();
}

void CallQueue::renew() { waiting_ = new Waiting; }

}  // namespace selfscale::python
