/// A clock that several processes share and a test puts forward.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <selfscale/instant.hpp>

namespace selfscale::fleet {

class PassingTime {
 public:
  PassingTime() {
    void* shared =
        ::mmap(nullptr, sizeof(Now), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) ::abort();
    now_ = new (shared) Now{0};
  }
  PassingTime(const PassingTime&) = delete;
  PassingTime& operator=(const PassingTime&) = delete;
  ~PassingTime() { ::munmap(now_, sizeof(Now)); }

  void pass(Duration time) { *now_ += time.count(); }
  [[nodiscard]] Duration now() const { return Duration{now_->load()}; }

 private:
  using Now = std::atomic<std::int64_t>;
  static_assert(Now::is_always_lock_free);
  Now* now_;
};

}  // namespace selfscale::fleet
