/// The fleet of a service that every host scales by itself: each host has a leader of its own, and
/// people speak to all of them at once, in a place that all reach.
#pragma once

#include <memory>
#include <string>

#include "fleet/fleet.hpp"

namespace selfscale::fleet {

/// The lease, its state, orders of a count and what is published are those of `host`; what else
/// people say is kept in `shared`, where leaders of services that are not scaled so publish. What
/// stands there of `service` itself is of a time when it was not, either.
std::unique_ptr<Fleet> make_led_by_host(std::unique_ptr<Fleet> host, std::unique_ptr<Fleet> shared,
                                        std::string service);

}  // namespace selfscale::fleet
