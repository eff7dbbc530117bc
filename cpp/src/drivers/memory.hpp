/// A platform in memory, for tests: it does what it is told, and fails where it is told to.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "drivers/driver.hpp"

namespace selfscale::drivers {

/// What a platform can be made to do wrong.
enum class Fault : std::uint8_t {
  none,
  refuses,  ///< nobody answers
  denies,
  conflicts,       ///< somebody else has always been faster
  conflicts_once,  ///< … at the next write
  hangs,
  garbage,
  refuses_writes,    ///< it can be read, and does not do what it is told
  selector_missing,  ///< which instances are the service's is not said,
  selector_invalid,  ///< … or cannot be understood,
  ambiguous_owner,   ///< … or they are somebody else's as well
};

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
/// From the table: a platform of its own, `{"replicas": 2}` of them at the start, with a `fault` by
/// its name. Errc::invalid_argument: there is none of that name.
Result<std::unique_ptr<Driver>> memory_driver(Setting setting);

}  // namespace selfscale::drivers
