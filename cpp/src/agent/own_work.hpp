/// Whether the replica that this process is part of has jobs in hand, and has had them for a while,
/// for platforms that keep such a replica. Requests are no jobs: they end within the time that a
/// replica has to end, and where there is load, some are always in hand.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <selfscale/instant.hpp>

#include "agent/house.hpp"

namespace selfscale::agent {

/// Control thread only; wants a driver.
class OwnWork {
 public:
  explicit OwnWork(House& house) : house_{house} {}

  /// Looks, and tells the driver, for all processes of this replica the first alone of those whose
  /// driver can be told.
  /// `may_tell`: people let agents act.
  boost::asio::awaitable<void> tell(bool may_tell);

 private:
  [[nodiscard]] bool lasts(bool has_jobs, Instant now);

  House& house_;
  std::optional<Instant> busy_since_;
};

}  // namespace selfscale::agent
