/// Recording while holding the interpreter lock: whoever holds it is the only writer of one block,
/// whatever its thread, so that no call asks which thread it is on. Without that lock
/// (free-threaded Python) each thread has its block, as in C++.
#pragma once

#include <pybind11/pybind11.h>

#include <concepts>
#include <selfscale/metric.hpp>

namespace selfscale::metrics {

/// A handle and that block. All members: with the lock held.
template <class Handle>
class Held {
 public:
  Held(Handle handle) noexcept : handle_{handle} {  // NOLINT(google-explicit-constructor)
#ifndef Py_GIL_DISABLED
    writer_ = handle.recorder_->block_for_interpreter();
#endif
  }

  void inc(std::uint64_t by = 1) const noexcept requires std::same_as<Handle, Counter> {
    if (writer_ != nullptr) [[likely]] {
      return add_alone(word_at<std::uint64_t>(own_cells(), handle_.cell_), by);
    }
    inc_as_thread(by);
  }

  void observe(double value) const noexcept requires std::same_as<Handle, Distribution> {
    if (writer_ != nullptr) [[likely]] {
      return observe_alone(*handle_.recorder_, own_cells(), handle_.cell_, handle_.scale_, value);
    }
    observe_as_thread(value);
  }

 private:
  // Out of line, for what asks which thread it is on needs a stack frame, and the rest none.
  [[gnu::noinline]] void inc_as_thread(std::uint64_t by) const noexcept { handle_.inc(by); }
  [[gnu::noinline]] void observe_as_thread(double value) const noexcept { handle_.observe(value); }

  [[nodiscard]] std::byte* own_cells() const noexcept {
    return writer_->cells.load(std::memory_order_acquire);
  }

  Handle handle_;
  /// Null when there was no block left for the interpreter, or there is no such lock.
  const Writer* writer_ = nullptr;
};

}  // namespace selfscale::metrics
