/// A process that ends every worker's process group when the supervisor is gone, however it died.
///
/// It reads a pipe whose other end only the supervisor holds (and, until exec, a child being
/// started): the end of file is the supervisor's death.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <set>

#include "drivers/local/process.hpp"

namespace selfscale::drivers::local {

class Keeper {
 public:
  explicit Keeper(std::chrono::milliseconds grace) : grace_{grace} {}

  /// Starts it, or starts it again, and tells it of all groups known here. Errc::failed: no fork.
  Result<void> start();
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// To be announced on by a child that is being started.
  [[nodiscard]] int descriptor() const noexcept { return pipe_.get(); }
  /// A group that a child has announced.
  void remember(pid_t group) { groups_.insert(group); }
  /// The group has ended; its number may be given to others.
  void forget(pid_t group);
  /// Lets it end, and waits for it. All groups must be forgotten.
  void stop();

  /// What a child that is being started says of itself, and takes back where it does not begin.
  /// System calls only.
  static void announce(int descriptor, pid_t group) noexcept;
  static void withdraw(int descriptor, pid_t group) noexcept;

 private:
  std::chrono::milliseconds grace_;
  Descriptor pipe_;
  pid_t pid_ = 0;
  std::set<pid_t> groups_;
};

}  // namespace selfscale::drivers::local
