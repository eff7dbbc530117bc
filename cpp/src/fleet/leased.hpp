/// The fleet of several hosts: a lease that runs out, on top of a store's compare-and-set.
///
/// Whoever leads renews within `renew_within()`, and leads no more from the first renewal that
/// fails: a store that cannot be reached leaves nobody who acts. No clock of a host is compared
/// with another's: a lease runs out by the store's clock or, where it has none, after it was seen
/// unchanged for as long as it was given.
#pragma once

#include <functional>
#include <memory>
#include <selfscale/instant.hpp>
#include <string>

#include "fleet/fleet.hpp"
#include "fleet/store.hpp"

namespace selfscale::fleet {

struct Lease {
  std::string service;                ///< names it
  std::string holder;                 ///< this process, "host/pid"
  Duration held_for{30'000};          ///< longer than an attempt to scale may take, and then some
  std::function<Duration()> running;  ///< a clock that goes on while the host sleeps
};

std::unique_ptr<Fleet> make_leased(std::unique_ptr<Store> store, Lease lease);

}  // namespace selfscale::fleet
