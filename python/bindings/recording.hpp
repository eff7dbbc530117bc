/// Recording while holding the interpreter lock: whoever holds it is the only writer of one block,
/// whatever its thread, so that no call asks which thread it is on. Without that lock
/// (free-threaded Python) each thread has its block, as in C++.
#pragma once

#include <pybind11/pybind11.h>

#include <selfscale/metric.hpp>

namespace selfscale::metrics {

struct Interpreter {
  /// Before the first recording with handles of that registry. Called with the lock held.
  template <class Handle>
  static void take_block(const Handle& handle) {
    handle.recorder_->take_block_for_interpreter();
  }

  static void inc(const Counter& counter, std::uint64_t by = 1) noexcept {
    if (auto* cells = own_cells(*counter.recorder_)) [[likely]] {
      return add_alone(word_at<std::uint64_t>(cells, counter.cell_), by);
    }
    counter.inc(by);
  }

  static void observe(const Distribution& distribution, double value) noexcept {
    if (auto* cells = own_cells(*distribution.recorder_)) [[likely]] {
      return observe_alone(*distribution.recorder_, cells, distribution.cell_, distribution.scale_,
                           value);
    }
    distribution.observe(value);
  }

 private:
  /// Null when there was no block left for the interpreter.
  static std::byte* own_cells([[maybe_unused]] const Recorder& recorder) noexcept {
#ifdef Py_GIL_DISABLED
    return nullptr;
#else
    const auto* writer = recorder.interpreter_;
    return writer == nullptr ? nullptr : writer->cells.load(std::memory_order_acquire);
#endif
  }
};

}  // namespace selfscale::metrics
