/// Threads that leave the app's signals alone.
#pragma once

#include <functional>
#include <thread>

namespace selfscale::agent {

/// Starts a thread of that name (at most 15 letters) on which no signal is delivered: the app's
/// handlers run where it expects them.
std::thread start_thread(const char* name, std::function<void()> work);

}  // namespace selfscale::agent
