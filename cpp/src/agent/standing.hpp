/// How this process stands on its platform: what its driver found when it was asked whether it may
/// act there, and how it leaves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <selfscale/finding.hpp>
#include <selfscale/instant.hpp>
#include <span>
#include <utility>
#include <vector>

#include "agent/house.hpp"
#include "drivers/driver.hpp"

namespace selfscale::agent {

/// Control thread only. All but rivals() and found() want a driver.
class Standing {
 public:
  /// What was seen so far, of the work and of the replicas, that a person should know.
  using Warnings = std::function<std::vector<Finding>()>;
  /// The replicas that the platform was last seen to have.
  using Replicas = std::function<std::span<const drivers::Replica>()>;

  Standing(House& house, Warnings warnings, Replicas replicas)
      : house_{house}, warnings_{std::move(warnings)}, replicas_{std::move(replicas)} {}

  /// Asks the driver where it is time to, and tells people what is new. Whoever leads, or is about
  /// to, asks more often.
  boost::asio::awaitable<void> look(bool leads);
  /// Has the next look() ask.
  void hurry() noexcept { looked_at_.reset(); }
  /// What was found last; nothing where there is no driver.
  [[nodiscard]] const drivers::Preflight& found() const noexcept { return found_; }
  /// Did the last look find nothing wrong?
  [[nodiscard]] bool is_fine() const noexcept { return found_.wrong.empty(); }
  /// Why it is not certain that this platform has one writer, and the ways out; empty: it is.
  [[nodiscard]] std::optional<Finding> rivals() const;

  /// Has the driver give back what was taken over by consent; false: it is still to be given back.
  boost::asio::awaitable<bool> give_back();
  /// As this process ends and others go on.
  boost::asio::awaitable<void> leave();

 private:
  boost::asio::awaitable<drivers::Preflight> ask();
  [[nodiscard]] Duration longer_wait() const noexcept;
  void say(const drivers::Preflight& before);

  House& house_;
  Warnings warnings_;
  Replicas replicas_;
  drivers::Preflight found_;
  std::optional<Instant> looked_at_;
  std::optional<Duration> wait_;  ///< after a look that was not fine
  Instant lasts_until_{};         ///< what the last good answer said
};

}  // namespace selfscale::agent
