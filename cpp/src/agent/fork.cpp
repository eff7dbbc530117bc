#include "agent/fork.hpp"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <vector>

namespace selfscale::agent {
namespace {

/// Never destroyed: a process may fork while it ends.
struct Witnesses {
  std::mutex mutex;
  std::vector<ForkWitness*> all;
};

Witnesses& witnesses() {
  static auto* const known = new Witnesses;
  return *known;
}

// The mutex is held across the fork, so that the child's copy is whole and its own thread's to
// free.
void before() {
  auto& known = witnesses();
  known.mutex.lock();
  for (auto* each : known.all) each->before_fork();
}

void in_parent() {
  auto& known = witnesses();
  for (auto* each : known.all) each->after_fork_in_parent();
  known.mutex.unlock();
}

void in_child() {
  auto& known = witnesses();
  for (auto* each : known.all) each->after_fork_in_child();
  known.mutex.unlock();
}

}  // namespace

void watch_forks(ForkWitness& witness) {
  static const int registered = ::pthread_atfork(before, in_parent, in_child);
  static_cast<void>(registered);  // without memory for it, forks go unnoticed
  auto& known = witnesses();
  const std::lock_guard lock{known.mutex};
  known.all.push_back(&witness);
}

void forget_forks(ForkWitness& witness) noexcept {
  auto& known = witnesses();
  const std::lock_guard lock{known.mutex};
  std::erase(known.all, &witness);
}

}  // namespace selfscale::agent
