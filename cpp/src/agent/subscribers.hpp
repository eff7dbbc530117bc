/// Who is told of decisions and events.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agent/calls.hpp"

namespace selfscale::agent {

/// Any thread.
class Subscribers {
 public:
  using Function = std::function<void(std::string_view json)>;

  void add(Function function);
  [[nodiscard]] bool empty() const;
  /// Each is called by itself: one that throws keeps nothing from the others.
  void tell(Calls& calls, const std::string& json) const;
  /// Around fork(): nobody is being added while the process is copied. The child calls unlock, too.
  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

 private:
  mutable std::mutex mutex_;
  std::vector<Function> functions_;
};

}  // namespace selfscale::agent
