/// One of each edge, wired: what a running agent consists of, apart from its thread.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <selfscale/agent.hpp>
#include <string>

#include "agent/calls.hpp"
#include "agent/clock.hpp"
#include "agent/log.hpp"
#include "agent/meeting.hpp"
#include "agent/policies.hpp"
#include "agent/seat.hpp"
#include "agent/settings.hpp"
#include "agent/subscribers.hpp"
#include "agent/totals.hpp"
#include "agent/ulid.hpp"
#include "drivers/driver.hpp"
#include "drivers/guess.hpp"
#include "fleet/fleet.hpp"
#include "journal/journal.hpp"

namespace selfscale::agent {

struct House {
  /// Reads the policies; throws what Policies throws. Touches no file else.
  House(const AgentOptions& options, Settings found, Seat& own_seat, Subscribers& told,
        Totals& counted);
  House(const House&) = delete;

  /// Of the host and this process, as leases and events name it.
  [[nodiscard]] const std::string& holder() const noexcept { return holder_; }
  [[nodiscard]] const std::string& service() const noexcept { return policies.service(); }
  [[nodiscard]] Duration evaluation_interval() const;
  /// Is this evaluation the nearest one to `due`?
  [[nodiscard]] bool is_time(Instant due) const;

  Settings settings;
  Policies policies;
  Seat& seat;
  Subscribers& subscribers;
  Totals& totals;
  EngineClock clock;
  Ulids ulids;
  Calls calls;
  Log log;
  std::atomic<std::uint64_t> errors{0};  ///< caught where nothing should be thrown

  boost::asio::io_context io{1};  // outlives all below
  std::unique_ptr<fleet::Fleet> fleet;
  bool fleet_spans_hosts = false;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<drivers::Driver> driver;  ///< null: recommends only
  std::string driver_name;
  std::string driver_label;             ///< what people know it by
  std::optional<Finding> unmade;        ///< why the named driver could not be made
  std::optional<drivers::Guess> guess;  ///< where no driver is named: what this looks like

 private:
  void make_driver(const AgentOptions& options);

  std::string holder_;
};

}  // namespace selfscale::agent
