/// Around fork(): whoever has a thread is told before, and on both sides after.
#pragma once

namespace selfscale::agent {

class ForkWitness {
 public:
  virtual ~ForkWitness() = default;
  /// On the forking thread; must return within a bounded time.
  virtual void before_fork() noexcept = 0;
  virtual void after_fork_in_parent() noexcept = 0;
  /// Only the forking thread exists here. No lock that another thread may have held can be taken;
  /// objects that such a thread used are left alone for good.
  virtual void after_fork_in_child() noexcept = 0;
};

/// Any thread; not from within a witness.
void watch_forks(ForkWitness& witness);
void forget_forks(ForkWitness& witness) noexcept;

}  // namespace selfscale::agent
