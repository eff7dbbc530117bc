#include "agent/thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace selfscale::agent {

std::thread start_thread(const char* name, std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // a new thread inherits it
  std::thread thread;
  try {
    thread = std::thread{std::move(work)};
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::pthread_setname_np(thread.native_handle(), name);
  return thread;
}

}  // namespace selfscale::agent
