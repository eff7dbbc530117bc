/// Where the agents of a service meet to agree on one that leads: what SELFSCALE_FLEET says, and
/// what `auto` means here (docs/fleet.md).
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "agent/settings.hpp"
#include "drivers/driver.hpp"
#include "fleet/fleet.hpp"

namespace selfscale::agent {

struct Meeting {
  std::unique_ptr<fleet::Fleet> fleet;
  bool spans_hosts = false;  ///< of all hosts one leads, and it is known here
  std::string place;         ///< for people: "this host", "redis://cache:6379/0"
};

/// Who looks for it.
struct Attendant {
  boost::asio::io_context& io;
  const Settings& settings;
  std::string service;
  std::string holder;               ///< this process, "host/pid"
  std::string driver_name;          ///< empty: none
  const drivers::Driver* driver{};  ///< null: none, or it could not be made
  std::string platform_json;        ///< of the policy
};

/// Reaches for nothing yet. Throws Error where the place that was named cannot be one.
Meeting meet(const Attendant& attendant);

}  // namespace selfscale::agent
