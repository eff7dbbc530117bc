/// When the API is asked about the pod that this process runs in, which keeps a deletion cost while
/// it works: as rarely as can be. Pure; one thread at a time.
#pragma once

#include <chrono>
#include <optional>

#include "model/result.hpp"

namespace selfscale::drivers::kubernetes {

class OwnPod {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Is its cost to be looked at, and set by whether it works? Asked about once a second, by one
  /// process of the pod at a time.
  bool is_to_be_looked_at(bool is_busy, Time now);
  /// How that ended.
  void take(Result<void> settled, Time now);
  /// What is to be said of how it ended last.
  [[nodiscard]] const Result<void>& last() const noexcept { return last_; }

 private:
  bool is_busy_ = false;
  std::optional<bool> settled_for_;  ///< busy or not; empty: what its cost is by now is not known
  Time asked_at_{};
  Time next_look_{};
  Result<void> last_;
};

}  // namespace selfscale::drivers::kubernetes
