/// The platform of the service as its driver saw it last.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>

#include "agent/house.hpp"
#include "agent/records.hpp"
#include "drivers/driver.hpp"

namespace selfscale::agent {

/// Control thread only. Without a driver nothing is ever seen.
class Platform {
 public:
  explicit Platform(House& house) : house_{house} {}

  /// Looks, unless the platform asks to wait, or was looked at within `rest`: did it?
  boost::asio::awaitable<bool> observe(Duration rest);
  /// Empty: nothing was seen yet, or the last look failed.
  [[nodiscard]] const std::optional<drivers::Observation>& seen() const noexcept { return seen_; }
  /// Why the last look failed; without a message: it did not.
  [[nodiscard]] const Failure& failure() const noexcept { return failure_; }
  /// How long it asks not to be looked at; empty: it does not.
  [[nodiscard]] std::optional<Wait> wait() const;
  /// Was a replica ready when it was seen last?
  [[nodiscard]] bool serves() const noexcept { return serves_; }

  /// The nearest count that it takes.
  [[nodiscard]] int within_reach(int replicas) const;
  /// Why it has another than that count at best; empty: it takes it.
  [[nodiscard]] std::string out_of_reach(int replicas) const;

 private:
  House& house_;
  std::optional<drivers::Observation> seen_;
  Failure failure_;
  Instant next_look_{};
  Instant looked_at_{};
  std::string note_;  ///< the platform's, as it was said last
  bool serves_ = false;
};

}  // namespace selfscale::agent
