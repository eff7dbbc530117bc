/// A platform in memory, for tests: it does what it is told, and fails where it is told to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// What a platform can be made to do wrong.
enum class Fault : std::uint8_t { none, refuses, denies, conflicts, hangs, garbage };

/// The truth behind the driver's back. Used by the control thread, or while that does not run.
struct MemoryPlatform {
  int desired = 1;
  int ready = 1;              ///< when all is well it follows `desired`
  int polls_until_ready = 0;  ///< observations, after a change, before `ready` follows
  Fault fault = Fault::none;
  int writes = 0;                     ///< accepted ones that changed the count
  std::vector<std::string> warnings;  ///< what its preflight says

  /// Sets the count as somebody else would.
  void set(int replicas);
  [[nodiscard]] std::string version() const { return std::to_string(changes); }

  int changes = 0;
  int polls_left = 0;
};

std::unique_ptr<Driver> memory_driver(boost::asio::io_context& io,
                                      std::shared_ptr<MemoryPlatform> platform);
/// From the table: a platform of its own, `{"replicas": 2}` of them at the start.
std::unique_ptr<Driver> memory_driver(Setting setting);

}  // namespace selfscale::drivers
